"""Stages that work through many files come to the same bytes with any number of MPI ranks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipeline import ENVIRONMENT, tree
from tests.tiny_shards import paths_below, write_manifest, write_shard
from treeline.paths import Paths, shard_folder

SHARDS = 70
ROWS = 6


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """More shards than a rank scans at once, each of three row groups; every fifth image is in the next shard, too."""
    paths = paths_below(tmp_path_factory.mktemp("ranks"))
    for number in range(SHARDS):
        uuids = [f"u{number:03}-{row}" for row in range(ROWS - 1)] + [f"u{number // 5 * 5:03}-0"]
        write_shard(paths.shard("a.org", number) / "successes.parquet", uuids, uuids, row_group_rows=2)
    write_manifest(paths, [("a.org", number, ROWS) for number in range(SHARDS)])
    return paths


def run(ranks: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command of Treeline with so many MPI processes."""
    launcher = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, sys.executable, "-m", "treeline", *map(str, arguments), "--ranks", str(ranks)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)


def scan(paths: Paths, output: Path, ranks: int) -> subprocess.CompletedProcess[str]:
    options = ("--manifest", paths.manifest, "--ignored", paths.ignored, "--images", paths.images, "--root", paths.root)
    return run(ranks, "lookup", "scan", *options, "--output", output)


def extract(paths: Paths, lookup: Path, folder: Path, ranks: int) -> subprocess.CompletedProcess[str]:
    options = ("--lookup", lookup, "--root", paths.root, "--output", folder / "parts", "--max-rows", 20)
    reports = ("--report", folder / "report.csv", "--missing", folder / "missing.csv")
    return run(ranks, "extract", "batch", *options, *reports)


def test_a_scan_by_any_number_of_ranks(paths: Paths, tmp_path: Path) -> None:
    outputs = [tmp_path / str(ranks) / "images.parquet" for ranks in (1, 2, 4)]
    for output, ranks in zip(outputs, (1, 2, 4), strict=True):
        done = scan(paths, output, ranks)
        assert done.returncode == 0, done.stderr
    assert pq.read_metadata(outputs[0]).num_rows == SHARDS * ROWS
    assert outputs[1].read_bytes() == outputs[2].read_bytes() == outputs[0].read_bytes()


def test_an_extraction_by_any_number_of_ranks(paths: Paths, tmp_path: Path) -> None:
    lookup = tmp_path / "lookup.parquet"
    files = [f"images/{shard_folder('a.org', number)}/successes.parquet" for number in range(SHARDS)]
    asked = [(f"u{number:03}-{row}", path) for number, path in enumerate(files) for row in range(ROWS)]
    asked += [(f"u{number // 5 * 5:03}-0", path) for number, path in enumerate(files)] + [("u000-1", "images/gone")]
    pq.write_table(pa.table(dict(zip(("uuid", "path"), zip(*asked, strict=True), strict=True))), lookup)
    for ranks in (1, 2, 4):
        done = extract(paths, lookup, tmp_path / str(ranks), ranks)
        assert done.returncode == 0, done.stderr
    one, two, four = (tree(tmp_path / str(ranks)) for ranks in (1, 2, 4))
    assert len([name for name in one if name.startswith("parts/")]) > 10
    assert one == two == four
    *_, counts = (tmp_path / "1" / "report.csv").read_text().splitlines()
    assert counts == f"{len(asked)},{SHARDS * (ROWS - 1)},{SHARDS + 1},{SHARDS}"


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_damaged_shard_is_one_clear_error_and_leaves_nothing(paths: Paths, tmp_path: Path, ranks: int) -> None:
    damaged = Paths(tmp_path / "collection", paths.structure)
    for name, content in tree(paths.root).items():
        file = damaged.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half a shard" if "partition_id=40/" in name else content)
    output = tmp_path / "lookup" / "images.parquet"
    done = scan(damaged, output, ranks)
    assert done.returncode != 0
    assert "partition_id=40/successes.parquet" in done.stderr
    assert "Delete the file at fault" in done.stderr
    assert "Traceback" not in done.stderr
    assert [file for file in output.parent.rglob("*") if file.is_file()] == []


def test_another_number_of_ranks_than_was_told(paths: Paths, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "treeline", "extract", "batch", "--ranks", "2", "--lookup", "l", "--root", "r",
         "--output", str(tmp_path / "o"), "--report", "r", "--missing", "m"],
        env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--ranks is 2, but MPI has started 1. Start it with `mpiexec -n 2`" in done.stderr
