"""Divide groups, such as locations, among splits, so that every label has about the wanted share in each.

The cost of a division is the sum, over all labels and splits, of the squared difference between the share of the
label's items that the split has and the share that it should have; all items together count as one label more. Labels
weigh the same however many items they have. Groups are placed one by one where that costs least, those first that have
the largest part of a label, ties by a draw; then each is lifted and placed anew until none moves. Each step lowers the
cost, so that this ends. The idea of serving what is scarce first is that of iterative stratification (Sechidis,
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
"""Costs that differ by less are equal: a rounding error moves no group."""

Numbers: TypeAlias = npt.NDArray[np.int64]
Shares: TypeAlias = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """How many items of which label are in which group: three columns of the same length.

    Args:
        group: Number of the group, from 0; each has a row at least.
        label: Number of the label, from 0.
        items: More than 0.
    """

    group: Numbers
    label: Numbers
    items: Numbers


class _Part(NamedTuple):
    """Of one group, the share that it has of all items of each of its labels."""

    labels: Numbers
    shares: Shares


def divide(counts: Counts, given: Numbers, shares: Sequence[float], seed: int) -> Numbers:
    """Assign a split to each group that has none.

    Args:
        counts: What is in the groups.
        given: Of each group, the number of the split that it has already, or `FREE`; these are never moved.
        shares: Wanted share of each split, from 0 to 1, 1 in all. A split of share 0 gets no group.
        seed: Another one places equal groups in another order.

    Returns:
        The number of each group's split.
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


def _parts(counts: Counts, groups: int) -> list[_Part]:
    """With all items together as the last label."""
    everything = counts.label.max() + 1
    group = np.concatenate([counts.group, counts.group])
    label = np.concatenate([counts.label, np.full_like(counts.label, everything)])
    items = np.concatenate([counts.items, counts.items])
    kinds, place = np.unique(group * (everything + 1) + label, return_inverse=True)
    sums = np.bincount(place, items)
    shares = sums / np.bincount(label, items)[kinds % (everything + 1)]
    starts = np.searchsorted(kinds // (everything + 1), np.arange(1, groups))
    labels = np.split(kinds % (everything + 1), starts)
    return [_Part(*pair) for pair in zip(labels, np.split(shares, starts), strict=True)]


def _pass(parts: Sequence[_Part], order: Numbers, targets: Shares, held: Shares, assigned: Numbers) -> bool:
    """Place each group where it costs least; whether any of them moved."""
    allowed = np.flatnonzero(targets > 0)
    moved = False
    for group in order:
        labels, shares = parts[group]
        before = assigned[group]
        if before != FREE:
            held[before, labels] -= shares
        # (held + share - target)^2 - (held - target)^2, for each split that may have it
        costs = ((2 * (held[np.ix_(allowed, labels)] - targets[allowed, None]) + shares) * shares).sum(axis=1)
        best = allowed[np.argmin(costs)]
        if before != FREE and costs[allowed == before][0] <= costs.min() + SAME:
            best = before
        held[best, labels] += shares
        assigned[group] = best
        moved |= bool(best != before)
    return moved
