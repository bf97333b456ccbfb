"""Which samples, and which of their bands: sampling by what the tables say, before any pixel is read.

The split comes first, then the time, then the table; each chooses among what the one before has left.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.errors import ConfigError
from treeline.io.datasets.conditions import A_ROW_A_SAMPLE, ids_where
from treeline.io.datasets.metadata import ID, SPLITS, TRAINVALTEST, Metadata

log = logging.getLogger(__name__)

Positions = npt.NDArray[np.int64]
"""Row numbers of a dataset's index."""

SPLIT = "split"
TIME = "time_of_capture"
MONTH_AND_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


@dataclass(frozen=True)
class Tabular:
    """Choose by what the tables say.

    Args:
        kind: `balanced`: as many of each group; where one has fewer, its samples are repeated, each as often as any
            other of the group or once more. `stratified`: the same fraction of each group, rounded, at least one.
            `fraction`: a fraction of all, rounded, at least one. `query`: those that a condition holds for.
        by: `balanced`, `stratified`: column of the groups, of any table with a row a sample.
        fraction: `stratified`, `fraction`: more than 0, at most 1.
        count: `balanced`: samples of each group; None takes the size of the smallest.
        query: `query`: a condition in DuckDB's SQL, such as `label = 'deer' AND image_width >= 640`.
        seed: Another one draws others.

    Raises:
        ConfigError: A value is wrong, or missing where the kind needs it.
    """

    kind: Literal["balanced", "stratified", "fraction", "query"]
    by: str = "label"
    fraction: float | None = None
    count: int | None = None
    query: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("balanced", "stratified", "fraction", "query"):
            raise ConfigError(f"tabular: kind is {self.kind!r}; it is balanced, stratified, fraction or query.")
        if (self.fraction is None) == (self.kind in ("stratified", "fraction")):
            raise ConfigError(
                f"tabular: `fraction` is for the kinds stratified and fraction, and the kind is {self.kind}."
            )
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise ConfigError(f"tabular: fraction is {self.fraction}; it is more than 0 and at most 1.")
        if self.count is not None and (self.kind != "balanced" or self.count < 1):
            raise ConfigError("tabular: `count` is 1 or more, and for the kind balanced.")
        if (self.query is None) == (self.kind == "query"):
            raise ConfigError(f"tabular: `query` is for the kind query, and the kind is {self.kind}.")


@dataclass(frozen=True)
class Temporal:
    """Choose by the time of capture; samples without one are left out, and a warning says how many.

    Args:
        start: First time, such as `2025-03-01` or `2025-03-01 06:30`; in the clock of `time_of_capture`.
        end: First time that is too late.
        season: First and last day of a time of the year, such as `("11-15", "02-28")`, both included.
        latest: Column of groups, such as `location`, of each of which only the latest sample is kept; of several at
            the same time, the one with the highest id.

    Raises:
        ConfigError: A value is none of these, or there is none.
    """

    start: str | None = None
    end: str | None = None
    season: tuple[str, str] | None = None
    latest: str | None = None

    def __post_init__(self) -> None:
        if (self.start, self.end, self.season, self.latest) == (None, None, None, None):
            raise ConfigError("temporal: give start, end, season or latest.")
        start, end = _time("start", self.start), _time("end", self.end)
        if start is not None and end is not None and start >= end:
            raise ConfigError(f"temporal: nothing is from {self.start} on and before {self.end}.")
        for day in self.season or ():
            if MONTH_AND_DAY.fullmatch(day) is None:
                raise ConfigError(f"temporal: season has {day!r}; a day is a month and a day, such as 03-21.")


@dataclass(frozen=True)
class Spectral:
    """Choose bands.

    Args:
        bands: Names of the dataset's channels, or their numbers from 0, in the order in which they are wanted.
    """

    bands: Sequence[str | int]

    def numbers(self, channels: Sequence[str]) -> list[int]:
        """Find the bands among the channels of a dataset.

        Raises:
            ConfigError: There is no band, or one is not there.
        """
        places = {name: number for number, name in enumerate(channels)}
        numbers = [places.get(band, -1) if isinstance(band, str) else band for band in self.bands]
        wrong = [band for band, number in zip(self.bands, numbers, strict=True) if not 0 <= number < len(channels)]
        if wrong or not numbers:
            found = f"there is no band {wrong[0]!r}" if wrong else "no band is named"
            raise ConfigError(f"spectral: {found}; the dataset has {', '.join(channels)}.")
        return numbers


