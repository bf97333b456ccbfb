"""kill -9 of Snakemake and of its jobs at random moments, twenty times, then one rerun: nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tests.pipeline import ENVIRONMENT, Project, example_project

KILLS = 20
SEED = 614
MOST_PROGRESS = 120
PROGRESS_OF_A_FILE = 5
POLL_SECONDS = 0.1

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory, example_images: Path) -> Iterator[tuple[Project, Project]]:
    """Two projects on the same servers: one that is left in peace, one that is not."""
    folder = tmp_path_factory.mktemp("kill")
    with example_project(folder / "whole", example_images) as whole:
        whole.halve()
        killed = whole.copy(folder / "killed")
        for project in (whole, killed):
            # Slow enough for kills to meet downloads.
            project.configure(
                downloader_parameters={"default_rate_limit": 20, "batch_size": 30},
                lookup={"groups": ["museum_specimen_all", "yale_plants"]},
            )
        yield whole, killed


def test_killed_runs_end_like_an_uninterrupted_one(projects: tuple[Project, Project]) -> None:
    whole, killed = projects
    whole.snakemake()
    assert any(pq.read_metadata(table).num_rows for table in whole.results.glob("images/*/*/errors.parquet"))
    requests_before = len(whole.requests())
    generator = random.Random(SEED)
    finished: dict[str, int] = {}
    for _ in range(KILLS):
        run_and_kill(killed, generator)
        for url in killed.finished_urls():
            finished.setdefault(url, len(killed.requests()))
    killed.snakemake("--unlock")
    killed.snakemake()

    asked = killed.requests()
    assert finished
    for url, number in finished.items():
        assert url not in asked[max(number, requests_before) :], f"{url} was in a finished segment and was asked again"
    outcome, wanted = killed.outcome(), whole.outcome()
    assert outcome.keys() == wanted.keys()
    assert [name for name in wanted if outcome[name] != wanted[name]] == []


def run_and_kill(project: Project, generator: random.Random) -> None:
    """Start Snakemake, and after some progress kill it, one of its jobs, or everything at once."""
    goal = progress(project) + generator.randrange(1, MOST_PROGRESS)
    with (project.folder / "snakemake.log").open("a") as log:
        command = project.command("--nolock")
        run = subprocess.Popen(command, env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True)
    while run.poll() is None and progress(project) < goal:
        time.sleep(POLL_SECONDS)
    if run.poll() is None:
        jobs = [process.pid for process in of_session(run.pid) if process.pid != run.pid]
        for victim in generator.choice([[run.pid], jobs[-1:], [run.pid, *jobs]]):
            kill(victim)
    # What is left goes on for a moment, without Snakemake or without the job, and is then killed too.
    time.sleep(generator.uniform(0, 0.5))
    left = of_session(run.pid)
    for process in left:
        kill(process.pid)
    psutil.wait_procs(left)  # until the system has let go of their locks
    run.wait()


def progress(project: Project) -> int:
    """A number that grows with every request, and with every file of the stages after the downloads."""
    stages = ("decoded", "detections", "lookup", "extracted")
    # Unlike rglob, walk goes on when a folder vanishes under it.
    files = sum(len(names) for stage in stages for _, _, names in os.walk(project.results / stage))
    requests = sum(log.read_bytes().count(b"\n") for log in project.logs.glob("*.jsonl"))
    return requests + PROGRESS_OF_A_FILE * files


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def of_session(leader: int) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if session_of(process.pid) == leader]


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
