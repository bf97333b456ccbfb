"""Splits over locations: nothing that was given moves, and no single move would make the shares better."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.io.balance import FREE, Counts, divide

SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0.0), (0.7, 0.0, 0.3), (1.0, 0.0, 0.0)])


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any]:
    locations, labels = draw(st.integers(1, 25)), draw(st.integers(1, 5))
    rows = st.lists(st.integers(0, 30), min_size=labels, max_size=labels).filter(any)
    counts = draw(st.lists(rows, min_size=locations, max_size=locations))
    fixed = draw(st.lists(st.integers(FREE, 2), min_size=locations, max_size=locations))
    return np.array(counts), np.array(fixed, dtype=np.int64)


def columns(counts: Any) -> Counts:
    location, label = np.nonzero(counts)
    return Counts(location, label, counts[location, label])


def cost(counts: Any, assigned: Any, shares: Any) -> float:
    """The cost of the module's docstring, without any of its shortcuts."""
    everything = np.column_stack([counts, counts.sum(axis=1)])
    parts = everything / np.maximum(everything.sum(axis=0), 1)
    held = np.array([parts[assigned == split].sum(axis=0) for split in range(len(shares))])
    wanted = np.where(everything.sum(axis=0) > 0, 1, 0)
    return float((((held - np.array(shares)[:, None]) ** 2) * wanted).sum())


@given(problem=problems(), shares=SHARES, seed=st.integers(0, 5))
@settings(max_examples=60)
def test_given_splits_stay_and_no_move_is_better(problem: Any, shares: Any, seed: int) -> None:
    counts, fixed = problem
    assigned = divide(columns(counts), fixed, shares, seed)
    free = fixed == FREE
    assert np.array_equal(assigned[~free], fixed[~free])
    assert set(assigned[free]) <= {split for split, share in enumerate(shares) if share > 0}
    assert np.array_equal(divide(columns(counts), fixed, shares, seed), assigned)
    best = cost(counts, assigned, shares)
    for location in np.flatnonzero(free):
        for split in (split for split, share in enumerate(shares) if share > 0):
            moved = assigned.copy()
            moved[location] = split
            assert cost(counts, moved, shares) >= best - 1e-9


def test_every_label_has_about_its_shares() -> None:
    random = np.random.default_rng(0)
    counts = random.poisson(random.pareto(1.5, (400, 12)) * 3)
    counts[counts.sum(axis=1) == 0, 0] = 1
    assigned = divide(columns(counts), np.full(400, FREE), (0.8, 0.1, 0.1), 0)
    shares = np.array([counts[assigned == split].sum(axis=0) for split in range(3)]) / counts.sum(axis=0)
    assert np.abs(shares - np.array([0.8, 0.1, 0.1])[:, None]).max() < 0.02


def test_another_seed_places_equal_locations_otherwise() -> None:
    counts = columns(np.ones((50, 1), dtype=np.int64))
    free = np.full(50, FREE)
    one, other = (divide(counts, free, (0.6, 0.2, 0.2), seed) for seed in (0, 1))
    assert not np.array_equal(one, other)
    assert np.bincount(one).tolist() == np.bincount(other).tolist() == [30, 10, 10]