def choose(metadata: Metadata, split: str, temporal: Temporal | None, tabular: Tabular | None) -> Positions:
    """Choose samples.

    Args:
        metadata: The dataset's.
        split: `train`, `val`, `test`, or `trainvaltest` for all.
        temporal: By the time of capture.
        tabular: By what the tables say, among those of that time.

    Returns:
        Row numbers of the index, ascending; those that are balanced may repeat.

    Raises:
        ConfigError: A column is not there, or nothing is left.
    """
    facts = facts_of(metadata)
    positions = _of_split(metadata, split)
    if temporal is not None:
        positions = positions[_of_time(facts.iloc[positions], temporal)]
    if tabular is not None and len(positions):
        kept = ids_where(metadata, tabular.query) if tabular.query is not None else None
        chosen = facts.iloc[positions]
        positions = positions[_of_table(chosen, tabular) if kept is None else chosen[ID].isin(kept)]
    if not len(positions):
        options = [f"split {split}", *(str(option) for option in (temporal, tabular) if option is not None)]
        raise ConfigError(f"{metadata.name}: no sample is left by {', '.join(options)}.")
    return positions


def _of_split(metadata: Metadata, split: str) -> Positions:
    if split not in (*SPLITS, TRAINVALTEST):
        raise ConfigError(f"split is {split!r}; it is {', '.join(SPLITS)} or {TRAINVALTEST}.")
    if split == TRAINVALTEST:
        return np.arange(len(metadata))
    if SPLIT not in metadata.index:
        raise ConfigError(f"{metadata.name} is not divided: its only split is {TRAINVALTEST}.")
    return np.flatnonzero(metadata.index[SPLIT] == split)


def _of_time(facts: pd.DataFrame, temporal: Temporal) -> Positions:
    times = column_of(facts, TIME).reset_index(drop=True)
    if missing := int(times.isna().sum()):
        log.warning("%d of %d samples have no time of capture, and are left out", missing, len(times))
    kept = times.notna()
    if temporal.start is not None:
        kept &= times >= pd.Timestamp(temporal.start)
    if temporal.end is not None:
        kept &= times < pd.Timestamp(temporal.end)
    if temporal.season is not None:
        first, last = temporal.season
        days = times.dt.strftime("%m-%d")
        kept &= days.between(first, last) if first <= last else (days >= first) | (days <= last)
    if temporal.latest is not None:
        groups = column_of(facts, temporal.latest).reset_index(drop=True)
        order = times[kept].sort_values(kind="stable").index
        kept &= times.index.isin(groups[order].drop_duplicates(keep="last").index)
    return np.flatnonzero(kept)


def _of_table(facts: pd.DataFrame, tabular: Tabular) -> Positions:
    generator = np.random.default_rng(tabular.seed)
    if tabular.kind == "fraction":
        return _drawn(np.arange(len(facts)), _share(len(facts), tabular), generator)
    column = column_of(facts, tabular.by).reset_index(drop=True)
    groups = [rows.index.to_numpy() for _, rows in column.groupby(column, sort=True, dropna=False)]
    smallest = min(map(len, groups))
    counts = [
        (tabular.count or smallest) if tabular.kind == "balanced" else _share(len(group), tabular) for group in groups
    ]
    return np.sort(np.concatenate([_drawn(*pair, generator) for pair in zip(groups, counts, strict=True)]))


def _share(count: int, tabular: Tabular) -> int:
    assert tabular.fraction is not None  # of these kinds
    return max(1, int(count * tabular.fraction + 0.5))


def _drawn(positions: Positions, count: int, generator: np.random.Generator) -> Positions:
    """Draw so many; where there are fewer, all are taken again and again."""
    return np.sort(np.resize(generator.permutation(positions), count))


def facts_of(metadata: Metadata) -> pd.DataFrame:
    """What is known of each sample, in the order of the index: its columns, and those of all tables like it."""
    facts = metadata.index
    for name in A_ROW_A_SAMPLE:
        if (table := metadata.tables.get(name)) is not None:
            new = [ID, *(column for column in table.columns if column not in facts.columns)]
            facts = facts.merge(table[new], on=ID, how="left", validate="one_to_one")
    return facts


def column_of(facts: pd.DataFrame, name: str) -> pd.Series[Any]:
    """A column of what is known of the samples.

    Raises:
        ConfigError: It is not there; says which are.
    """
    if name not in facts:
        raise ConfigError(f"there is no column {name!r}; the dataset has {', '.join(facts.columns)}.")
    return facts[name]


def _time(name: str, text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise ConfigError(f"temporal: {name} is {text!r}; it is a time without a zone, such as 2025-03-01 06:30.")
    return pd.Timestamp(time)
