"""What a step of training costs, and how long it waits for its batch: what the benchmarks of training share."""

from __future__ import annotations

import math
import time
from statistics import median
from typing import Any, NamedTuple

import lightning.pytorch as lightning
import torch


class Step(NamedTuple):
    """One step.

    Args:
        waited: Seconds between the end of the one before and its own begin.
        computed: Seconds from there to its end.
    """

    waited: float
    computed: float


class Steps(NamedTuple):
    """All steps that count.

    Args:
        steps: In their order.
    """

    steps: list[Step]

    @property
    def waiting(self) -> float:
        """Share of the time that steps waited for their batches, 0 to 1."""
        return sum(step.waited for step in self.steps) / self.seconds

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(map(sum, self.steps))

    @property
    def median_seconds(self) -> float:
        """Of a step, the waiting included."""
        return median(map(sum, self.steps))


class Stopwatch(lightning.Callback):
    """Takes the time between steps, in which a batch is waited for, and that of steps; ends training in time.

    Args:
        first_steps: Steps that do not count, at least one: in them workers start, and memory is asked for.
        most_seconds: Of the steps that count, after which training ends.
    """

    def __init__(self, first_steps: int, most_seconds: float = math.inf) -> None:
        self._first_steps, self._most_seconds = first_steps, most_seconds
        self._steps: list[Step] = []
        self._since = self._begun = math.nan
        self._last = math.inf

    def on_train_batch_start(self, *_: Any) -> None:
        """A batch has come."""
        self._begun = now()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """A step is done, on the GPU, too."""
        ended = now()
        self._steps.append(Step(self._begun - self._since, ended - self._begun))
        self._since = ended
        if len(self._steps) == self._first_steps:
            self._last = ended + self._most_seconds
        if ended >= self._last:
            trainer.should_stop = True

    def result(self) -> Steps:
        """Of all steps but the first."""
        return Steps(self._steps[self._first_steps :])


def now() -> float:
    """Seconds, once the GPU has done all that it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
