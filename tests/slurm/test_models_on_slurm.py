"""Models on a cluster: several processes of a job train together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.model_projects import SMALL, make_project, make_shapes, write
from tests.pipeline import ENVIRONMENT, Project
from tests.slurm.cluster import run, submitted
from treeline.models.trained import load_trained

pytestmark = pytest.mark.timeout(900)


def test_processes_of_a_job_train_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They find each other by Slurm's variables, and end with the weights that Lightning's own processes end with."""
    # The nodes are this machine, and their names no addresses.
    monkeypatch.setitem(ENVIRONMENT, "MASTER_ADDR", "127.0.0.1")
    folder = make_project(tmp_path / "cluster", names=["together"], steps=[])
    make_shapes(folder)
    write(folder / "config/experiments/together.yaml", {**SMALL, "devices": 2})
    alone = Project(shutil.copytree(folder, tmp_path / "alone"), tmp_path)
    trained = "results/models/together/best.ckpt"
    with run(Project(folder, tmp_path, profile="slurm"), trained) as pipeline:
        assert "rule_model_train_together" in submitted(pipeline.finish())
    alone.snakemake(trained)
    weights = [load_trained(project / trained).model.state_dict() for project in (folder, alone.folder)]
    assert weights[0].keys() == weights[1].keys()
    assert [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])] == []
