"""A fleet: a few processes that download a whole schedule, many shards at once in each.

Where servers are many and slow, a job a shard keeps a core waiting for one server. A rank of a fleet waits for several,
and every rank downloads, rank 0 too, which also deals out the shards. They are put into the spool and no further: the
shards' own jobs link them from there, or try for themselves where the fleet had no success.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic

from treeline.download.coordinator import Coordinator, Outcome
from treeline.download.decoder import Decoders
from treeline.download.dispatcher import Dispatcher, Heartbeat
from treeline.download.fleet_jobs import Errand
from treeline.download.messages import Alive, Download, End, Finished, Left, Mailbox, Message, Stopping
from treeline.download.shard import download_shard
from treeline.download.shard_log import shard_log, shards_log_apart
from treeline.download.spool import ShardBusyError
from treeline.download.stop import Stop, stop_on_signals
from treeline.errors import NO_ROOM, InterruptedEarlyError, TreelineError
from treeline.io.manifest import ShardId

POLL_SECONDS = 0.03

COORDINATOR_PATIENCE_SECONDS = 60.0
"""So long may rank 0 be silent before the others stop: it may be busy for a while, and without it all ends."""

log = logging.getLogger(__name__)


async def run_rank(
    mailbox: Mailbox,
    lanes: Sequence[Sequence[ShardId]],
    errand_for: Callable[[ShardId], Errand],
    *,
    capacity: int,
    threads: int,
) -> None:
    """Do a rank's part of a fleet, to the end of the schedule or until it is stopped.

    Args:
        mailbox: The way to the other ranks.
        lanes: What is to be downloaded.
        errand_for: Says how to download a shard.
        capacity: Shards that a rank downloads at once.
        threads: Processes that decode images for this rank.

    Raises:
        InterruptedEarlyError: The fleet was stopped, as rank 0 alone says, or rank 0 is not heard of any more.
    """
    stop = Stop()
    async with Decoders(threads) as decoders:
        with stop_on_signals(stop), shards_log_apart():
            worker = Worker(mailbox, errand_for, decoders, stop)
            dispatcher = None
            if mailbox.rank == 0:
                dispatcher = Dispatcher(mailbox, Coordinator(lanes, mailbox.ranks, capacity, monotonic()))
            while not (worker.has_left and (dispatcher is None or dispatcher.is_alone)):
                for sender, message in mailbox.receive():
                    if dispatcher is not None:
                        dispatcher.take(sender, message)
                    worker.take(message)
                if dispatcher is not None:
                    dispatcher.step()
                worker.step()
                await asyncio.sleep(POLL_SECONDS)
    if dispatcher is not None:
        dispatcher.report()
    elif worker.misses_coordinator:
        raise InterruptedEarlyError(f"Stopped by {stop.reason}. What was fetched is in the spool: run the same again.")


class Worker:
    """What every rank does: download the shards that rank 0 hands out, and report.

    Args:
        mailbox: The way to rank 0.
        errand_for: Says how to download a shard.
        decoders: Decode the images of all its shards.
        stop: Ends them all.

    Attributes:
        has_left: Whether its last word is said.
        misses_coordinator: Whether it ends because rank 0 is not heard of.
    """

    def __init__(
        self, mailbox: Mailbox, errand_for: Callable[[ShardId], Errand], decoders: Decoders, stop: Stop
    ) -> None:
        self._mailbox, self._errand_for, self._decoders, self._stop = mailbox, errand_for, decoders, stop
        self._under_way: dict[ShardId, asyncio.Task[None]] = {}
        self._reported_stop = self._is_to_leave = False
        self._coordinator_heard = monotonic()
        self._heartbeat = Heartbeat()
        self.has_left = self.misses_coordinator = False

    def take(self, message: Message) -> None:
        """Do as rank 0 says; what is meant for rank 0 itself is passed over."""
        self._coordinator_heard = monotonic()
        if isinstance(message, Download) and message.shard not in self._under_way:
            self._under_way[message.shard] = asyncio.create_task(self._download(message.shard))
        elif isinstance(message, End):
            self._stop.request(message.reason)
            self._is_to_leave = True

    def step(self) -> None:
        """Say what there is to say, and leave when nothing is left to do."""
        if monotonic() - self._coordinator_heard > COORDINATOR_PATIENCE_SECONDS:
            self._stop.request(f"rank 0, which has not been heard of for {COORDINATOR_PATIENCE_SECONDS:.0f} s")
            self._is_to_leave = self.misses_coordinator = True
        if self._stop.reason and not self._is_to_leave and not self._reported_stop:
            self._reported_stop = True
            self._mailbox.send(0, Stopping(self._stop.reason))
        if self._is_to_leave and not self._under_way and not self.has_left:
            self._mailbox.send(0, Left())
            self.has_left = True
        elif self._heartbeat.is_due():
            self._mailbox.send(0, Alive())

    async def _download(self, shard: ShardId) -> None:
        try:
            outcome, reason = await self._outcome_of(shard)
        finally:
            del self._under_way[shard]
        if outcome is not None:
            self._mailbox.send(0, Finished(shard, outcome, reason))

    async def _outcome_of(self, shard: ShardId) -> tuple[Outcome | None, str]:
        """Download a shard; None says that it was stopped half-way, with the whole fleet."""
        try:
            errand = self._errand_for(shard)
            if not errand.is_done:
                with shard_log(errand.log):
                    await download_shard(errand.job, self._decoders, self._stop)
        except ShardBusyError as error:
            return Outcome.BUSY, str(error)
        except InterruptedEarlyError as error:  # by the fleet, or by a server that asks for a long wait
            return (None, "") if self._stop.reason else (Outcome.FAILED, str(error))
        except OSError as error:
            if error.errno not in NO_ROOM:
                return Outcome.FAILED, f"{type(error).__name__}: {error}"
            self._stop.request(f"a full disk ({error})")
            return None, ""
        except TreelineError as error:
            return Outcome.FAILED, str(error)
        except Exception as error:  # a defect of ours: it must not cost the other shards
            log.exception("%s: unexpected", shard)
            return Outcome.FAILED, f"unexpected {type(error).__name__}: {error}"
        return Outcome.DONE, ""
