"""What a report is made of, and the plots that several subjects need."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from treeline.analyze.figures.style import BLUE, SIGNED, counts_axis, ink_on, log_axis, new_figure, short_number

Matrix = npt.NDArray[np.float64]

MOST_LABELS = 50
"""Rows of a plot; what is more is in the table alone."""

LINE_OF_LABEL = 22
"""Letters."""

MOST_ANNOTATED = 8
"""Rows of a matrix whose cells have room for numbers."""


@dataclass(frozen=True)
class Drawing:
    """A figure, and what it shows.

    Args:
        name: Of its files.
        title: What it shows, in some words.
        caption: How to read it, in a sentence or two.
        figure: It itself.
        table: The numbers that are drawn.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    table: pd.DataFrame


@dataclass(frozen=True)
class Listing:
    """A table that is shown as such.

    Args:
        title: What it lists.
        table: Its rows.
    """

    title: str
    table: pd.DataFrame


def label_lines(name: str) -> str:
    """Break a name into at most two lines; what does not fit ends in an ellipsis."""
    return "\n".join(textwrap.wrap(name, LINE_OF_LABEL, max_lines=2, placeholder=" …")) or name


def height_of_rows(rows: int, names: Sequence[str]) -> float:
    """Inches that rows need, each with its name."""
    is_broken = any("\n" in label_lines(name) for name in names)
    return 0.95 + rows * (0.26 if is_broken else 0.17)


def histogram(
    rows: pd.DataFrame, title: str, xlabel: str, *, is_log: bool = False, marks: dict[str, float] | None = None
) -> Figure:
    """Draw bins with the columns `bin_low`, `bin_high`, `count`.

    Args:
        rows: In rising order.
        title: Of the figure.
        xlabel: What the bins are of, with the unit.
        is_log: Whether the bins are of a factor: the first one may begin at 0 then.
        marks: Values to be marked with a line each, by what they are.
    """
    figure, axes = new_figure(title)
    edges = np.append(rows["bin_low"].to_numpy(), rows["bin_high"].iloc[-1:].to_numpy())
    if is_log and edges[0] <= 0:
        edges[0] = edges[1] / 2 ** (1 / 8)
    axes.stairs(rows["count"].to_numpy(), edges, fill=True, color=BLUE, alpha=0.8)
    for place, (name, value) in enumerate((marks or {}).items()):
        axes.axvline(value, color="#1a1c1f", linewidth=0.9, linestyle=("-", "--", ":")[place % 3], label=name)
    if is_log:
        log_axis(axes)
    counts_axis(axes)
    axes.set(xlabel=xlabel, ylabel="Images", ylim=(0, None))
    axes.grid(visible=False, axis="x")
    if marks:
        figure.legend(loc="outside lower left", ncols=3, handlelength=1.5, columnspacing=1.2)
    return figure


def matrix(
    figure: Figure,
    axes: Axes,
    values: Matrix,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    colours: str,
    limits: tuple[float, float],
    unit: str,
) -> None:
    """Draw a matrix with a scale of its colours; NaN is left empty, numbers are written where there is room.

    Args:
        figure: What it is part of.
        axes: Where it is drawn.
        values: Rows x columns.
        rows: Their names.
        columns: Theirs.
        colours: Name of the colour map.
        limits: Values of its ends.
        unit: What the scale is of.
    """
    picture = axes.imshow(
        np.ma.masked_invalid(values), cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="none", aspect="auto"
    )
    is_wide = max(map(len, columns), default=0) > 5 and len(columns) > 3
    axes.set_xticks(
        range(len(columns)),
        [label_lines(name) for name in columns],
        rotation=90 if is_wide or len(columns) > MOST_ANNOTATED else 0,
    )
    axes.set_yticks(range(len(rows)), [label_lines(name) for name in rows])
    axes.tick_params(length=0)
    if len(columns) > 16:
        axes.tick_params(labelsize=5.5)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if max(values.shape, default=0) <= MOST_ANNOTATED:
        _annotate(axes, values, colours, limits)
    bar = figure.colorbar(picture, ax=axes, label=unit, shrink=0.9, pad=0.03)
    bar.outline.set_visible(False)  # type: ignore[operator]  # a spine
    bar.ax.tick_params(width=0.5, length=2)


def _annotate(axes: Axes, values: Matrix, colours: str, limits: tuple[float, float]) -> None:
    low, high = limits
    shades = matplotlib.colormaps[colours](np.clip((values - low) / (high - low or 1), 0, 1))
    is_signed = colours == SIGNED
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = f"{value:.2f}" if is_signed else short_number(float(value))
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=ink_on(shades[row, column]))
