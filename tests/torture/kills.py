"""Processes that download, to be killed: found by a mark, as MPI gives each rank a session of the system of its own."""

from __future__ import annotations

import random
import signal
import subprocess
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.schedules import ENVIRONMENT

MARK = "TREELINE_KILLED_JOBS"
SECONDS_TO_DIE = 60.0
PROXY = "hydra_pmi_proxy"

EVERYTHING = "everything at once"
DECODER = "decoder"
TERMINATED = "nothing: SIGTERM"


class Jobs:
    """Downloads that run at once; none of their processes outlives the block.

    Args:
        commands: Each is started at once.
        shards: Number of shards that they download at once, all together.
        log: File that what they say is added to.
    """

    def __init__(self, commands: Sequence[Sequence[str]], shards: int, log: Path) -> None:
        self.shards = shards
        self._mark = uuid.uuid4().hex
        environment = {**ENVIRONMENT, MARK: self._mark}
        with log.open("ab") as file:
            self._started = [
                subprocess.Popen(command, env=environment, stdout=file, stderr=file) for command in commands
            ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill_all()

    @property
    def are_running(self) -> bool:
        """Whether any of them is."""
        return any(job.poll() is None for job in self._started)

    def strike(self, generator: random.Random) -> str:
        """Kill a process, or all, or ask for the end in good order; says who was killed."""
        parts = self._parts()
        victim = generator.choice([*sorted(parts), EVERYTHING, TERMINATED])
        if victim == EVERYTHING:
            self._kill_all()
        elif victim == TERMINATED:
            self._terminate(parts)
        else:
            send(signal.SIGKILL, generator.choice(parts[victim]))
        return victim

    def end(self, seconds: float) -> bool:
        """Give what is left some time to end, and then kill it; says whether that was necessary."""
        _, left = psutil.wait_procs(self._alive(), timeout=seconds)
        self._kill_all()
        for job in self._started:
            job.wait()
        return bool(left)

    def _terminate(self, parts: dict[str, list[psutil.Process]]) -> None:
        """Send SIGTERM as Snakemake or Slurm would: to all jobs of shards, to mpiexec, or to all ranks."""
        for part in ("shard", "mpiexec", "rank"):
            if part in parts:
                send(signal.SIGTERM, *parts[part])
                return

    def _kill_all(self) -> None:
        while alive := self._alive():
            send(signal.SIGKILL, *alive)
            _, undying = psutil.wait_procs(alive, timeout=SECONDS_TO_DIE)
            assert not undying

    def _parts(self) -> dict[str, list[psutil.Process]]:
        """The processes by the part that each plays."""
        parts = defaultdict(list)
        for process in self._alive():
            with suppress(psutil.Error):
                parts[part_of(process)].append(process)
        return parts

    def _alive(self) -> list[psutil.Process]:
        return list(processes_with(MARK, self._mark))


def processes_with(variable: str, value: str) -> Iterator[psutil.Process]:
    """The living processes in whose environment a variable has this value."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(variable) == value:
                yield process


def part_of(process: psutil.Process) -> str:
    """What a process does for a download."""
    program, *arguments = process.cmdline()
    name = Path(program).name
    if "treeline" not in arguments or name == "mpiexec":
        return DECODER if "treeline.download.decoder_process" in arguments else name
    if "fleet" not in arguments:
        return "shard"
    parent = process.parent()
    return "parent of a rank" if parent is not None and parent.name() == PROXY else "rank"


def send(number: signal.Signals, *processes: psutil.Process) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
