"""An analysis as Snakemake makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.dataset_folders import make_dataset
from tests.dataset_sources import describe
from tests.pipeline import ENVIRONMENT, ROOT, executed
from treeline.analyze.tables import read_tables
from treeline.io.datasets.metadata import write_metadata

pytestmark = pytest.mark.timeout(600)


def snakemake(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(project)]
    command += ["--configfile", str(project / "config.yaml"), "--profile", str(ROOT / "profiles/local"), *options]
    return subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_every_dataset_of_the_configuration_is_analysed(tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text("identifier\n")
    (tmp_path / "config/datasets").mkdir(parents=True)
    describe(tmp_path / "config/datasets/demo.yaml", {"kind": "folder", "path": "photos"})
    config = {"path_to_input": "urls.csv", "stages": ["datasets"], "datasets": {"names": ["demo"]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    folder = tmp_path / "results/datasets/demo"
    write_metadata(make_dataset(tmp_path / "photos").metadata, folder / "metadata.h5")
    done = snakemake(tmp_path, "analyze", "--allowed-rules", "analyze", "analyze_measure", "analyze_report")
    assert done.returncode == 0, done.stdout[-8000:]
    assert sorted(executed(done.stdout)) == ["analyze", "analyze_measure", "analyze_report"]
    assert read_tables(folder / "analysis")["dimensions"]["count"].tolist() == [12]
    assert {path.name for path in (folder / "analysis").iterdir()} == {
        *("tables", "analysis.h5", "recommendations.json"),
        *("report.html", "figures"),
    }
