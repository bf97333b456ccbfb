"""Divide locations among training, validation and testing, so that every label has about the wanted share in each.

The cost of a division is the sum, over all labels and splits, of the squared difference between the share of the
label's crops that the split has and the share that it should have; all crops together count as one label more. Labels
weigh the same however many crops they have. Locations are placed one by one where that costs least, those first that
have the largest part of a label, ties by a draw; then each is lifted and placed anew until none moves. Each step lowers
the cost, so that this ends. The idea of serving what is scarce first is that of iterative stratification (Sechidis,
Tsoumakas and Vlahavas 2011, https://doi.org/10.1007/978-3-642-23808-6_10).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FREE = -1
MOST_PASSES = 50
SAME = 1e-12
"""Costs that differ by less are equal: a rounding error moves no location."""

Numbers: TypeAlias = npt.NDArray[np.int64]
Shares: TypeAlias = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """How many crops of which label are from which location: three columns of the same length.

    Args:
        location: Number of the location, from 0; each has a row at least.
        label: Number of the label, from 0.
        crops: More than 0.
    """

    location: Numbers
    label: Numbers
    crops: Numbers


class _Part(NamedTuple):
    """Of one location, the share that it has of all crops of each of its labels."""

    labels: Numbers
    shares: Shares


def divide(counts: Counts, given: Numbers, shares: Sequence[float], seed: int) -> Numbers:
    """Assign a split to each location that has none.

    Args:
        counts: What is at the locations.
        given: Of each location, the number of the split that it has already, or `FREE`; these are never moved.
        shares: Wanted share of each split, from 0 to 1, 1 in all. A split of share 0 gets no location.
        seed: Another one places equal locations in another order.

    Returns:
        The number of each location's split.
    """
    parts = _parts(counts, len(given))
    targets = np.asarray(shares, dtype=np.float64)
    held = np.zeros((len(targets), max(int(part.labels[-1]) for part in parts) + 1))
    for part, split in zip(parts, given, strict=True):
        if split != FREE:
            held[split, part.labels] += part.shares
    free = np.random.default_rng(seed).permutation(np.flatnonzero(given == FREE))
    largest = np.array([part.shares.max() for part in parts])
    order = free[np.argsort(-largest[free], kind="stable")]
    assigned = given.copy()
    for _ in range(MOST_PASSES):
        if not _pass(parts, order, targets, held, assigned):
            break
    return assigned


def _parts(counts: Counts, locations: int) -> list[_Part]:
    """With all crops together as the last label."""
    everything = counts.label.max() + 1
    location = np.concatenate([counts.location, counts.location])
    label = np.concatenate([counts.label, np.full_like(counts.label, everything)])
    crops = np.concatenate([counts.crops, counts.crops])
    kinds, place = np.unique(location * (everything + 1) + label, return_inverse=True)
    sums = np.bincount(place, crops)
    shares = sums / np.bincount(label, crops)[kinds % (everything + 1)]
    starts = np.searchsorted(kinds // (everything + 1), np.arange(1, locations))
    labels = np.split(kinds % (everything + 1), starts)
    return [_Part(*pair) for pair in zip(labels, np.split(shares, starts), strict=True)]


def _pass(parts: Sequence[_Part], order: Numbers, targets: Shares, held: Shares, assigned: Numbers) -> bool:
    """Place each location where it costs least; whether any of them moved."""
    allowed = np.flatnonzero(targets > 0)
    moved = False
    for location in order:
        labels, shares = parts[location]
        before = assigned[location]
        if before != FREE:
            held[before, labels] -= shares
        # (held + share - target)^2 - (held - target)^2, for each split that may have it
        costs = ((2 * (held[np.ix_(allowed, labels)] - targets[allowed, None]) + shares) * shares).sum(axis=1)
        best = allowed[np.argmin(costs)]
        if before != FREE and costs[allowed == before][0] <= costs.min() + SAME:
            best = before
        held[best, labels] += shares
        assigned[location] = best
        moved |= bool(best != before)
    return moved
