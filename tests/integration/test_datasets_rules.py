"""Datasets as Snakemake makes them: what is done anew when something changes, and what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.dataset_sources import describe, jpeg, write_photos
from tests.pipeline import ENVIRONMENT, ROOT, executed
from treeline.io.datasets.metadata import read_metadata

pytestmark = pytest.mark.timeout(600)

BEFORE = ["dataset_source", "dataset_measure"]
AFTER = ["dataset_step", "dataset_split", "dataset_finish", "dataset_in_folder", "all"]


def describe_demo(project: Path, *steps: dict[str, Any], **more: Any) -> None:
    source = {"kind": "folder", "path": "photos"}
    splits = {"kind": "stratified", "val": 0.2, "test": 0.2}
    describe(project / "config/datasets/demo.yaml", source, steps=list(steps), splits=splits, **more)


def snakemake(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(project)]
    command += ["--configfile", str(project / "config.yaml"), "--profile", str(ROOT / "profiles/local"), *options]
    return subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def started(project: Path, *options: str) -> list[str]:
    """Rules that are run, or would be, in alphabetical order."""
    done = snakemake(project, *options)
    assert done.returncode == 0, done.stdout[-8000:]
    assert bool(rules := executed(done.stdout)) != ("Nothing to be done" in done.stdout)
    return sorted(rules)


def times(project: Path) -> dict[str, int]:
    folder = project / "results/datasets/demo"
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a finished dataset."""
    project = tmp_path_factory.mktemp("datasets")
    files = {
        f"{label}/{seed}.jpg": jpeg(seed)
        for label, first in (("deer", 0), ("hare", 10))
        for seed in range(first, first + 10)
    }
    write_photos(project / "photos", files)
    (project / "urls.csv").write_text("identifier\n")
    (project / "config/datasets").mkdir(parents=True)
    describe_demo(project, {"limit_per_class": {"maximum": 9}})
    config = {"path_to_input": "urls.csv", "stages": ["datasets"], "datasets": {"names": ["demo"]}}
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    assert started(project) == sorted(["plan_dataset", *BEFORE, *AFTER])
    yield project


def test_a_dataset_is_made_and_accounted_for(project: Path) -> None:
    folder = project / "results/datasets/demo"
    metadata = read_metadata(folder / "metadata.h5")
    assert metadata.class_names == ("deer", "hare")
    assert metadata.index["label"].value_counts().to_dict() == {"deer": 9, "hare": 9}
    assert set(metadata.index["split"]) == {"train", "val", "test"}
    dropped = pd.concat([pd.read_csv(file) for file in sorted(folder.glob("steps/*/dropped.csv"))])
    listed = read_metadata(folder / "steps/00-source/metadata.h5").index
    assert sorted([*metadata.index["image_path"], *dropped["image_path"]]) == listed["image_path"].tolist()
    assert dropped["reason"].notna().all()
    assert json.loads((folder / "leakage.json").read_text())
    assert len(read_metadata(folder / "imagefolder/metadata.h5")) == 18


def test_only_what_changes_is_done_anew(project: Path) -> None:
    before = times(project)
    describe_demo(project, {"limit_per_class": {"maximum": 8}}, title="Another title")
    assert started(project) == sorted(["plan_dataset", *AFTER])
    same = {name for name, time in times(project).items() if before.get(name) == time}
    assert {"steps/01-measure/metadata.h5", "plan/01-measure.json", "plan/split.json"} <= same
    assert len(read_metadata(project / "results/datasets/demo/metadata.h5")) == 16
    assert started(project, "--dry-run") == []
    describe_demo(project, {"drop_everything": {}})
    refused = snakemake(project, "--dry-run")
    assert refused.returncode != 0
    assert "there is no such step" in refused.stdout
