"""Divide samples by time: what comes last is for testing, and training knows nothing of what comes after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from treeline.datasets.description import SplitOptions
from treeline.datasets.split_facts import Facts
from treeline.io.balance import FREE, Numbers

TIME = "time_of_capture"


def by_time(facts: Facts, options: SplitOptions, clumps: Numbers, given: Numbers, shares: Sequence[float]) -> Numbers:
    """Place each clump by its latest time, so that no sample for training is later than one of validation's clumps.

    Clumps of the same time are not parted. Where some stay where they are, new ones go by the times that end
    training and validation by now.

    Args:
        facts: What is known of the samples.
        options: With the column of the time, else that of capture.
        clumps: Of each sample, the number of its clump.
        given: Of each clump, the number of its split, or `FREE`.
        shares: Wanted share of each split.

    Returns:
        Of each clump, the number of its split.

    Raises:
        InputError: A sample has no time.
    """
    allowed = np.flatnonzero(np.array(shares) > 0)
    latest = pd.Series(_times(facts, options.column)).groupby(clumps).max().to_numpy()
    if (given != FREE).any():
        placed = np.searchsorted(_ends(latest, given), latest, side="left")
        return np.where(given != FREE, given, np.minimum(placed, allowed[-1]))
    moments, places = np.unique(latest, return_inverse=True)
    sizes = np.bincount(places[clumps])
    bounds = np.cumsum(np.array(shares)[allowed])[:-1] * len(facts)
    starts = np.searchsorted(np.cumsum(sizes) - sizes / 2, bounds)
    return allowed[np.searchsorted(_spread(starts, len(moments)), places, side="right")]


def _spread(starts: Numbers, moments: int) -> Numbers:
    """Move the starts of validation and testing apart, so that each split has a moment at least, where there can be."""
    limit = moments
    for split in reversed(range(len(starts))):
        limit = starts[split] = min(starts[split], limit - 1)
    least = 0
    for split in range(len(starts)):
        least = starts[split] = max(starts[split], least + 1)
    return starts


def _ends(latest: Any, given: Numbers) -> Any:
    """The latest times of training, and of training and validation."""
    training, before_testing = latest[given == 0], latest[(given == 0) | (given == 1)]
    first = latest.min()
    return np.array([part.max() if len(part) else first for part in (training, before_testing)])


def _times(facts: Facts, name: str | None) -> pd.Series[Any]:
    """Times or numbers, such as years: one of each sample."""
    column = facts.column(name or TIME)
    numeric = pd.api.types.is_numeric_dtype(column)
    times = column if numeric else pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
    if (missing := times.isna()).any():
        fix = "Leave it out, or split by another kind."
        raise facts.refuse(int(missing.argmax()), "has no time that can be read.", name or TIME, fix)
    return times
