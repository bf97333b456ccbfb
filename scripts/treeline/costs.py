"""What a command took: the last line of its log, so that each job of however many says so without a file of its own.

Snakemake's benchmark files would cost memory in its plan for each shard, and sample what the kernel counts exactly.
"""

from __future__ import annotations

import logging
import os
import re
import resource
import time
from pathlib import Path
from typing import NamedTuple

TAIL_BYTES = 4096
FIRST_FIELD = 3
START_TIME = 22
"""Fields of /proc/self/stat, counted from 1: the first one after the process's name, and its start in clock ticks."""

LINE = re.compile(
    r"^[0-9-]{10} [0-9:,]{12} INFO treeline\.costs: "
    r"took ([0-9.]+) s, ([0-9.]+) s of CPU time, at most (\d+) MiB of memory$",
    re.MULTILINE,
)

log = logging.getLogger(__name__)


class Costs(NamedTuple):
    """What a command took.

    Args:
        seconds: From its start to its end.
        cpu_seconds: User and system time, that of the processes that it started and waited for included.
        memory_mib: Its own largest resident memory in MiB, and that of the largest process below it that was noted.
    """

    seconds: float
    cpu_seconds: float
    memory_mib: int


class _Helpers:
    """Largest resident memory, in KiB, that a process below this one has had."""

    peak_kib = 0


def note_helper(process: int) -> None:
    """Note the memory of a process that this one has started, before it ends; afterwards the kernel does not say.

    Args:
        process: Its id. One that has ended already is not noted.
    """
    _Helpers.peak_kib = max(_Helpers.peak_kib, _peak_kib(process))


def log_costs() -> None:
    """Log what this process has taken up to now, where it has a log file."""
    if any(isinstance(handler, logging.FileHandler) for handler in logging.getLogger().handlers):
        log.info("took %.2f s, %.2f s of CPU time, at most %d MiB of memory", *_costs_so_far())


def read_costs(file: Path) -> Costs | None:
    """What the last command that wrote to a log and came to a good end took; None where none says so."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - TAIL_BYTES))
        lines = list(LINE.finditer(opened.read().decode(errors="replace")))
    if not lines:
        return None
    seconds, cpu_seconds, memory = lines[-1].groups()
    return Costs(float(seconds), float(cpu_seconds), int(memory))


def _costs_so_far() -> Costs:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    started = int(fields[START_TIME - FIRST_FIELD]) / os.sysconf("SC_CLK_TCK")
    return Costs(
        time.clock_gettime(time.CLOCK_BOOTTIME) - started,
        sum(usage.ru_utime + usage.ru_stime for usage in usages),
        (_peak_kib(os.getpid()) + _Helpers.peak_kib) // 1024,
    )


def _peak_kib(process: int) -> int:
    """Largest resident memory of a process; the kernel's `ru_maxrss` may be that of the one that started it."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0
