"""Which rank of a fleet downloads which shard: the decisions alone, without any messages, files or clocks.

A lane is worked through in its order, one shard at a time, whichever ranks its shards go to. A shard that fails ends
its lane, as in shard mode, where those behind it wait; the shards of a rank that falls silent are handed out again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from enum import Enum

from treeline.io.manifest import ShardId

HEARTBEAT_PATIENCE_SECONDS = 20.0
"""A rank that is not heard of for so long is taken for dead. If it is only slow, the shards' locks keep order."""

BUSY_SECONDS = 10.0
"""How long a shard that another process has locked is left alone."""


class Outcome(Enum):
    """How a rank's work on a shard ended."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"


class Coordinator:
    """Deals the shards of a schedule to ranks, all of which are taken for alive at first.

    Args:
        lanes: Lists of shards still to be downloaded, each in its order.
        ranks: Number of ranks.
        capacity: Shards that a rank downloads at once.
        now: Seconds of a clock that only grows; the same one everywhere.

    Attributes:
        done: Number of shards that are downloaded.
        failures: Shards that failed, with the reason; what is behind them in their lanes stays undone.
    """

    def __init__(self, lanes: Iterable[Sequence[ShardId]], ranks: int, capacity: int, now: float) -> None:
        self._lanes = {number: deque(lane) for number, lane in enumerate(lanes) if lane}
        self._lane_of = {shard: number for number, lane in self._lanes.items() for shard in lane}
        self._capacity = capacity
        self._heard = dict.fromkeys(range(ranks), now)
        self._holder: dict[int, int] = {}
        self._not_before: dict[int, float] = {}
        self.done = 0
        self.failures: dict[ShardId, str] = {}

    @property
    def shards(self) -> int:
        """Number of shards that there were at first."""
        return len(self._lane_of)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to hand out or to wait for."""
        return not self._lanes

    @property
    def alive(self) -> set[int]:
        """Ranks that have been heard of lately."""
        return set(self._heard)

    def hand_out(self, now: float) -> list[tuple[int, ShardId]]:
        """Give the next shards of the longest free lanes to ranks with room for them.

        Returns:
            Ranks, each with a shard that it now holds.
        """
        handed_out = []
        free = [lane for lane in self._lanes if lane not in self._holder and self._not_before.get(lane, now) <= now]
        for lane in sorted(free, key=lambda lane: -len(self._lanes[lane])):
            shard = self._lanes[lane][0]
            rank = self._rank_for(shard.server)
            if rank is None:
                break
            self._holder[lane] = rank
            handed_out.append((rank, shard))
        return handed_out

    def finished(self, rank: int, shard: ShardId, outcome: Outcome, now: float, reason: str = "") -> None:
        """Note how a shard ended; a report of a rank that no longer holds it is passed over."""
        lane = self._lane_of[shard]
        if self._holder.get(lane) != rank or self._lanes[lane][0] != shard:
            return
        del self._holder[lane]
        if outcome is Outcome.BUSY:
            self._not_before[lane] = now + BUSY_SECONDS
            return
        if outcome is Outcome.DONE:
            self.done += 1
            self._lanes[lane].popleft()
        else:
            self.failures[shard] = reason
            self._lanes[lane].clear()
        if not self._lanes[lane]:
            del self._lanes[lane]

    def heard(self, rank: int, now: float) -> None:
        """Note a sign of life; one that was taken for dead gets shards again."""
        self._heard[rank] = now

    def give_up_silent(self, now: float) -> dict[int, list[ShardId]]:
        """Take the silent ranks for dead.

        Returns:
            Those ranks, each with the shards that it held and that are to be handed out again.
        """
        silent = [rank for rank, heard in self._heard.items() if now - heard > HEARTBEAT_PATIENCE_SECONDS]
        return {rank: self.give_up(rank) for rank in silent}

    def give_up(self, rank: int) -> list[ShardId]:
        """Count on a rank no more.

        Returns:
            The shards that it held and that are to be handed out again.
        """
        del self._heard[rank]
        lanes = [lane for lane, holder in self._holder.items() if holder == rank]
        for lane in lanes:
            del self._holder[lane]
        return [self._lanes[lane][0] for lane in lanes]

    def _rank_for(self, server: str) -> int | None:
        """The rank with room that downloads least of the server, and then least in all."""
        load = Counter(self._holder.values())
        of_server = Counter(rank for lane, rank in self._holder.items() if self._lanes[lane][0].server == server)
        with_room = [rank for rank in self._heard if load[rank] < self._capacity]
        return min(with_room, key=lambda rank: (of_server[rank], load[rank], rank), default=None)
