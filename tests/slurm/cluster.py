"""Runs of the pipeline on the Slurm that `start.sh` has started."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psutil

from tests.pipeline import ENVIRONMENT, Project

POLL_SECONDS = 0.2
MOST_SECONDS = 600.0

# A job's end is noticed after seconds, not minutes.
QUICK = (
    "--slurm-init-seconds-before-status-checks",
    "2",
    "--seconds-between-status-checks",
    "2",
    "--latency-wait",
    "10",
)


def configure(
    project: Project, downloader: Mapping[str, object] | None = None, ranks: int = 1, **download: object
) -> None:
    """A small demo with lanes of several shards, MPI ranks that look up and extract, and changes of the download."""
    project.configure(
        downloader_parameters={"default_rate_limit": 20, "batch_size": 30, **(downloader or {})},
        download=download,
        lookup={"groups": ["museum_specimen_all", "yale_plants"], "scan_ranks": ranks},
        extract={"ranks": ranks},
    )


class Job(NamedTuple):
    """A job that is queued or runs.

    Args:
        number: Slurm's.
        state: `PENDING`, `RUNNING`, ...
        node: Where it runs.
        comment: The rule, or the group, that the plugin wrote down.
    """

    number: int
    state: str
    node: str
    comment: str


class Run:
    """Snakemake on the cluster, under way.

    Args:
        project: What it makes.
        options: More of its options, and targets.
    """

    def __init__(self, project: Project, *options: str) -> None:
        self._project, self._log = project, project.folder / "snakemake.log"
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                project.command(*QUICK, *options), env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def output(self) -> str:
        """What Snakemake has printed so far."""
        return self._log.read_text()

    def finish(self) -> str:
        """Wait for a successful end; gives the output."""
        try:
            code = self.process.wait(MOST_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end after {MOST_SECONDS:.0f} s. {self._report()}\n{stacks()}") from None
        assert code == 0, self._report()
        return self.output

    def _report(self) -> str:
        """What is known of a run that went wrong: its jobs, their newest output, and its own."""
        folders = (self._project.folder / ".snakemake/slurm_logs", self._project.results / "logs")
        found = [log for folder in folders for log in folder.rglob("*.log")]
        logs = sorted(found, key=lambda log: log.stat().st_mtime)
        texts = [f"{log}:\n{log.read_text(errors='replace')[-2000:]}" for log in logs[-5:]]
        return "\n".join([str(jobs()), *texts, self.output[-8000:]])

    def wait_for(self, what: Callable[[], object]) -> None:
        """Wait until something is so, while Snakemake runs."""
        deadline = time.monotonic() + MOST_SECONDS
        while not what():
            assert self.process.poll() is None, self.output[-8000:]
            assert time.monotonic() < deadline, self.output[-8000:]
            time.sleep(POLL_SECONDS)

    def running(self, name: str) -> list[Job]:
        """Wait for running jobs of a rule or group with this in its name, and list them."""
        found: list[Job] = []

        def any_runs() -> list[Job]:
            found[:] = [job for job in jobs() if job.state == "RUNNING" and name in job.comment]
            return found

        self.wait_for(any_runs)
        return found


@contextmanager
def run(project: Project, *options: str) -> Iterator[Run]:
    """Have Snakemake run on the cluster; what is left of it and of its jobs ends with the block."""
    running = Run(project, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
        cancel_all()


def cancel_all() -> None:
    """End every job and all its processes, as control groups do on a real cluster, and wait until none is left."""
    subprocess.run(["scancel", "--user=root"], check=True)
    wait_until(lambda: not jobs())
    for process in processes_of_jobs():
        with suppress(psutil.Error):  # it has ended
            process.kill()


def processes_of_jobs() -> Iterator[psutil.Process]:
    """All that jobs have started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or is not ours
            if "SLURM_JOB_ID" in process.environ():
                yield process


def stacks() -> str:
    """Where each process of a job, and of Slurm, is: for who reads why a run does not end."""
    daemons = [process for process in psutil.process_iter() if process.name().startswith("slurm")]
    return "\n".join(_stack(process) for process in (*processes_of_jobs(), *daemons))


def _stack(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        title = f"{process.pid}, child of {process.ppid()}, {process.status()}: {' '.join(process.cmdline())[:200]}"
        command = ["py-spy", "dump", "--native", "--pid", str(process.pid)]
        if "python" not in process.exe():
            command = ["cat", f"/proc/{process.pid}/wchan", f"/proc/{process.pid}/stack"]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
        return f"{title}\n{done.stdout}{done.stderr}"
    return f"{process.pid} has ended"


def wait_until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + MOST_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


def jobs() -> list[Job]:
    """The jobs that are queued or run."""
    command = ["squeue", "--noheader", "--format=%A|%T|%N|%k"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    fields = (line.split("|", 3) for line in lines)
    return [Job(int(number), state, node, comment) for number, state, node, comment in fields]


def status(project: Project) -> dict[str, Any]:
    """What `treeline status` says of a project."""
    command = [sys.executable, "-m", "treeline", "status", "--json", "--config", "config.yaml"]
    done = subprocess.run(command, cwd=project.folder, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def submitted(output: str) -> list[str]:
    """The rules and groups of which Snakemake's output says that a job was submitted."""
    return re.findall(r"/(rule_\w+|group_[\w-]+)/(?:[^/]+/)?\d+\.log\)", output)


def control(*arguments: str) -> None:
    """Have the controller do something."""
    subprocess.run(["scontrol", *arguments], check=True)


def assert_same(project: Project, whole: Project, stages: tuple[str, ...] = ("",)) -> None:
    """Check that all that some stages make, by default all, is there, byte for byte."""
    wanted = {name: content for name, content in whole.outcome().items() if name.startswith(stages)}
    outcome = {name: content for name, content in project.outcome().items() if name.startswith(stages)}
    assert outcome.keys() == wanted.keys()
    assert [name for name in wanted if outcome[name] != wanted[name]] == []
