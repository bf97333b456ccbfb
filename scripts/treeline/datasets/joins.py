"""Samples of several datasets that belong together: by a column of their tables, or by place and time.

A join of a join has all their sides. By a column, all sides have the same value; by place, all have ground in common;
by time, no two are further apart than may be. So the order in which sides are joined changes nothing but their order.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.datasets.ground import Bounds
from treeline.datasets.sample_sets import Draw, Sample, SampleSet
from treeline.errors import ConfigError, InputError
from treeline.io.datasets.metadata import ID

log = logging.getLogger(__name__)

EXTENT = ("crs", "left", "bottom", "right", "top", "across", "down", "first", "last")
"""Of a sample: its coordinate reference system, the bounds of its ground in it, width and height of a pixel, first and
last time. Of a join, that of the ground in common, and of the largest pixels."""

GROUND = ("crs", "image_width", "image_height", "x_offset", "y_offset", "x_gsd", "y_gsd")
"""Columns that say which ground an image covers."""

Rows = npt.NDArray[np.int64]
"""Samples x sides: numbers of the samples of the sides."""

BY_KEY = """
    SELECT one.number AS one, other.number AS other
    FROM one JOIN other USING (key)
    ORDER BY ALL
"""

BY_OVERLAP = """
    SELECT one.number AS one, other.number AS other
    FROM one JOIN other ON
        one.crs = other.crs
        AND least(one."right", other."right") - greatest(one."left", other."left")
            > $pixels * greatest(one.across, other.across)
        AND least(one.top, other.top) - greatest(one.bottom, other.bottom)
            > $pixels * greatest(one.down, other.down)
        AND ($apart IS NULL OR (one."last" - other."first" <= $apart AND other."last" - one."first" <= $apart))
    ORDER BY ALL
