"""Treeline as a module of another workflow: the example of docs/module.md, as it is printed there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.guides import ROOT, blocks
from tests.pipeline import ENVIRONMENT, executed, tree
from tests.servers import ImageServer, Reply
from tests.shards import encoded_kinds
from tests.snakemake_runs import run_snakemake
from treeline.config import STAGES

PAGE = ROOT / "docs" / "module.md"
SNAKEFILE, CONFIGURATION = (
    next(block.text for block in blocks(PAGE) if start in block.text) + "\n"
    for start in ("module treeline:", "path_to_input:")
)
JPEG = encoded_kinds()["jpeg"]
WITHOUT_TREELINE = """
import sys


class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name == "treeline":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Nowhere())
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """The folder that the guide shows, with photos on a server of this machine."""
    (tmp_path / "treeline").symlink_to(ROOT)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    with ImageServer() as server:
        rows = [f"{server.add(f'/{number}.jpg', Reply(JPEG))},CC{number % 2}" for number in range(3)]
        (tmp_path / "photos.csv").write_text("\n".join(["identifier,license", *rows]) + "\n")
        configure(tmp_path)
        yield tmp_path


def configure(project: Path, **changes: object) -> None:
    """Write the guide's configuration, with a permission to ask this machine, and some changes."""
    config = yaml.safe_load(CONFIGURATION)
    config["downloader_parameters"]["allow_private_addresses"] = True
    (project / "collection.yaml").write_text(yaml.safe_dump(config | changes))


def snakemake(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_snakemake(["--profile", "treeline/profiles/local", *options], project, ENVIRONMENT)


def test_the_guides_example_runs_with_a_rule_of_its_own_and_other_resources(project: Path) -> None:
    done = snakemake(project)
    assert done.returncode == 0, done.stdout[-8000:]
    assert (project / "licences.csv").read_text().splitlines() == ["license,images", "CC0,2", "CC1,1"]
    assert [name for name in tree(project / "results") if name.endswith(".tar")]
    decoding = done.stdout[done.stdout.index("treeline_decode_shard:") :]
    assert "mem_mb=2000" in decoding.partition("Shell command")[0]
    again = snakemake(project)
    assert again.returncode == 0
    assert not executed(again.stdout)


def test_every_stage_can_be_planned(project: Path) -> None:
    demo = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    demo["lookup"]["groups_folder"] = "treeline/config/groups"
    demo["datasets"]["folder"], demo["models"]["folder"] = "treeline/config/datasets", "treeline/config/experiments"
    demo["lookup"]["metadata"] = "treeline/resources/example/occurrence.csv"
    demo["detector"]["model"] = "treeline/resources/detector/tiny_detector.pt"
    demo |= {"stages": list(STAGES), "path_to_input": "treeline/resources/example/multimedia.csv"}
    (project / "collection.yaml").write_text(yaml.safe_dump(demo))
    planned = snakemake(project, "--dry-run")
    assert planned.returncode == 0, planned.stdout[-8000:]
    assert {"treeline_partition_urls", "treeline_create_lookup_tables", "licences"} <= {*executed(planned.stdout)}


def test_a_module_with_a_prefix_is_refused(project: Path) -> None:
    (project / "Snakefile").write_text(SNAKEFILE.replace("module treeline:", 'module treeline:\n    prefix: "birds"'))
    refused = snakemake(project, "--dry-run")
    assert refused.returncode != 0
    assert "takes no `prefix`" in refused.stdout


def test_snakemake_without_treeline_says_what_to_do(project: Path) -> None:
    (project / "sitecustomize.py").write_text(WITHOUT_TREELINE)
    refused = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "Run `make setup` in the clone" in refused.stdout
    assert "Traceback" not in refused.stdout
