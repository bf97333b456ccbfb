"""Every way to install Treeline installs the same lock, and notices when it changes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import yaml

ENVIRONMENTS = Path(__file__).parents[2] / "envs"


@pytest.mark.parametrize("recipe", ["treeline.yaml", "treeline.def"])
def test_a_recipe_names_the_lock_as_it_is(recipe: str) -> None:
    lock = hashlib.sha256((ENVIRONMENTS / "requirements.lock").read_bytes()).hexdigest()
    named = re.findall(r"requirements\.lock: sha256 (\S+)", (ENVIRONMENTS / recipe).read_text())
    assert named == [lock], "run envs/stamp.sh, as make lock does"


@pytest.mark.parametrize("recipe", ["treeline.post-deploy.sh", "treeline.def", "Containerfile"])
def test_a_recipe_installs_with_the_one_script(recipe: str) -> None:
    assert re.search(r"envs/install\.sh \S*python", (ENVIRONMENTS / recipe).read_text())


def test_conda_brings_nothing_but_python() -> None:
    recipe = yaml.safe_load((ENVIRONMENTS / "treeline.yaml").read_text())
    assert recipe["dependencies"] == ["python =3.11", "pip"]
