"""What is said of a shard while it is downloaded, and no longer."""

from __future__ import annotations

import itertools
import logging
import os
from pathlib import Path
from time import time

import pytest

from treeline.download.progress import FILE_SECONDS, Progress
from treeline.download.underway import SILENT_SECONDS, UnderwayFile, read_underway

SPOOL = Path("server_name=a.org%3A80") / "partition_id=7"


def test_a_shard_is_under_way_as_long_as_it_is_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    clock = itertools.count(0.0, FILE_SECONDS).__next__
    with Progress("a.org", 100, 40, UnderwayFile(tmp_path / SPOOL), clock=clock) as progress:
        (first,) = read_underway(tmp_path, time())
        assert (first.done, first.rows_per_second, first.rate_limit) == (40, None, None)
        for _ in range(10):
            progress.finished("success", 1000)
        progress.finished("404", 0)
        progress.update(25.0)
        (later,) = read_underway(tmp_path, time())
    assert later._replace(started=0, updated=0)._asdict() == {
        "server": "a.org%3A80",
        "partition": 7,
        "node": "n1",
        "job": "4711",
        "process": os.getpid(),
        "started": 0,
        "updated": 0,
        "rows": 100,
        "done": 51,
        "rows_per_second": 11 / FILE_SECONDS,
        "images_per_second": 10 / FILE_SECONDS,
        "bytes_per_second": 10_000 / FILE_SECONDS,
        "rate_limit": 25.0,
        "errors": {"404": 1},
    }
    assert later.server_name == "a.org:80"
    assert read_underway(tmp_path, time()) == []


def test_a_killed_job_counts_no_more_once_it_is_silent(tmp_path: Path) -> None:
    Progress("a.org", 100, 0, UnderwayFile(tmp_path / SPOOL)).__enter__()
    assert len(read_underway(tmp_path, time() + SILENT_SECONDS / 2)) == 1
    assert read_underway(tmp_path, time() + SILENT_SECONDS + 1) == []


def test_the_next_job_of_the_shard_takes_the_file_over(tmp_path: Path) -> None:
    for done in (0, 30):
        Progress("a.org", 100, done, UnderwayFile(tmp_path / SPOOL)).__enter__()
    assert [one.done for one in read_underway(tmp_path, time())] == [30]


def test_a_file_that_cannot_be_written_costs_no_image(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".underway").write_text("no folder")
    with caplog.at_level(logging.WARNING), Progress("a.org", 100, 0, UnderwayFile(tmp_path / SPOOL)):
        pass
    assert "treeline status will not know" in caplog.text
