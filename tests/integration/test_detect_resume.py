"""A detecting process is killed, and the next one goes on where it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenes import CHECKPOINT, draw_scenes, write_archive

IMAGES = 90
BATCH_SIZE = 2


def start(folder: Path, *options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "treeline", "detect", "shard", "--archive", folder / "shard.tar"]
    command += ["--results", folder / "results.json", "--model", CHECKPOINT, "--device", "cpu"]
    command += ["--batch-size", BATCH_SIZE, "--log", folder / "job.log", *options]
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)


def finished_batches(folder: Path) -> list[Path]:
    return sorted((folder / "results.json.partial").rglob("batch-*.json"))


def kill_after(folder: Path, batches: int) -> int:
    """Start a run, kill it once so many batches are finished, and return how many it really finished."""
    process = start(folder)
    while len(finished_batches(folder)) < batches and process.poll() is None:
        os.sched_yield()
    process.kill()
    assert process.wait() < 0, "the run was too fast to be killed"
    return len(finished_batches(folder))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_archive(folder / "shard.tar", draw_scenes(IMAGES), broken_jpg=b"no image")
    assert start(folder).wait() == 0
    return (folder / "results.json").read_bytes()


def test_killed_runs_lose_no_finished_batch_and_change_no_byte(tmp_path: Path, uninterrupted: bytes) -> None:
    write_archive(tmp_path / "shard.tar", draw_scenes(IMAGES), broken_jpg=b"no image")
    done = 0
    for more in (1, 7):
        done = kill_after(tmp_path, done + more)
        assert not (tmp_path / "results.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in finished_batches(tmp_path)}
    process = start(tmp_path)
    untouched = kept
    while process.poll() is None and finished_batches(tmp_path):
        untouched = {path: path.stat().st_mtime_ns for path in kept if path.exists()} or untouched
    assert process.wait() == 0
    assert untouched.items() <= kept.items()
    assert (tmp_path / "results.json").read_bytes() == uninterrupted
    (resumed,) = re.findall(r"(\d+) images were done by an earlier run", (tmp_path / "job.log").read_text())
    assert int(resumed) == done * BATCH_SIZE
    assert not (tmp_path / "results.json.partial").exists()


def test_batches_of_another_threshold_are_not_mixed_in(tmp_path: Path) -> None:
    write_archive(tmp_path / "shard.tar", draw_scenes(IMAGES))
    assert kill_after(tmp_path, 1) >= 1
    assert start(tmp_path, "--threshold", 0.9).wait() == 0
    assert "; 0 images were done by an earlier run" in (tmp_path / "job.log").read_text()
    assert '"threshold": 0.9' in (tmp_path / "results.json").read_text()
