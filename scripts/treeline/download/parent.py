"""Pairs of processes of which one ends with the other."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from types import FrameType

from treeline.mpi import SECONDS_TO_MEET

PR_SET_PDEATHSIG = 1  # of linux/prctl.h

log = logging.getLogger(__name__)


def end_with_parent() -> None:
    """Have the system end this process as soon as its parent has ended, even while it hangs."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def continue_in_child() -> None:
    """Go on in a child process; the parent waits for its end and then exits, whatever that end was.

    MPICH's mpiexec (Hydra 5.0.2), whatever it is told about cleaning up, kills all ranks of a node when one that it has
    started is ended by a signal: by the system that is out of memory, or by a decoder's crash. One that only exits is
    left out, as it should be. It also says SIGUSR1 to the others, which they have to outlive.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        end_with_parent()
        return

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    _, status = os.waitpid(child, 0)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code == -signal.SIGALRM:
        log.error("Not all ranks of the MPI job have come within %d s.", SECONDS_TO_MEET)
    elif exit_code < 0:
        log.error("Ended by %s.", signal.Signals(-exit_code).name)
    os._exit(exit_code if exit_code >= 0 else 128 - exit_code)
