"""The command, killed at random moments and run again, ends with the files of a run that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.url_tables import plain_rows, tree, write_csv
from treeline.urls.batches import BATCH_FILES

KILLS = 3


def command(table: Path, folder: Path) -> list[str]:
    options = ["--batch-size", "5", "--threads", "1", "--memory-mb", "400"]
    arguments = ["--input", str(table), "--output-folder", str(folder), *options]
    return [sys.executable, "-m", "treeline", "urls", "partition", *arguments]


def kill_once_batches_are_there(table: Path, folder: Path, batches: int) -> bool:
    """Start the command and kill it as soon as it has written so many batches; whether it was still running."""
    with subprocess.Popen(command(table, folder), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and sum(1 for file in folder.glob(BATCH_FILES)) < batches:
            os.sched_yield()
        process.kill()
        return process.wait() == -signal.SIGKILL


def test_a_killed_run_goes_on_to_the_same_files(tmp_path: Path) -> None:
    rows = plain_rows(600, servers=7)
    random.Random(3).shuffle(rows)
    table = write_csv(tmp_path / "in.csv", [*rows, *rows[:50], {"identifier": "", "source_id": "none"}])
    subprocess.run(command(table, tmp_path / "whole"), check=True, stderr=subprocess.DEVNULL)
    moments = sorted(random.Random(4).sample(range(1, 110), KILLS))
    killed = [kill_once_batches_are_there(table, tmp_path / "killed", moment) for moment in moments]
    subprocess.run(command(table, tmp_path / "killed"), check=True, stderr=subprocess.DEVNULL)
    assert any(killed)
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")
