"""How far the download of a shard is: a line in the log now and then, a small file for others, and live on a terminal.

`Meter` counts and computes, `describe` and `summarize` put it into words, `Progress` shows them when it is time.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self

from treeline.console import format_duration, format_number
from treeline.download.terminal import SHOWN_LIVE, shared_display
from treeline.download.underway import UnderwayFile

LINE_SECONDS = 30.0
FILE_SECONDS = 5.0
WINDOW_SECONDS = 60.0
LEAST_WINDOW_SECONDS = 5.0
"""Rates over less time than this would say more of chance than of the server."""

SUCCESS = "success"

log = logging.getLogger(__name__)


class Rates(NamedTuple):
    """What was finished in each second, on average: rows, those of them with an image, and bytes received."""

    rows: float
    images: float
    received: float


class Sample(NamedTuple):
    """What had been finished at a time, in seconds: rows, those of them with an image, and bytes received."""

    time: float
    rows: int
    images: int
    received: int

    def rates_since(self, earlier: Sample) -> Rates:
        """Rates between two samples of different times."""
        seconds = self.time - earlier.time
        return Rates(*((now - then) / seconds for now, then in zip(self[1:], earlier[1:], strict=True)))


class Meter:
    """Counts finished rows, and computes how fast they come.

    Args:
        total: Rows of the shard.
        done_before: Rows that earlier jobs have finished: they are done, but say nothing of this job's speed.
        start: Time of the start, in seconds.
    """

    def __init__(self, total: int, done_before: int, start: float) -> None:
        self.total, self._done_before = total, done_before
        self.errors: Counter[str] = Counter()
        self._rows = self._received = 0
        self._start = Sample(start, 0, 0, 0)
        self._window = deque([self._start])

    @property
    def done(self) -> int:
        """Rows that are finished."""
        return self._done_before + self._rows

    @property
    def seconds(self) -> float:
        """Seconds from the start to the latest sample."""
        return self._window[-1].time - self._start.time

    def count(self, outcome: str, received: int) -> None:
        """Count a finished row, as `Progress.finished`."""
        self._rows += 1
        self._received += received
        if outcome != SUCCESS:
            self.errors[outcome] += 1

    def sample(self, now: float) -> None:
        """Note what is finished at this time, and forget what was a minute and more before."""
        self._window.append(Sample(now, self._rows, self._rows - self.errors.total(), self._received))
        while self._window[1].time <= now - WINDOW_SECONDS:
            self._window.popleft()

    def rates(self) -> Rates | None:
        """Rates over the last minute; None while there is too little to tell."""
        oldest, latest = self._window[0], self._window[-1]
        return latest.rates_since(oldest) if latest.time - oldest.time >= LEAST_WINDOW_SECONDS else None

    def mean_rates(self) -> Rates | None:
        """Rates from the start to the latest sample; None if that is no time."""
        return self._window[-1].rates_since(self._start) if self.seconds else None

    def seconds_left(self) -> float | None:
        """Seconds until all rows are finished at the rate of the last minute; None where that cannot be told."""
        rates = self.rates()
        return (self.total - self.done) / rates.rows if rates and rates.rows else None


class Progress:
    """Shows how far the download of a shard is; a context, whose end writes the last line.

    Args:
        label: What is downloaded, such as `fast.example, partition 3`.
        total: Rows of the shard.
        done_before: Rows that earlier jobs have finished.
        file: Says how far it is, too, and is removed at the end.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        label: str,
        total: int,
        done_before: int,
        file: UnderwayFile | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._label, self._file, self._clock = label, file, clock
        self._last_line = self._last_file = clock()
        self._meter = Meter(total, done_before, self._last_line)
        self._display = shared_display()

    def __enter__(self) -> Self:
        if self._display is not None:
            self._display.add(self._label, self._meter.total)
        self._write_file(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.remove(self._label)
        if self._file is not None:
            self._file.remove()
        self._meter.sample(self._clock())
        log.info("%s: %s", self._label, summarize(self._meter))

    def finished(self, outcome: str, received: int) -> None:
        """Count a finished row.

        Args:
            outcome: `success`, or the error code.
            received: Bytes received for it.
        """
        self._meter.count(outcome, received)

    def update(self, rate_limit: float) -> None:
        """Show how far it is; to be called about once a second.

        Args:
            rate_limit: Requests a second that the pace allows now.
        """
        now = self._clock()
        self._meter.sample(now)
        if self._display is not None:
            self._display.update(self._label, self._meter.done, describe(self._meter, rate_limit))
        if now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            log.info("%s: %s", self._label, describe(self._meter, rate_limit), extra={SHOWN_LIVE: True})
        if now - self._last_file >= FILE_SECONDS:
            self._last_file = now
            self._write_file(rate_limit)

    def _write_file(self, rate_limit: float | None) -> None:
        if self._file is None:
            return
        rates = self._meter.rates()
        self._file.write(
            rows=self._meter.total,
            done=self._meter.done,
            rows_per_second=rates and rates.rows,
            images_per_second=rates and rates.images,
            bytes_per_second=rates and rates.received,
            rate_limit=rate_limit,
            errors=dict(self._meter.errors),
        )


def describe(meter: Meter, rate_limit: float) -> str:
    """Say how far a download is: `2,512 of 10,000 rows, 24.8 images/s, 3.1 MB/s, 5 min left, ...`."""
    left = meter.seconds_left()
    parts = [
        _rows(meter),
        *_speeds(meter.rates()),
        "time left unknown" if left is None else f"{format_duration(left)} left",
        f"at most {format_number(rate_limit)} requests/s",
        *_errors(meter),
    ]
    return ", ".join(parts)


def summarize(meter: Meter) -> str:
    """Say what a job has done: `10,000 of 10,000 rows in 7 min, 24.8 images/s, 3.1 MB/s, ...`."""
    return ", ".join(
        [f"{_rows(meter)} in {format_duration(meter.seconds)}", *_speeds(meter.mean_rates()), *_errors(meter)]
    )


def _rows(meter: Meter) -> str:
    return f"{meter.done:,} of {meter.total:,} rows"


def _speeds(rates: Rates | None) -> list[str]:
    return [f"{format_number(rates.images)} images/s", f"{format_number(rates.received / 1e6)} MB/s"] if rates else []


def _errors(meter: Meter) -> list[str]:
    mix = ", ".join(f"{code} x {count:,}" for code, count in meter.errors.most_common())
    return [f"errors: {mix}"] if mix else []
