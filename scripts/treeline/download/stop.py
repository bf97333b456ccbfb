"""Ending work early in good order: on a signal, or shortly before Slurm would end the job."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS_LEFT_FOR_ENDING = 60.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """A request to end, that everything under way in a process hears of.

    Attributes:
        reason: Who asks for it; empty as long as nobody does.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._callbacks: dict[object, Callable[[str], None]] = {}

    def request(self, reason: str) -> None:
        """Ask everything under way to end; only the first reason counts."""
        if not self.reason:
            self.reason = reason
            for callback in list(self._callbacks.values()):
                callback(reason)

    @contextmanager
    def calls(self, callback: Callable[[str], None]) -> Iterator[None]:
        """Have `callback` called with the reason if it comes to that within the block, or has come to it before."""
        key = object()
        self._callbacks[key] = callback
        try:
            if self.reason:
                callback(self.reason)
            yield
        finally:
            del self._callbacks[key]


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Request the stop on SIGTERM, SIGINT, or a minute before the end of a Slurm job; needs a running event loop."""
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.request, number.name)
    end_of_job = os.environ.get("SLURM_JOB_END_TIME")
    timer = None
    if end_of_job is not None:
        seconds_left = float(end_of_job) - time.time() - SECONDS_LEFT_FOR_ENDING
        timer = loop.call_later(max(0.0, seconds_left), stop.request, "the end of the job's time")
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
        if timer is not None:
            timer.cancel()