"""


@dataclass(frozen=True)
class Key:
    """Samples with the same value in a column belong together; a missing value is no value.

    Args:
        column: Of any table with a row a sample, such as `id` or `scene`.
    """

    column: str = ID


@dataclass(frozen=True)
class Overlap:
    """Samples that have ground in common belong together.

    Only samples in the same coordinate reference system are compared, and edges that touch are no ground in common.

    Args:
        most_days: Greatest difference of their times of capture, in days; None looks at no time.
        cut: Cut the images to the ground that all sides have in common, which is more than half a pixel of each then.
    """

    most_days: float | None = None
    cut: bool = False


class Join(SampleSet):
    """Samples that belong together, as tuples of one sample a side.

    Args:
        one: Datasets, joins or concatenations.
        other: Likewise.
        on: What makes them belong together.

    Raises:
        ConfigError: A column is not there, or one of them mixes its batches.
        InputError: No two belong together.
    """

    def __init__(self, one: SampleSet, other: SampleSet, on: Key | Overlap) -> None:
        if one.mixes or other.mixes:
            raise ConfigError(f"{one.name} * {other.name}: what belongs together cannot be mixed with other samples.")
        self._is_cut = isinstance(on, Overlap) and on.cut
        if self._is_cut and (one.has_windows or other.has_windows):
            raise ConfigError(f"{one.name} * {other.name}: images of several windows cannot be cut to common ground.")
        pairs = _pairs(one, other, on)
        self.sides: tuple[SampleSet, ...] = (*_sides(one), *_sides(other))
        self.rows: Rows = np.hstack([_rows(one)[pairs[:, 0]], _rows(other)[pairs[:, 1]]])
        self.contents = (*one.contents, *other.contents)
        self._common = self.extents()[["left", "bottom", "right", "top", "crs"]] if self._is_cut else None

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, draw: Draw) -> Sample:
        """Read a sample of each side."""
        if self._common is not None:
            draw = draw._replace(within=draw.within or Bounds(*self._common.iloc[draw.number]))
        rows = zip(self.sides, self.rows[draw.number], strict=True)
        return tuple(side.read(draw._replace(number=int(row))) for side, row in rows)

    def keys(self, column: str) -> pd.Series[Any]:
        """Those of the first side."""
        return self.sides[0].keys(column).iloc[self.rows[:, 0]].reset_index(drop=True)

    def extents(self) -> pd.DataFrame:
        """What the sides have in common on the ground, and all of their times."""
        rows = zip(self.sides, self.rows.T, strict=True)
        common: pd.DataFrame
        common, *others = (side.extents().iloc[numbers].reset_index(drop=True) for side, numbers in rows)
        for side in others:
            largest = {
                name: np.maximum(common[name], side[name]) for name in ("left", "bottom", "across", "down", "last")
            }
            smallest = {name: np.minimum(common[name], side[name]) for name in ("right", "top", "first")}
            common = common.assign(**largest, **smallest)
        return common


def join(*sets: SampleSet, on: Key | Overlap | None = None) -> SampleSet:
    """Join two sets or more.

    Args:
        *sets: Datasets, joins or concatenations.
        on: What makes samples belong together; None is `Overlap()` where every sample knows its place on the ground,
            else `Key("id")`.

    Raises:
        ConfigError: A column is not there.
        InputError: Nothing belongs together; says what there is on each side.
    """
    chosen = on or (Overlap() if all(map(_has_ground, sets)) else Key())
    return reduce(lambda one, other: Join(one, other, chosen), sets)


def extents_of(facts: pd.DataFrame) -> pd.DataFrame:
    """What each image covers: a row of `EXTENT` a row of facts.

    `x_offset` and `y_offset` are the corner of the first pixel. Columns go with x, and rows against y, where `x_gsd`
    and `y_gsd` are positive.

    Raises:
        ConfigError: The facts say nothing of the ground.
    """
    missing = [name for name in GROUND if name not in facts]
    if missing:
        raise ConfigError(f"there is no column {missing[0]!r}, which a join by overlap needs; join on a Key.")
    xs = facts["x_offset"], facts["x_offset"] + facts["image_width"] * facts["x_gsd"]
    ys = facts["y_offset"], facts["y_offset"] - facts["image_height"] * facts["y_gsd"]
    bounds = (np.minimum(*xs), np.minimum(*ys), np.maximum(*xs), np.maximum(*ys))
    pixels = (facts["x_gsd"].abs(), facts["y_gsd"].abs())
    times = facts.get("time_of_capture", pd.Series(pd.NaT, index=facts.index))
    return pd.DataFrame(dict(zip(EXTENT, (facts["crs"], *bounds, *pixels, times, times), strict=True)))


def _sides(samples: SampleSet) -> tuple[SampleSet, ...]:
    return samples.sides if isinstance(samples, Join) else (samples,)


def _rows(samples: SampleSet) -> Rows:
    return samples.rows if isinstance(samples, Join) else np.arange(len(samples))[:, None]


def _has_ground(samples: SampleSet) -> bool:
    try:
        return bool((samples.extents()["crs"].fillna("") != "").all())
    except ConfigError:
        return False


def _pairs(one: SampleSet, other: SampleSet, on: Key | Overlap) -> Rows:
    if isinstance(on, Key):
        tables = [_keyed(samples, on.column) for samples in (one, other)]
        pairs = _ask(BY_KEY, tables, {})
    else:
        tables = [_placed(samples, on) for samples in (one, other)]
        apart = None if on.most_days is None else round(on.most_days * 86_400_000_000)
        pairs = _ask(BY_OVERLAP, tables, {"apart": apart, "pixels": 0.5 if on.cut else 0.0})
    if not len(pairs):
        column = "key" if isinstance(on, Key) else "crs"
        kinds = [", ".join(map(str, table[column].unique()[:3])) or "nothing" for table in tables]
        problem = f"no two samples belong together by {on}; one side has {kinds[0]}, ... the other {kinds[1]}, ..."
        raise InputError(f"{one.name} * {other.name}", problem)
    return pairs


def _keyed(samples: SampleSet, column: str) -> pd.DataFrame:
    keys = samples.keys(column)
    return _numbered(samples, pd.DataFrame({"key": keys}), keys.notna() & (keys != ""), f"have no {column}")


def _placed(samples: SampleSet, on: Overlap) -> pd.DataFrame:
    extents = samples.extents()
    for name in ("first", "last"):
        extents[name] = extents[name].astype("datetime64[us]").astype("int64")
    known = extents[list(EXTENT[:7])].notna().all(axis=1) & (extents["crs"] != "")
    if on.most_days is not None:
        known &= samples.extents()["first"].notna()
    what = "do not know their place" + ("" if on.most_days is None else " and time")
    return _numbered(samples, extents, known, what)


def _numbered(samples: SampleSet, table: pd.DataFrame, known: pd.Series[bool], problem: str) -> pd.DataFrame:
    if not known.all():
        log.warning("%s: %d of %d samples %s, and are in no pair", samples.name, (~known).sum(), len(known), problem)
    return table.assign(number=np.arange(len(table)))[known]


def _ask(query: str, tables: Sequence[pd.DataFrame], parameters: dict[str, Any]) -> Rows:
    with duckdb.connect() as connection:
        for name, table in zip(("one", "other"), tables, strict=True):
            connection.register(name, table)
        try:
            found = connection.execute(query, parameters).fetchnumpy()
        except duckdb.ConversionException as error:
            raise ConfigError(f"the columns of the join are of different kinds: {error}") from None
    return np.column_stack([found["one"], found["other"]]).astype(np.int64)
