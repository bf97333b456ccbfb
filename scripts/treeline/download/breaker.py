"""A circuit breaker: a server that has stopped to answer is left in peace, and its rows do not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

FEWEST_FAILURES = 3


class Breaker:
    """Parks a server that fails for so long without one good answer between.

    Args:
        patience: Seconds; 0 for a server that was parked before, and is only tried out.
        clock: Seconds that only grow.

    Attributes:
        is_parked: Whether the server is to be asked no more.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._failures = 0
        self._failing_since = 0.0
        self._last_failure = ""
        self.is_parked = False

    def answered(self) -> None:
        """Note an answer, if only that there is no such image."""
        self._failures = 0

    def failed(self, reason: str) -> None:
        """Note that a request had no answer, or one that says that the server cannot cope."""
        if not self._failures:
            self._failing_since = self._clock()
        self._failures += 1
        self._last_failure = reason
        if self._failures >= FEWEST_FAILURES and self._clock() - self._failing_since >= self._patience:
            self.is_parked = True

    @property
    def reason(self) -> str:
        """Why the server is parked."""
        return f"not asked: the server has stopped to answer; {self._failures} failures in a row ({self._last_failure})"
