"""How the ranks of an MPI job meet."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpi4py import MPI

SECONDS_TO_MEET = 300
"""So long may the first rank of a job wait for the last: Python may be slow to load from a busy file system."""

SHARED_MEMORY = "/dev/shm/mpich_"
"""How MPICH's names of shared memory begin, as files."""


def meet_ranks() -> MPI.Intracomm:
    """Load MPI, which waits until all ranks of the job have; as `mpi4py.rc` says.

    The ranks of a node share memory, to which MPICH (5.0, `MPIDI_POSIX_comm_bootstrap`) gives a name after the job's:
    `<job>.<step>` under Slurm. It takes the name away when MPI is finalized, which it never is in a rank that is
    killed. What is left then is not only lost memory: a job of that number, if it is put back into the queue, or of a
    cluster that is new, takes it for its own, and its ranks wait for each other for ever. So the name goes at once,
    while those who have the memory keep it. What a rank that dies before leaves behind costs the next job
    `SECONDS_TO_MEET`, and not all its time: it is ended by SIGALRM, as MPI waits where Python is not asked.
    """
    signal.alarm(SECONDS_TO_MEET)
    from mpi4py import MPI

    MPI.COMM_WORLD.Barrier()
    signal.alarm(0)
    mapped = (line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines())
    for name in {name for name in mapped if name.startswith(SHARED_MEMORY)}:
        Path(name).unlink(missing_ok=True)  # another rank may have been faster
    return MPI.COMM_WORLD
