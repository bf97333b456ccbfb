"""What goes wrong on a cluster: afterwards all is there, the same bytes, and nothing finished was fetched again."""

from __future__ import annotations

import math
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pipeline import ENVIRONMENT, Project
from tests.slurm.cluster import (
    QUICK,
    Run,
    assert_same,
    cancel_all,
    configure,
    control,
    jobs,
    run,
    status,
    wait_until,
)

STAGES = ("urls/", "images/", "decoded/")
SLOW = {"default_rate_limit": 5}
"""Downloads take long enough for something to happen to them."""

RATE_OF_A_LONG_JOB = 0.35
"""Thirty images take longer than a minute, by more than Slurm is late to end a job."""

WARNED_SECONDS = 120
"""A job that has Snakemake in it gets its signal so long before its end."""

UNANSWERED = 8
"""Questions of which each waits for the controller, one after the other: the plugin asks five by itself, and then loses
sight of its jobs, if nobody tells it to go on."""

RATE_OF_A_SILENCE = 1
"""Thirty images take longer than all downloads take to begin, so that none is to be followed by another meanwhile."""

RESTARTED = "Trying to restart job"
"""What Snakemake says of a job that has failed: without it the drill has struck nothing."""

pytestmark = pytest.mark.timeout(900)


@contextmanager
def nothing_finished_is_asked_again(project: Project) -> Iterator[None]:
    """Check that the block asks for no image that was finished before it."""
    finished, before = set(project.finished_urls()), len(project.requests())
    yield
    assert finished.isdisjoint(project.requests()[before:])


def slow_down(project: Project) -> None:
    """Lower the rate limit; the images stay the same."""
    configure(project, SLOW)


def some_segments(project: Project) -> list[str]:
    """URLs of finished rows, once there are some."""
    return list(project.finished_urls())


@contextmanager
def results_disk(project: Project, size: int) -> Iterator[None]:
    """Have the results on a disk of their own, of so many bytes."""
    project.results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "treeline", str(project.results)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(project.results)], check=True)


@contextmanager
def run_in_a_job(project: Project, *options: str) -> Iterator[Path]:
    """Have Snakemake itself run in a job, named treeline; gives what it prints."""
    output = project.folder / "job.log"
    command = shlex.join(project.command(*QUICK, "decode"))
    sbatch = ["sbatch", "--job-name=treeline", f"--output={output}", "--mem=1000", "--time=30", *options]
    try:
        subprocess.run([*sbatch, f"--wrap=exec {command}"], env=ENVIRONMENT, check=True, capture_output=True)
        yield output
    finally:
        cancel_all()


def size_of(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def finish_and_compare(project: Project, whole: Project) -> None:
    """Run to the end what is left, and compare it."""
    with nothing_finished_is_asked_again(project), run(project, "decode") as rest:
        rest.finish()
    assert_same(project, whole, STAGES)


def test_cancelled_jobs_are_submitted_again(project: Project, whole: Project) -> None:
    slow_down(project)
    with run(project, "decode") as pipeline:
        for job in pipeline.running("download-lane"):
            subprocess.run(["scancel", str(job.number)], check=True)
        assert RESTARTED in pipeline.finish()
    assert_same(project, whole, STAGES)


def test_a_job_over_its_time_goes_on_in_the_next(project: Project, whole: Project) -> None:
    """The job ends in good order, of itself or at Slurm's SIGTERM; Snakemake submits it again, and it goes on there."""
    profiles = (whole.results / "profiles.csv").read_text().splitlines()
    server, batches, *_ = profiles[2].split(",")  # one that answers well, of more images than a batch has
    assert int(batches) > 1
    project.results.mkdir()
    (project.results / "profiles.csv").write_text(f"{profiles[0]}\n{server},{batches},0,0,{RATE_OF_A_LONG_JOB},\n")
    with run(project, "decode", "--retries", "20", "--set-resources", "download_shard:runtime=1") as pipeline:
        assert RESTARTED in pipeline.finish()
    assert_same(project, whole, STAGES)


def test_a_job_that_hangs_is_killed_at_its_time_and_submitted_again(project: Project, whole: Project) -> None:
    """It does not hear SIGTERM; Slurm's SIGKILL ends it, and the next job goes on behind its last segment."""
    slow_down(project)
    with run(project, "decode", "--set-resources", "download_shard:runtime=2") as pipeline:
        job = pipeline.running("download-lane")[0]
        subprocess.run(["scancel", "--signal=STOP", "--full", str(job.number)], check=True)
        assert RESTARTED in pipeline.finish()
        assert [failed["state"] for failed in status(project)["jobs"]["failed"]] == ["TIMEOUT"]
    assert_same(project, whole, STAGES)


def test_a_full_results_disk_costs_nothing_but_time(project: Project, whole: Project) -> None:
    with results_disk(project, size_of(whole.results / "images") // 2):
        with run(project, "decode", "--retries", "0") as full:
            assert full.process.wait() != 0
        assert "Nothing is half-written: make room" in full.output
        subprocess.run(["mount", "-o", "remount,size=1g", str(project.results)], check=True)
        finish_and_compare(project, whole)


def test_a_job_over_its_memory_gets_more(project: Project, whole: Project) -> None:
    with run(project, "decode", "--set-resources", "decode_shard:mem_mb=40*attempt**4") as pipeline:
        output = pipeline.finish()
    assert RESTARTED in output
    assert_same(project, whole, STAGES)


def test_jobs_of_a_node_that_goes_down_run_elsewhere(project: Project, whole: Project) -> None:
    slow_down(project)
    with run(project, "decode") as pipeline:
        node = pipeline.running("download-lane")[0].node
        control("update", f"nodename={node}", "state=down", "reason=drill")
        try:
            assert RESTARTED in pipeline.finish()
        finally:
            # Refused where the node's daemon has reported it back by itself.
            subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], capture_output=True)
    assert_same(project, whole, STAGES)


