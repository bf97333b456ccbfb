"""One pass over the images, in several processes.

This process reads, others decode and measure: what has been read and not measured is bounded, and what is kept of each
image (`parts.MEASURED`) goes to the disk, and so the memory is the same for any number.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from treeline.analyze.dataset import Dataset
from treeline.analyze.parts import Item, Part, Sums, measure_items
from treeline.errors import TreelineError
from treeline.io.ahead import map_ahead

MOST_ITEMS = 64
"""Images that go to another process at once."""

MOST_BYTES = 16 * 2**20
"""After so many bytes, no more go with them."""

AHEAD_PER_WORKER = 2
"""Packs of images that wait for each process, or are measured by it."""


def measure_images(items: Iterable[Item], dataset: Dataset, workers: int | None = None) -> Sums:
    """Measure images; the same result for any number of processes.

    Args:
        items: Images, each once.
        dataset: Gets what is measured of each.
        workers: Processes beside this one, a core each where not said; 0: none.

    Returns:
        What is put together of all.

    Raises:
        InputError: As `measure_items`.
        TreelineError: A process was killed.
    """
    workers = len(os.sched_getaffinity(0)) if workers is None else workers
    sums = Sums()
    for part in _measure_here(items) if workers == 0 else _measure_there(items, workers):
        dataset.put(part)
        sums.add(part.sums)
    sums.sort()
    return sums


def pack(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Put items together, at most 64, and no further once they have 16 MiB; the same packs each time."""
    packed: list[Item] = []
    size = 0
    for item in items:
        packed.append(item)
        size += len(item.data) if isinstance(item.data, bytes) else item.data.nbytes
        if len(packed) == MOST_ITEMS or size >= MOST_BYTES:
            yield packed
            packed, size = [], 0
    if packed:
        yield packed


def _measure_here(items: Iterable[Item]) -> Iterator[Part]:
    yield from map(measure_items, pack(items))


def _measure_there(items: Iterable[Item], workers: int) -> Iterator[Part]:
    # Not forked: this process has threads, whose locks a fork would copy as they are.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for _, part in map_ahead(pool, measure_items, pack(items), AHEAD_PER_WORKER * workers):
                yield part
    except BrokenProcessPool:
        raise TreelineError(
            "A process that measured images was killed, most likely for its memory. Run it again with fewer --workers."
        ) from None
