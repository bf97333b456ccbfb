"""How long forms take, measured so that the machine's mood hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Images = npt.NDArray[np.float32]
Outputs = npt.NDArray[np.float32]
Run = Callable[[Images], Outputs]
"""From N x channels x height x width, in the images' own units, to a form's outputs as `ModelFacts` says."""

BATCHES = (1, 32)
"""Images at once: one that somebody waits for, and as many as a collection is run through with."""
WARM_UPS = 2
"""Calls before the clock runs: the first ones set up memory, or compile."""


@dataclass(frozen=True)
class Latency:
    """Times of calls of one batch.

    Args:
        median_ms: Milliseconds of a call that is neither fast nor slow.
        p95_ms: Milliseconds that 95 % of the calls do not exceed.
    """

    median_ms: float
    p95_ms: float


def measure_latencies(forms: Mapping[str, Run], images: Images, rounds: int) -> dict[str, tuple[Latency, ...]]:
    """Measure the time of a call, with one thread, of each form and of each size of `BATCHES`.

    In a round each form has its turn: what slows the machine for a while slows all of them.

    Args:
        forms: By name.
        images: As many as the largest batch.
        rounds: How many, at least 1.

    Returns:
        For each form a latency a batch.
    """
    milliseconds = np.empty((rounds, len(forms), len(BATCHES)))
    with one_thread():
        for run in forms.values():
            for batch in BATCHES:
                for _ in range(WARM_UPS):
                    run(images[:batch])
        for round_number in range(rounds):
            for place, run in enumerate(forms.values()):
                for size, batch in enumerate(BATCHES):
                    milliseconds[round_number, place, size] = _time(run, images[:batch])
    median, p95 = np.percentile(milliseconds, (50, 95), axis=0).tolist()
    return {name: tuple(map(Latency, median[place], p95[place])) for place, name in enumerate(forms)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Have PyTorch compute with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _time(run: Run, images: Images) -> float:
    start = time.perf_counter()
    run(images)
    return (time.perf_counter() - start) * 1000
