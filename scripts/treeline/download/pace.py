"""How fast one server is asked.

The lanes of a server keep to one clock: its seconds are cut into slots, every lane has slots of its own, and each takes
one request. So the sum over all lanes, on however many nodes, never exceeds the limit in any second, and the first
request of a shard keeps its distance from the last one of the shard before; nobody has to ask anybody.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import monotonic, time

SHORTEST_SLEEP_SECONDS = 0.001
RECOVERY_SHARE = 0.02
SLOWDOWN = 0.5

MARGIN = 1.025
"""Slots are so much longer than the limit asks for: a server counts arrivals, and what travels is jolted."""

LATENESS_SECONDS = 0.010
"""A slot may be taken this late, which the margin makes up for; one that is missed by more is gone."""


def seconds_since_epoch() -> Callable[[], float]:
    """Make a clock that agrees with the other machines' clocks and never jumps."""
    offset = time() - monotonic()
    return lambda: monotonic() + offset


class Pace:
    """Spaces the requests of one lane to a server, slows down when it struggles, recovers step by step.

    The rate stays within [limit x (1 - multiplier), limit]: it halves on a sign of overload and grows by a fiftieth
    of the limit on each success (additive increase, multiplicative decrease), and never exceeds the limit. Only a
    server's own word takes it lower.

    Args:
        limit: Requests a second at most, of this lane.
        multiplier: How far the rate may drop, as a share of the limit, [0, 1).
        rate: Rate to start with, as learned before; the limit where nothing is known.
        lane: Number of this lane among the server's, and how many there are.
        clock: Seconds, the same for all lanes.

    Attributes:
        configured_limit: Requests a second at most, as given.
        limit: The same, as far as the server has not asked for less.
        rate: Requests a second just now.
        lanes: Lanes of the server.
    """

    def __init__(
        self,
        limit: float,
        multiplier: float,
        rate: float | None = None,
        *,
        lane: tuple[int, int] = (0, 1),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.lanes = lane[1]
        self._multiplier, self._place = multiplier, lane[0] / lane[1]
        self._clock = clock or seconds_since_epoch()
        self._queue = asyncio.Lock()
        self._paused_until = 0.0
        self.configured_limit = self.limit = limit
        self.rate = max(self._floor, min(limit, rate or limit))
        self._start_slots(self._clock())

    async def turn(self) -> None:
        """Wait until the next request may be sent; those who wait are served in order."""
        async with self._queue:
            while (wait := self._reserve()) > 0:
                await asyncio.sleep(wait)

    def lower_limit(self, limit: float) -> None:
        """Take a lower limit, as `Crawl-delay` demands; a higher one changes nothing."""
        if limit < self.limit:
            self.limit, self.rate = limit, min(self.rate, limit)
            self._start_slots(self._clock() + MARGIN / limit)

    def succeeded(self) -> None:
        """Speed up a little after a good answer."""
        self.rate = min(self.limit, self.rate + RECOVERY_SHARE * self.limit)

    def struggled(self) -> None:
        """Slow down after a sign of overload."""
        self.rate = min(self.rate, max(self._floor, self.rate * SLOWDOWN))

    def keep_to(self, requests: float, seconds: float) -> None:
        """Make no more than so many requests in the next seconds, as the server says that it will answer."""
        if requests < 1:
            self.pause(seconds)
        else:
            self.rate = min(self.rate, requests / max(seconds, SHORTEST_SLEEP_SECONDS))

    def pause(self, seconds: float) -> None:
        """Ask nothing for so many seconds, as `Retry-After` demands."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    @property
    def seconds_paused(self) -> float:
        """Seconds until the end of a pause, at least 0."""
        return max(0.0, self._paused_until - self._clock())

    @property
    def _floor(self) -> float:
        return self.limit * (1 - self._multiplier)

    def _start_slots(self, start: float) -> None:
        self._period = MARGIN / self.limit
        self._due = start
        self._last_slot = -math.inf

    def _reserve(self) -> float:
        """Take the next slot and give 0, or give the seconds until it comes."""
        now = self._clock()
        earliest = max(self._due, self._paused_until, now - LATENESS_SECONDS)
        slot = max(self._last_slot + 1, math.ceil(earliest / self._period - self._place - 1e-6))
        start = (slot + self._place) * self._period
        if start - now > SHORTEST_SLEEP_SECONDS:
            return start - now
        self._last_slot = slot
        # At a lower rate than the limit some slots pass unused: what is due tells which.
        self._due = max(self._due, start - self._period) + MARGIN / self.rate
        return 0