def test_a_new_run_beside_the_jobs_of_a_killed_one(project: Project, whole: Project) -> None:
    slow_down(project)
    with run(project, "decode") as killed:
        killed.running("download-lane")
        killed.wait_for(lambda: some_segments(project))
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
        project.snakemake("--unlock")
        with nothing_finished_is_asked_again(project):
            second = Run(project, "decode")
            second.finish()
    assert_same(project, whole, STAGES)


def test_an_interrupted_run_cancels_its_jobs(project: Project, whole: Project) -> None:
    slow_down(project)
    with run(project, "decode") as interrupted:
        interrupted.running("download-lane")
        interrupted.wait_for(lambda: some_segments(project))
        os.killpg(interrupted.process.pid, signal.SIGINT)  # as Ctrl-C does
        assert interrupted.process.wait() != 0
        wait_until(lambda: not jobs())
    finish_and_compare(project, whole)


def test_snakemake_in_a_job_ends_in_time_and_goes_on_in_the_next(project: Project, whole: Project) -> None:
    """As the guide says: shortly before its end the job gets a signal, and Snakemake cancels what it has submitted."""
    slow_down(project)
    started = time.monotonic()
    with run_in_a_job(project, f"--signal=B:INT@{WARNED_SECONDS}") as first:
        wait_until(lambda: any("download-lane" in job.comment for job in jobs()))
        minutes = math.ceil((time.monotonic() - started + WARNED_SECONDS) / 60)  # its end draws near: the signal is due
        control("update", "jobname=treeline", f"timelimit={minutes}")
        wait_until(lambda: not jobs())
        assert "Terminating processes on user request" in first.read_text()
    project.snakemake("--unlock")
    with nothing_finished_is_asked_again(project), run_in_a_job(project) as second:
        wait_until(lambda: not jobs())
        assert "(100%) done" in second.read_text()
    assert_same(project, whole, STAGES)


def test_the_controller_restarts(project: Project, whole: Project) -> None:
    """Jobs that run when it falls silent go on, and are seen again when it answers."""
    configure(project, {"default_rate_limit": RATE_OF_A_SILENCE})
    with run(project, "decode") as pipeline:
        pipeline.wait_for(lambda: all_downloads_are_under_way(project, pipeline))
        control("shutdown", "slurmctld")
        pipeline.wait_for(lambda: subprocess.run(["scontrol", "ping"], capture_output=True).returncode != 0)
        for _ in range(UNANSWERED):
            assert subprocess.run(["squeue"], capture_output=True).returncode != 0
        subprocess.run(["slurmctld"], check=True)
        assert RESTARTED not in pipeline.finish()
    assert_same(project, whole, STAGES)


def all_downloads_are_under_way(project: Project, pipeline: Run) -> bool:
    """Whether each download that Snakemake has chosen has begun, and nothing else is queued: none needs the controller.

    One that has ended is counted, too: a short one may end before the last begins.
    """
    chosen = set(re.findall(r"Group job (download-lane-\S+)", pipeline.output))
    begun = list(project.results.glob("logs/current/*/*.log"))
    queued = jobs()
    return (
        len(chosen) == len(begun)
        and bool(queued)
        and all(job.state == "RUNNING" and "download-lane" in job.comment for job in queued)
    )


def test_a_group_whose_last_member_fails_keeps_the_others_images(project: Project, whole: Project) -> None:
    """Snakemake deletes what a failed group has finished: links in the spool bring it back without a request."""
    configure(project, SLOW, shards_per_job=3)
    with run(project, "decode", "--retries", "0") as pipeline:
        pipeline.wait_for(lambda: any(project.results.glob("images/*/partition_id=1/completed")))
        for job in pipeline.running("download-lane"):
            subprocess.run(["scancel", "--signal=KILL", "--full", str(job.number)], check=True)
        pipeline.process.wait()
    finish_and_compare(project, whole)
