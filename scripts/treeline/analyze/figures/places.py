"""Where the samples were taken: a plain map, drawn without tiles, which would have to be asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from treeline.io.figures.drawing import Drawing
from treeline.io.figures.style import BLUE, INK, new_figure, short_number
from treeline.io.table_sets import Tables

METRES_A_DEGREE = 111_320.0
"""Of latitude, and of longitude on the equator (GRS 80)."""

LARGEST_DOT = 80.0
"""Square points."""

MOST_SYSTEMS = 4
LEAST_EXTENT_METRES = 1000.0
"""Of a map of one place."""


class System(NamedTuple):
    """A coordinate system.

    Args:
        is_geographic: Its coordinates are degrees.
        metres: Of its unit, where it is none of degrees; None: not known.
    """

    is_geographic: bool
    metres: float | None


def draw_places(tables: Tables) -> Iterator[Drawing]:
    """Draw a map for each coordinate system, of those that have most samples."""
    places = tables["places"]
    if places.empty:
        return
    order = places.groupby("crs")["count"].sum().sort_values(ascending=False, kind="stable").index
    for number, crs in enumerate(order[:MOST_SYSTEMS], start=1):
        yield _map(f"places_{number}", crs, places[places["crs"] == crs])


def read_system(crs: str) -> System:
    """Tell a coordinate system's units; an unknown one has none."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        found = CRS.from_user_input(crs)
        return System(True, None) if found.is_geographic else System(False, found.linear_units_factor[1])
    except CRSError:
        return System(False, None)


def _map(name: str, crs: str, rows: pd.DataFrame) -> Drawing:
    title = "Where the samples were taken"
    system = read_system(crs)
    figure, axes = new_figure(title, 3.2)
    area = LARGEST_DOT * rows["count"] / rows["count"].max()
    axes.scatter(rows["x"], rows["y"], s=np.maximum(area, 6), color=BLUE, alpha=0.65, linewidths=0, zorder=3)
    _frame(axes, rows, system)
    axes.spines[["top", "right"]].set_visible(True)
    unit = "" if system.metres == 1 else ", its units"
    labels = ("Longitude", "Latitude") if system.is_geographic else (f"Easting (m{unit})", f"Northing (m{unit})")
    if not system.is_geographic and system.metres != 1:
        labels = ("x (units of the coordinate system)", "y (units of the coordinate system)")
    axes.set(xlabel=labels[0], ylabel=labels[1])
    caption = (
        f"{rows['count'].sum():,} samples at {len(rows):,} places, or cells of a grid; a dot's area is how many. "
        f"Coordinate system: {crs or 'not known'}."
    )
    return Drawing(name, title, caption, figure, rows)


def _frame(axes: Axes, rows: pd.DataFrame, system: System) -> None:
    """Give all of the places room, in true proportions, with a graticule, and a scale below them."""
    middle_y = float(rows["y"].min() + rows["y"].max()) / 2
    squeeze = max(0.05, math.cos(math.radians(middle_y))) if system.is_geographic else 1.0
    metres = METRES_A_DEGREE if system.is_geographic else system.metres or 1.0
    least = LEAST_EXTENT_METRES / metres
    spans = [max(float(rows[axis].max() - rows[axis].min()), least) for axis in ("x", "y")]
    half = 0.58 * max(spans[0] * squeeze, spans[1])
    middle_x = float(rows["x"].min() + rows["x"].max()) / 2
    axes.set(xlim=(middle_x - half / squeeze, middle_x + half / squeeze), ylim=(middle_y - 1.2 * half, middle_y + half))
    axes.set_aspect(1 / squeeze)
    for axis, letters in ((axes.xaxis, "EW"), (axes.yaxis, "NS")):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(lambda value, _, letters=letters: _tick(value, letters, system)))
    if system.is_geographic or system.metres:
        _scale(axes, 2 * half * metres, metres * squeeze)


def _tick(value: float, letters: str, system: System) -> str:
    if not system.is_geographic:
        return f"{value:,.0f}"
    if letters == "EW":
        value = (value + 180) % 360 - 180
    return f"{abs(value):.6g}° {letters[0] if value >= 0 else letters[1]}" if round(value, 9) else "0°"


def _scale(axes: Axes, extent_metres: float, metres_across: float) -> None:
    """A bar of a round length, a quarter of the map or less."""
    most = extent_metres / 4
    power = 10.0 ** math.floor(math.log10(most))
    length = next(step * power for step in (5, 2, 1) if step * power <= most)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    start, level = left + 0.05 * (right - left), bottom + 0.04 * (top - bottom)
    axes.plot([start, start + length / metres_across], [level, level], color=INK, linewidth=2, zorder=4)
    text = f"{short_number(length / 1000)} km" if length >= 1000 else f"{length:g} m"
    axes.text(start, level + 0.02 * (top - bottom), text, fontsize=7, va="bottom", zorder=4)
