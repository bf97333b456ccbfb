"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# At every start, Snakemake's plugin asks Slurm for its settings. Where Slurm's programs are installed and nobody
# answers, as after `make slurm-test`, that takes 9 seconds; with an empty configuration, none. tests/slurm undoes this.
os.environ.setdefault("SLURM_CONF", os.devnull)

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile("treeline", deadline=None)
hypothesis.settings.load_profile("treeline")


@pytest.fixture(scope="session")
def example_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the example's photos, drawn once for all test processes."""
    return tmp_path_factory.getbasetemp().parent / "example-images"
