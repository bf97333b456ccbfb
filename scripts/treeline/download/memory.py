"""A bound on the bytes of bodies that a job holds at once, however large its images are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


class ByteBudget:
    """Deals out memory for bodies.

    The body that has been there longest always gets what it needs: then none waits for ever, and the bytes held exceed
    the limit by one body at most.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[Held, int] = {}
        self._total = 0
        self._freed = asyncio.Event()

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Give an account that grows with a body, and is settled when the block ends."""
        held = Held(self)
        self._held[held] = 0
        try:
            yield held
        finally:
            self.clear(held)
            del self._held[held]

    async def grow(self, held: Held, count: int) -> float:
        """Wait for so many bytes more; returns the seconds of the wait."""
        started = monotonic()
        while self._total + count > self._limit and held is not next(iter(self._held)):
            self._freed.clear()
            await self._freed.wait()
        self._held[held] += count
        self._total += count
        return monotonic() - started

    def clear(self, held: Held) -> None:
        """Take all bytes of an account back."""
        self._total -= self._held[held]
        self._held[held] = 0
        self._freed.set()


class Held:
    """The bytes that one body takes up."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget

    async def grow(self, count: int) -> float:
        """Wait for so many bytes more; returns the seconds of the wait."""
        return await self._budget.grow(self, count)

    def clear(self) -> None:
        """Give the bytes back: the body comes anew."""
        self._budget.clear(self)
