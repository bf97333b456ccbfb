"""An extraction that is killed at any moment leaves its folder whole or absent, and a rerun completes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tiny_shards import write_shard

ROOT = Path(__file__).parents[2]
ROWS = 6000


def start(root: Path, name: str) -> subprocess.Popen[bytes]:
    """Start the extraction of everything into `root/<name>`."""
    arguments = ["extract", "batch", "--lookup", "lookup.parquet", "--root", ".", "--max-rows", "64", "--output", name]
    arguments += ["--report", f"{name}.report.csv", "--missing", f"{name}.missing.csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.Popen(
        [sys.executable, "-m", "treeline", *arguments], cwd=root, env=environment, stderr=subprocess.PIPE
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    uuids = [f"u{number:05}" for number in range(ROWS)]
    write_shard(folder / "a", uuids, uuids)
    pq.write_table(pa.table({"uuid": uuids, "path": ["a"] * ROWS}), folder / "lookup.parquet")
    assert start(folder, "whole").wait() == 0
    return folder


def first_part_is_begun(root: Path) -> bool:
    return any(root.glob(".tmp-*-out/out/*"))


def tenth_part_is_begun(root: Path) -> bool:
    return any(root.glob(".tmp-*-out/out/part-00010.parquet"))


def lookup_table_is_read(root: Path) -> bool:
    return any(root.glob(".tmp-*-asked-out"))


@pytest.mark.parametrize("moment", [lookup_table_is_read, first_part_is_begun, tenth_part_is_begun])
def test_killed_extraction_is_whole_or_absent(root: Path, moment: Callable[[Path], bool]) -> None:
    process = start(root, "out")
    while process.poll() is None and not moment(root):
        pass
    process.kill()
    process.communicate()
    assert process.returncode == -9, "it ended before it could be killed: the test would prove nothing"
    assert not (root / "out").exists() and not (root / "out.report.csv").exists()

    assert start(root, "out").wait() == 0
    assert contents(root / "out") == contents(root / "whole")
    assert (root / "out.report.csv").read_text() == f"asked,found,missing,duplicates\n{ROWS},{ROWS},0,0\n"
    assert not any(root.glob(".tmp-*"))
    for made in (root / "out").iterdir():
        made.unlink()
    (root / "out").rmdir()
    (root / "out.report.csv").unlink()
