"""Where the marks of a plot stand, in units of its drawing; the templates make SVG of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, sqrt

from treeline.catalog.browse.reader import Row

MAP_WIDTH = 1000.0
LEAST_SPAN_DEGREES = 0.02
MARGIN_SHARE = 0.06
FLATTEST, TALLEST = 0.4, 0.7
"""Height of a map as a share of its width."""

LARGEST_RADIUS = 22.0
SMALLEST_RADIUS = 4.0
STEPS_DEGREES = (30.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
LEAST_LINES = 3

BARS_WIDTH = 1000.0
BARS_HEIGHT = 180.0
BAR_GAP_SHARE = 0.15
MOST_LABELS = 12
MAJOR_EVERY = 3


@dataclass(frozen=True)
class Mark:
    """A circle of the map: its middle and radius, and the row that it stands for."""

    x: float
    y: float
    radius: float
    row: Row


@dataclass(frozen=True)
class Line:
    """A line of the grid: where it is, along one axis, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Map:
    """Places on a grid of degrees, each as long in both directions as at the middle of the map."""

    height: float
    marks: list[Mark]
    meridians: list[Line]
    parallels: list[Line]


@dataclass(frozen=True)
class Bar:
    """A bar: left edge, top, width and height, its row, and a label, which minor ones have only where there is room."""

    x: float
    y: float
    width: float
    height: float
    row: Row
    label: str
    is_major: bool


def draw_map(places: Sequence[Row]) -> Map:
    """Lay out places, at least one, with `latitude` and `longitude` in degrees and `images`; the largest lie below."""
    latitudes = [place["latitude"] for place in places]
    longitudes = [place["longitude"] for place in places]
    west, east, south, north = _frame(longitudes, latitudes)
    scale = MAP_WIDTH / (east - west)
    most = max(place["images"] for place in places)
    marks = [
        Mark(
            (place["longitude"] - west) * scale,
            (north - place["latitude"]) * scale,
            max(SMALLEST_RADIUS, LARGEST_RADIUS * sqrt(place["images"] / most)),
            place,
        )
        for place in places
    ]
    return Map(
        height=(north - south) * scale,
        marks=marks,
        meridians=[Line((at - west) * scale, _degrees(at, "E", "W")) for at in _steps(max(west, -180), min(east, 180))],
        parallels=[
            Line((north - at) * scale, _degrees(at, "N", "S")) for at in _steps(max(south, -90), min(north, 90))
        ],
    )


def draw_months(rows: Sequence[Row]) -> list[Bar]:
    """Lay out counts by month; months without images keep their place."""
    if not rows:
        return []
    numbers = [_month_number(row["month"]) for row in rows]
    return _bars(rows, [number - numbers[0] for number in numbers], [row["month"] for row in rows])


def draw_hours(rows: Sequence[Row]) -> list[Bar]:
    """Lay out counts by hour of the day, 0 to 23."""
    counts = {row["hour"]: row["images"] for row in rows}
    all_hours: list[Row] = [{"hour": hour, "images": counts.get(hour, 0)} for hour in range(24)]
    return _bars(all_hours, range(24), [f"{hour:02d}" for hour in range(24)])


def days_of_month(month: str) -> tuple[date, date]:
    """First and last day of a month such as 2024-05."""
    first = date.fromisoformat(f"{month}-01")
    if (first.year, first.month) == (date.max.year, date.max.month):
        return first, date.max
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _bars(rows: Sequence[Row], places: Sequence[int], labels: Sequence[str]) -> list[Bar]:
    most = max((row["images"] for row in rows), default=0) or 1
    room = BARS_WIDTH / (places[-1] + 1)
    every = ceil((places[-1] + 1) / MOST_LABELS)
    labelled, labels_so_far = -every, 0
    bars = []
    for row, place, label in zip(rows, places, labels, strict=True):
        height = BARS_HEIGHT * row["images"] / most
        has_label = place - labelled >= every
        if has_label:
            labelled, labels_so_far = place, labels_so_far + 1
        bars.append(
            Bar(
                x=place * room,
                y=BARS_HEIGHT - height,
                width=max(1.0, room * (1 - BAR_GAP_SHARE)),
                height=height,
                row=row,
                label=label if has_label else "",
                is_major=labels_so_far % MAJOR_EVERY == 1,
            )
        )
    return bars


def _month_number(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number) - 1


def _frame(longitudes: Sequence[float], latitudes: Sequence[float]) -> tuple[float, float, float, float]:
    """West, east, south and north of a map around some places, neither too flat nor too tall."""
    width, height = (
        max(max(degrees) - min(degrees), LEAST_SPAN_DEGREES) * (1 + 2 * MARGIN_SHARE)
        for degrees in (longitudes, latitudes)
    )
    width, height = max(width, height / TALLEST), max(height, width * FLATTEST)
    x, y = ((min(degrees) + max(degrees)) / 2 for degrees in (longitudes, latitudes))
    return x - width / 2, x + width / 2, y - height / 2, y + height / 2


def _steps(least: float, most: float) -> list[float]:
    step = next((step for step in STEPS_DEGREES if (most - least) / step >= LEAST_LINES), STEPS_DEGREES[-1])
    return [number * step for number in range(ceil(least / step), floor(most / step) + 1)]


def _degrees(degrees: float, positive: str, negative: str) -> str:
    return f"{abs(degrees):.4g}°{positive if degrees > 0 else negative if degrees < 0 else ''}"
