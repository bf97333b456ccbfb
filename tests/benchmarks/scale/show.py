"""A plan in words: figures with units, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.benchmarks.scale.plan import Item, Unit

MINUTE, HOUR, DAY = 60, 3600, 86_400


def as_table(items: Sequence[Item]) -> str:
    """Lay a plan out for a terminal: label, figure, kind, and where it comes from."""
    rows = [(item.label, figure(item.value, item.unit), item.kind, item.how) for item in items]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{label:<{widths[0]}}  {value:>{widths[1]}}  {kind:<{widths[2]}}  {how}".rstrip()
        for label, value, kind, how in rows
    )


def as_json(items: Sequence[Item]) -> str:
    """Write a plan for programs: by name, each figure in seconds, bytes or things."""
    return json.dumps(
        {item.name: {"value": item.value, "unit": item.unit, "kind": item.kind, "how": item.how} for item in items},
        indent=1,
    )


def figure(value: float, unit: Unit = "") -> str:
    """Write a figure with its unit, to three digits; a number of things below a million as it is."""
    if unit == "s":
        return _time(value)
    if unit == "B":
        return _scaled(value, (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)), " B")
    if unit == "share":
        return f"{100 * value:.3g} %"
    return f"{value:,.0f}" if value < 1e7 else in_words(value)


def in_words(number: float) -> str:
    """Write a number of things to three digits: `1 million`, `2.5 billion`."""
    return _scaled(number, (("billion", 1e9), ("million", 1e6)), "")


def _time(seconds: float) -> str:
    for name, length, least in (("days", DAY, 2 * DAY), ("h", HOUR, 2 * HOUR), ("min", MINUTE, 2 * MINUTE)):
        if seconds >= least:
            return f"{_short(seconds / length)} {name}"
    return f"{_short(seconds)} s"


def _scaled(value: float, units: Sequence[tuple[str, float]], small: str) -> str:
    for name, size in units:
        if value >= size:
            return f"{_short(value / size)} {name}"
    return f"{_short(value)}{small}"


def _short(value: float) -> str:
    """Three digits, and no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
