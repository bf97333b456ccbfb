"""What the ranks of a fleet say to each other, and how it gets there: over MPI, or within one process without it."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from treeline.download.coordinator import Outcome
from treeline.io.manifest import ShardId
from treeline.mpi import meet_ranks
from treeline.ranks import check_ranks

if TYPE_CHECKING:
    from mpi4py import MPI


class Download(NamedTuple):
    """Rank 0 to a rank: download this shard."""

    shard: ShardId


class End(NamedTuple):
    """Rank 0 to every rank: stop what is under way, for this reason, and leave."""

    reason: str


class Alive(NamedTuple):
    """Rank 0 to every rank, and every rank to rank 0: a sign of life."""


class Finished(NamedTuple):
    """A rank to rank 0: this shard has ended; `reason` says why it failed."""

    shard: ShardId
    outcome: Outcome
    reason: str


class Stopping(NamedTuple):
    """A rank to rank 0: it was asked to stop, so all are to."""

    reason: str


class Left(NamedTuple):
    """A rank to rank 0: its last word."""


Message = Download | End | Alive | Finished | Stopping | Left


class Mailbox:
    """Messages of a fleet of one: its only rank, 0, writes to itself."""

    rank = 0
    ranks = 1

    def __init__(self) -> None:
        self._to_itself: deque[Message] = deque()

    def send(self, rank: int, message: Message) -> None:
        """Send a message on its way, without waiting for it to arrive."""
        self._to_itself.append(message)

    def receive(self) -> Iterator[tuple[int, Message]]:
        """Take what has arrived: the sender's rank and the message."""
        while self._to_itself:
            yield self.rank, self._to_itself.popleft()


class MpiMailbox(Mailbox):
    """Messages among the ranks of an MPI job. All calls are made from one thread.

    A rank may die at any moment, and the others are to go on. So MPI is never finalized: that would wait for the dead.
    """

    def __init__(self) -> None:
        super().__init__()
        import mpi4py

        mpi4py.rc.finalize = False
        mpi4py.rc.thread_level = "funneled"
        self._comm = meet_ranks()
        from mpi4py import MPI

        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # that another rank is dead; once more, as MPI has just set it
        self._status = MPI.Status()
        self._unsent: list[MPI.Request] = []
        self.rank, self.ranks = self._comm.rank, self._comm.size

    def send(self, rank: int, message: Message) -> None:
        """Send a message on its way, without waiting for it to arrive."""
        if rank == self.rank:
            super().send(rank, message)
        else:
            self._unsent.append(self._comm.isend(message, rank))

    def receive(self) -> Iterator[tuple[int, Message]]:
        """Take what has arrived: the sender's rank and the message."""
        self._unsent = [request for request in self._unsent if not request.test()[0]]
        yield from super().receive()
        while self._comm.iprobe(status=self._status):
            sender = self._status.source
            yield sender, self._comm.recv(source=sender)


def open_mailbox(ranks: int) -> Mailbox:
    """Join a fleet of so many ranks; MPI is only loaded for more than one.

    Raises:
        TreelineError: MPI has started another number of them.
    """
    if ranks == 1:
        return Mailbox()
    mailbox = MpiMailbox()
    check_ranks(ranks, mailbox.ranks)
    return mailbox
