"""A small project whose results are known, for every test on the cluster."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline import ENVIRONMENT, Project, example_project
from tests.slurm.cluster import configure

for variables in (os.environ, ENVIRONMENT):
    if variables.get("SLURM_CONF") == os.devnull:  # what keeps all other tests from Slurm
        del variables["SLURM_CONF"]


@pytest.fixture(scope="session", autouse=True)
def _cluster() -> None:
    ping = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
    assert ping.returncode == 0, f"no Slurm answers; start one with tests/slurm/start.sh. {ping.stdout}{ping.stderr}"


@pytest.fixture(autouse=True)
def _nothing_left_in_memory() -> Iterator[None]:
    before = {*Path("/dev/shm").glob("mpich_*")}
    yield
    assert {*Path("/dev/shm").glob("mpich_*")} <= before


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, example_images: Path) -> Iterator[Project]:
    """The project as one machine makes it."""
    with example_project(tmp_path_factory.mktemp("slurm") / "local", example_images) as project:
        project.halve()
        configure(project)
        project.snakemake()
        yield project


@pytest.fixture
def project(whole: Project, tmp_path: Path) -> Project:
    """The same without results, for the cluster."""
    project = whole.copy(tmp_path / "project", profile="slurm")
    configure(project)
    return project
