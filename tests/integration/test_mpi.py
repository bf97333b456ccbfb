"""Ranks of an MPI job meet, or end; nothing that they share stays behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.pipeline import ENVIRONMENT

MEET = """
import os
from treeline import mpi

def shared():
    return {line.split(maxsplit=5)[5] for line in open("/proc/self/maps") if mpi.SHARED_MEMORY in line}

world = mpi.meet_ranks()
assert world.allreduce(1) == 2
if world.rank == 0:
    print(*shared(), sep="\\n", flush=True)
os.kill(os.getpid(), 9)
"""
ONE_STAYS_AWAY = """
import os, sys
from treeline import mpi

mpi.SECONDS_TO_MEET = 1
if os.environ["PMI_RANK"] == "1":
    sys.stdin.read()  # until all is over
mpi.meet_ranks()
print("have met")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as two ranks."""
    command = ["mpiexec", "-n", "2", sys.executable, "-c", program]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)


def test_killed_ranks_leave_no_shared_memory() -> None:
    names = [line.strip() for line in run(MEET).stdout.splitlines() if line.startswith("/dev/shm/")]
    assert names
    assert all(name.endswith(" (deleted)") for name in names)
    assert not any(Path(name.removesuffix(" (deleted)")).exists() for name in names)


def test_a_rank_that_is_missed_is_not_waited_for_forever() -> None:
    done = run(ONE_STAYS_AWAY)
    assert done.returncode == signal.SIGALRM
    assert "have met" not in done.stdout
