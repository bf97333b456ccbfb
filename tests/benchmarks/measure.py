"""What a command costs: CPU time and memory of its whole tree of processes."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLING_SECONDS = 0.05
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Cost:
    """What commands cost that ran at once.

    Args:
        cpu_seconds: User and system time of the commands and all that they started, their start included.
        peak_mib: Largest sum of the resident memory of all their processes at one moment, in MiB, sampled 20 times a
            second; memory that processes share counts for each.
    """

    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Row:
    """One line of the table of results.

    Args:
        run: What ran on what.
        items: Number of images, or rows, that it handled.
        cost: What that cost.
        remark: How good the result is, or how it compares.
    """

    run: str
    items: int
    cost: Cost
    remark: str = ""

    @property
    def rate(self) -> float:
        """Items a CPU-second: what hardly depends on the machine's other load."""
        return self.items / self.cost.cpu_seconds


@dataclass(frozen=True)
class Check:
    """An aim, what was measured, and whether that meets it."""

    aim: str
    measured: str
    is_met: bool


class CommandError(Exception):
    """A measured command failed."""


def measure_commands(
    commands: Sequence[Sequence[str]], log: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run commands at once, to their end.

    Args:
        commands: Programs with their arguments.
        log: Gets what they print.
        environment: Variables to set beside the present ones.

    Raises:
        CommandError: One of them failed; names the log.
    """
    with log.open("w", encoding="utf-8") as output:
        processes = [
            psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
            for command in commands
        ]
        with _MemorySampler(processes) as memory:
            endings = [os.wait4(process.pid, 0) for process in processes]
    for command, (_, status, _) in zip(commands, endings, strict=True):
        if status != 0:
            raise CommandError(f"{shlex.join(command)} failed; its last words are in {log}")
    usages = [usage for _, _, usage in endings]
    cpu_seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    # The kernel's own figure, ru_maxrss, is no use here: a process inherits that of the one that starts it.
    return Cost(cpu_seconds, memory.peak_bytes / MEBIBYTE)


class _MemorySampler(threading.Thread):
    """Samples the resident memory of processes and all below them."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        super().__init__()
        self._processes = processes
        self._ended = threading.Event()
        self.peak_bytes = 0

    def __enter__(self) -> _MemorySampler:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(map(_tree_bytes, self._processes)))


def _tree_bytes(process: psutil.Process) -> int:
    """Resident bytes of a process and all below it; those that end meanwhile count nothing."""
    total = 0
    try:
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
