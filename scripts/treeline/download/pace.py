"""How fast one server is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

SHORTEST_SLEEP_SECONDS = 0.001
RECOVERY_SHARE = 0.02
SLOWDOWN = 0.5


class Pace:
    """Spaces the requests to a server evenly, slows down when it struggles, recovers step by step.

    The rate stays within [limit x (1 - multiplier), limit]: it halves on a sign of overload and grows by a fiftieth
    of the limit on each success (additive increase, multiplicative decrease), and never exceeds the limit.

    Args:
        limit: Requests a second at most.
        multiplier: How far the rate may drop, as a share of the limit, [0, 1).
        rate: Rate to start with, as learned before; the limit where nothing is known.
        clock: Seconds that only grow.
    """

    def __init__(
        self, limit: float, multiplier: float, rate: float | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self.limit = limit
        self.floor = limit * (1 - multiplier)
        self.rate = min(limit, max(self.floor, rate or limit))
        self._clock = clock
        self._next_turn = clock()
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until the next request may be sent; those who wait are served in order."""
        async with self._queue:
            while (wait := self._reserve()) > 0:
                await asyncio.sleep(wait)

    def _reserve(self) -> float:
        """Take the next turn and give 0, or give the seconds until it comes."""
        now = self._clock()
        wait = self._next_turn - now
        if wait > SHORTEST_SLEEP_SECONDS:
            return wait
        # A turn that nobody took is gone: what was missed is not caught up in a burst.
        self._next_turn = max(self._next_turn, now - SHORTEST_SLEEP_SECONDS) + 1 / self.rate
        return 0

    def succeeded(self) -> None:
        """Speed up a little after a good answer."""
        self.rate = min(self.limit, self.rate + RECOVERY_SHARE * self.limit)

    def struggled(self) -> None:
        """Slow down after a sign of overload."""
        self.rate = max(self.floor, self.rate * SLOWDOWN)

    def pause(self, seconds: float) -> None:
        """Ask nothing for so many seconds, as `Retry-After` demands."""
        self._next_turn = max(self._next_turn, self._clock() + seconds)
