"""Tables of the page, each with a link to the whole table beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import pandas as pd

from treeline.console import format_duration
from treeline.io.figures.drawing import Cell, Listing
from treeline.io.figures.page import size, whole

MOST_LISTED = 600
"""Rows of a table that is shown, where its rows are short."""

MISSING = Cell("–", -math.inf)
"""A number that is not known: below all others."""

TABLES = "tables"
"""Folder of the tables, beside the page."""


Columns: TypeAlias = Mapping[str, Iterable[object]]
"""Cells of a table that is shown, by their columns' headings."""


def listing(title: str, name: str, columns: Columns, most_rows: int = MOST_LISTED) -> Listing:
    """Make a table that is shown.

    Args:
        title: What it lists.
        name: Of the report's table that holds all of it.
        columns: By their headings.
        most_rows: That are shown.
    """
    cells = {heading: list(values) for heading, values in columns.items()}
    return Listing(title, pd.DataFrame(cells, dtype=object), most_rows, f"{TABLES}/{name}.csv")


def sizes(counts: Sequence[float]) -> list[Cell]:
    """Numbers of bytes, of which a negative one is not known."""
    return [MISSING if count < 0 else Cell(size(count), float(count)) for count in counts]


def known(counts: Sequence[float]) -> list[Cell]:
    """Counts, of which a negative one is not known."""
    return [MISSING if count < 0 else Cell(whole(count), float(count)) for count in counts]


def durations(times: Sequence[float]) -> list[Cell]:
    """Numbers of seconds."""
    return [MISSING if math.isnan(seconds) else Cell(format_duration(seconds), seconds) for seconds in times]


def percents(shares: Sequence[float]) -> list[Cell]:
    """Shares, of which 1 is all."""
    return [MISSING if math.isnan(share) else Cell(percent(share), share) for share in shares]


def percent(share: float) -> str:
    """Write a share, of which 1 is all: only none is 0 %, and only all is 100 %."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.2g} %" if share < 0.0995 else f"{min(100 * share, 99.9) if share < 1 else 100 * share:.3g} %"
