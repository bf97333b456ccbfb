"""What rank 0 of a fleet does besides downloading: carry the coordinator's decisions out."""

from __future__ import annotations

import logging
from time import monotonic

from treeline.download.coordinator import Coordinator, Outcome
from treeline.download.messages import Alive, Download, End, Finished, Left, Mailbox, Message, Stopping
from treeline.errors import InterruptedEarlyError
from treeline.paths import shard_folder

HEARTBEAT_SECONDS = 1.0

log = logging.getLogger(__name__)


class Dispatcher:
    """Tells the ranks what the coordinator decides, and the coordinator what they report.

    Args:
        mailbox: The way to the ranks.
        coordinator: Decides.
    """

    def __init__(self, mailbox: Mailbox, coordinator: Coordinator) -> None:
        self._mailbox, self._coordinator = mailbox, coordinator
        self._stopped_by = ""
        self._told_to_end: set[int] = set()
        self._heartbeat = Heartbeat()

    @property
    def is_alone(self) -> bool:
        """Whether every other rank that is alive has said its last word."""
        return self._coordinator.alive <= {self._mailbox.rank}

    def take(self, sender: int, message: Message) -> None:
        """Note what a rank says."""
        self._coordinator.heard(sender, monotonic())
        if isinstance(message, Finished):
            self._coordinator.finished(sender, message.shard, message.outcome, monotonic(), message.reason)
            if message.outcome is not Outcome.DONE:
                log.warning("%s: %s: %s", shard_folder(*message.shard), message.outcome.value, message.reason)
        elif isinstance(message, Stopping):
            self._stopped_by = self._stopped_by or message.reason
        elif isinstance(message, Left):
            self._coordinator.give_up(sender)

    def step(self) -> None:
        """Hand out what can be handed out, or end the fleet where there is nothing left or somebody wants it to."""
        self._coordinator.heard(self._mailbox.rank, monotonic())  # however long this process was busy
        for rank, shards in self._coordinator.give_up_silent(monotonic()).items():
            names = ", ".join(shard_folder(*shard) for shard in shards)
            log.warning(
                "rank %d is silent and taken for dead; to be downloaded by others: %s", rank, names or "nothing"
            )
        if self._coordinator.is_done or self._stopped_by:
            self._end()
        else:
            for rank, shard in self._coordinator.hand_out(monotonic()):
                log.info("rank %d downloads %s", rank, shard_folder(*shard))
                self._mailbox.send(rank, Download(shard))
        if self._heartbeat.is_due():
            for rank in self._coordinator.alive:
                self._mailbox.send(rank, Alive())

    def report(self) -> None:
        """Say what became of the shards.

        Raises:
            InterruptedEarlyError: The fleet was stopped before all of them had ended.
        """
        coordinator = self._coordinator
        for shard, reason in coordinator.failures.items():
            log.warning("%s failed, and its lane ends there: %s", shard_folder(*shard), reason)
        log.info("%d of %d shards downloaded", coordinator.done, coordinator.shards)
        if not coordinator.is_done:
            raise InterruptedEarlyError(
                f"Stopped by {self._stopped_by} with {coordinator.done} of {coordinator.shards} shards downloaded. "
                "What was fetched is in the spool: run the same again to go on from there."
            )

    def _end(self) -> None:
        for rank in self._coordinator.alive - self._told_to_end:  # some may come back to life while others leave
            self._told_to_end.add(rank)
            self._mailbox.send(rank, End(self._stopped_by or "the end of the fleet"))


class Heartbeat:
    """Says when the next sign of life is due."""

    def __init__(self) -> None:
        self._due = monotonic()

    def is_due(self) -> bool:
        """Whether it is; it then counts as given."""
        if monotonic() < self._due:
            return False
        self._due = monotonic() + HEARTBEAT_SECONDS
        return True
