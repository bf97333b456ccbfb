"""What a report is made of, and the plots that several subjects need."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from treeline.io.figures.style import BLUE, INK, SIGNED, counts_axis, ink_on, log_axis, new_figure, short_number

Matrix = npt.NDArray[np.float64]

MOST_LABELS = 50
"""Rows of a plot; what is more is in the table alone."""

MOST_ROWS = 60
"""Of a table that is shown."""

LETTERS_OF_LINE = 24
LETTERS_OF_LEGEND = 56
MOST_BROKEN = 16
"""Names that have room for two lines each."""

LEAST_RANGE = 3.0
"""Last / first edge of a histogram from which its axis is logarithmic."""

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
class Cell:
    """A cell of a table that is shown, where its value alone does not say how.

    Args:
        text: What is shown.
        value: What its column is sorted by; None: the text.
        address: Where it links to; only those of the web become links.
    """

    text: str
    value: float | None = None
    address: str = ""


@dataclass(frozen=True)
class Listing:
    """A table that is shown as such.

    Args:
        title: What it lists.
        table: Its rows: text, numbers, or `Cell`s.
        most_rows: That are shown of it.
        whole: Where all of them are, if it is beside the page; such a table can be sorted by the reader.
    """

    title: str
    table: pd.DataFrame
    most_rows: int = MOST_ROWS
    whole: str = ""


@dataclass(frozen=True)
class Remark:
    """A sentence that is shown above the figures of its section.

    Args:
        text: What is to be said.
        is_warning: Whether somebody should do something about it.
    """

    text: str
    is_warning: bool = False


def labels_of(names: Sequence[str], most_broken: int = MOST_BROKEN) -> list[str]:
    """Shorten names: to two lines where they are few, else to one; what does not fit ends in an ellipsis."""
    if len(names) <= most_broken:
        return [
            "\n".join(textwrap.wrap(name, LETTERS_OF_LINE, max_lines=2, placeholder=" …")) or name for name in names
        ]
    return [name if len(name) <= LETTERS_OF_LINE else name[: LETTERS_OF_LINE - 1].rstrip() + "…" for name in names]


def label_ticks(axis: Axis, names: Sequence[str], most: int = MOST_LABELS, most_broken: int = MOST_BROKEN) -> None:
    """Put names to the places 0, 1, 2, ... of an axis; where they are more than `most`, to every second, third, ..."""
    step = -(-len(names) // most) or 1
    axis.set_ticks(range(0, len(names), step), labels_of(names[::step], most_broken))


def height_of_rows(names: Sequence[str]) -> float:
    """Inches that a figure needs for a row a name."""
    is_broken = any("\n" in label for label in labels_of(names))
    return 0.95 + min(len(names), MOST_LABELS) * (0.27 if is_broken else 0.18)


def legend_below(figure: Figure, title: str | None = None) -> None:
    """Explain the series below the plot, in as many columns as their names leave room for."""
    names = [name for axes in figure.axes for name in axes.get_legend_handles_labels()[1]]
    columns = _columns_of_legend(names)
    figure.legend(loc="outside lower left", ncols=columns, handlelength=2, columnspacing=1.2, title=title)


def height_of_legend(names: Sequence[str]) -> float:
    """Inches of a legend."""
    return 0.15 * -(-len(names) // _columns_of_legend(names))


def _columns_of_legend(names: Sequence[str]) -> int:
    return max(1, min(4, LETTERS_OF_LEGEND // (max(map(len, names), default=0) + 5)))


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
    is_log = is_log and edges[-1] > LEAST_RANGE * edges[1]
    if is_log and edges[0] <= 0:
        edges[0] = edges[1] / 2 ** (1 / 8)
    axes.stairs(rows["count"].to_numpy(), edges, fill=True, color=BLUE, alpha=0.8)
    for place, (name, value) in enumerate((marks or {}).items()):
        axes.axvline(value, color=INK, linewidth=0.9, linestyle=("-", "--", ":")[place % 3], label=name)
    if is_log:
        log_axis(axes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    counts_axis(axes)
    axes.set(xlabel=xlabel, ylabel="Images", ylim=(0, None))
    axes.grid(visible=False, axis="x")
    if marks:
        legend_below(figure)
    return figure


def bars(names: Sequence[str], values: Sequence[float], title: str, xlabel: str, colour: str = BLUE) -> Figure:
    """Draw a bar a name, the first at the top; not more than `MOST_LABELS` have room.

    Args:
        names: From the top.
        values: Their lengths.
        title: Of the figure.
        xlabel: What the lengths are, with the unit.
        colour: Of the bars.
    """
    figure, axes = new_figure(title, height_of_rows(names))
    axes.barh(range(len(names)), values, 0.7, color=colour, alpha=0.85)
    row_axis(axes, names)
    axes.set(xlabel=xlabel, xlim=(0, 1.06 * max(values, default=0) or 1))
    counts_axis(axes, "x")
    return figure


def stacked_bars(
    names: Sequence[str], parts: Mapping[str, tuple[Sequence[float], str]], title: str, xlabel: str
) -> Figure:
    """Draw a bar a name, of several parts; the first name at the top, the first part at the left.

    Args:
        names: From the top; not more than `MOST_LABELS` have room.
        parts: By what they are: length of each name's, and colour. Those of no length at all are left out.
        title: Of the figure.
        xlabel: What the lengths are, with the unit.
    """
    figure, axes = new_figure(title, height_of_rows(names) + height_of_legend(list(parts)))
    left = np.zeros(len(names))
    for label, (lengths, colour) in parts.items():
        if any(lengths):
            axes.barh(range(len(names)), lengths, 0.7, left, color=colour, alpha=0.85, label=label)
        left += np.asarray(lengths)
    row_axis(axes, names)
    axes.set(xlabel=xlabel, xlim=(0, 1.06 * max(left, default=0) or 1))
    counts_axis(axes, "x")
    legend_below(figure)
    return figure


def row_axis(axes: Axes, names: Sequence[str]) -> None:
    """Make the vertical axis one of names, the first at the top."""
    label_ticks(axes.yaxis, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def runs(rows: pd.DataFrame, low: str, high: str) -> Iterator[pd.DataFrame]:
    """Part bins, which are in rising order, where one does not begin at the end of the one before.

    Args:
        rows: A bin each.
        low: Column of its lower edge.
        high: Column of its upper edge.
    """
    is_new = ~np.isclose(rows[low], rows[high].shift(), rtol=1e-9, atol=0)
    for _, run in rows.groupby(is_new.cumsum(), sort=True):
        yield run


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
    is_upright = is_wide or len(columns) > MOST_ANNOTATED
    label_ticks(axes.xaxis, columns, MOST_BROKEN, MOST_ANNOTATED)
    label_ticks(axes.yaxis, rows, MOST_BROKEN, MOST_ANNOTATED)
    axes.tick_params(axis="x", length=0, labelrotation=90 if is_upright else 0)
    axes.tick_params(axis="y", length=0)
    if max(len(rows), len(columns)) > MOST_ANNOTATED:
        axes.tick_params(labelsize=5.5)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if max(values.shape, default=0) <= MOST_ANNOTATED:
        _annotate(axes, values, colours, limits)
    bar = figure.colorbar(picture, ax=axes, label=unit, shrink=0.9, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(width=0.5, length=2)


def _annotate(axes: Axes, values: Matrix, colours: str, limits: tuple[float, float]) -> None:
    low, high = limits
    shades = matplotlib.colormaps[colours](np.clip((values - low) / (high - low or 1), 0, 1))
    is_signed = colours == SIGNED
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = f"{value:.2f}" if is_signed else short_number(float(value))
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=ink_on(shades[row, column]))
