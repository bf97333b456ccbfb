"""Divide locations among training, validation and testing, so that every label has about the wanted share in each.

The cost of a division is the sum, over all labels and splits, of the squared difference between the share of the label's
crops that the split has and the share that it should have; all crops together count as one label more. Labels weigh the
same however many crops they have. Locations are placed one by one where that costs least, those first that have the
largest part of a label, ties by a draw; then each is lifted and placed anew until none moves. Each step lowers the cost,
so that this ends. The idea of serving what is scarce first is that of iterative stratification (Sechidis, Tsoumakas and
Vlahavas 2011, https://doi.org/10.1007/978-3-642-23808-6_10).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

FREE = -1
MOST_PASSES = 50
SAME = 1e-12
"""Costs that differ by less are equal: a rounding error moves no location."""

Assignment = npt.NDArray[np.int64]


def divide(counts: csr_array, given: Assignment, shares: Sequence[float], seed: int) -> Assignment:
    """Assign a split to each location that has none.

    Args:
        counts: Locations x labels, the number of crops; at least one in each row.
        given: Of each location, the number of the split that it has already, or `FREE`; these are never moved.
        shares: Wanted share of each split, from 0 to 1, 1 in all. A split of share 0 gets no location.
        seed: Another one places equal locations in another order.

    Returns:
        The number of each location's split.
    """
    totals = counts.sum(axis=1).reshape(-1, 1)
    everything = csr_array(hstack([counts, csr_array(totals)]), dtype=np.float64)
    sums = everything.sum(axis=0)
    parts = csr_array(everything.multiply(1 / np.where(sums > 0, sums, 1)))
    targets = np.asarray(shares, dtype=np.float64)
    held = np.zeros((len(targets), parts.shape[1]))
    assigned = given.copy()
    for location in np.flatnonzero(given != FREE):
        _move(parts, location, held[given[location]], 1)
    order = _order(parts, given, seed)
    for _ in range(MOST_PASSES):
        if not _pass(parts, order, targets, held, assigned):
            break
    return assigned


def _order(parts: csr_array, given: Assignment, seed: int) -> Assignment:
    """Free locations, those with the largest part of a label first."""
    free = np.random.default_rng(seed).permutation(np.flatnonzero(given == FREE))
    largest = np.maximum.reduceat(parts.data, parts.indptr[:-1]) if parts.nnz else np.zeros(0)
    return free[np.argsort(-largest[free], kind="stable")]


def _pass(
    parts: csr_array,
    order: Assignment,
    targets: npt.NDArray[np.float64],
    held: npt.NDArray[np.float64],
    assigned: Assignment,
) -> bool:
    """Place each location where it costs least; whether any of them moved."""
    allowed = np.flatnonzero(targets > 0)
    moved = False
    for location in order:
        before = assigned[location]
        if before != FREE:
            _move(parts, location, held[before], -1)
        labels, part = _row(parts, location)
        # (held + part - target)^2 - (held - target)^2, for each split that may have it
        costs = ((2 * (held[np.ix_(allowed, labels)] - targets[allowed, None]) + part) * part).sum(axis=1)
        best = allowed[np.argmin(costs)]
        if before != FREE and costs[allowed == before][0] <= costs.min() + SAME:
            best = before
        _move(parts, location, held[best], 1)
        assigned[location] = best
        moved |= best != before
    return bool(moved)


def _row(parts: csr_array, location: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    place = slice(parts.indptr[location], parts.indptr[location + 1])
    return parts.indices[place], parts.data[place]


def _move(parts: csr_array, location: int, held: npt.NDArray[np.float64], sign: int) -> None:
    labels, part = _row(parts, location)
    held[labels] += sign * part
