"""How large the boxes are, and where they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from treeline.io.figures.drawing import Drawing, height_of_rows, label_ticks
from treeline.io.figures.style import BLUE, COUNTS, SHARES, counts_axis, new_figure
from treeline.io.table_sets import Tables

CELLS = 20
MOST_CLASSES = 30


def draw_boxes(tables: Tables) -> Iterator[Drawing]:
    """Draw where boxes are, which shapes they have, and their areas, by class, too."""
    boxes = tables["boxes"]
    if (centres := boxes[boxes["kind"] == "centre"]["count"].sum()) > 0:
        caption = f"{centres:,} boxes of all classes; empty where there are none."
        yield _heat("box_centres", "Where the boxes are", boxes, "centre", ("Centre", "across", "down"), caption)
    if (sizes := boxes[boxes["kind"] == "size"]["count"].sum()) > 0:
        caption = f"{sizes:,} boxes of all classes. Along the diagonal, a box has the shape of its image."
        yield _heat("box_sizes", "How large the boxes are", boxes, "size", ("Size", "width", "height"), caption)
    areas = boxes[boxes["kind"] == "area"]
    if not areas.empty:
        yield _areas(areas)
        yield _areas_by_class(areas)


def _heat(name: str, title: str, boxes: pd.DataFrame, kind: str, axis: tuple[str, str, str], caption: str) -> Drawing:
    of_kind = boxes[boxes["kind"] == kind]
    cells = of_kind.groupby(["x_low", "x_high", "y_low", "y_high"])["count"].sum().reset_index()
    counts = np.zeros((CELLS, CELLS))
    columns, rows = (np.rint(cells[low] * CELLS).astype(int) for low in ("x_low", "y_low"))
    counts[rows, columns] = cells["count"]
    figure, axes = new_figure(title, 3.0)
    is_centre = kind == "centre"
    extent = (0.0, 1.0, 1.0, 0.0) if is_centre else (0.0, 1.0, 0.0, 1.0)
    picture = axes.imshow(
        np.ma.masked_equal(counts, 0),
        cmap=COUNTS,
        vmin=0,
        vmax=counts.max(),
        extent=extent,
        origin="upper" if is_centre else "lower",
        interpolation="none",
    )
    what, across, down = axis
    axes.set(xlabel=f"{what} {across} (share of the image)", ylabel=f"{what} {down} (share of the image)")
    axes.set(xlim=(0, 1), ylim=(1, 0) if is_centre else (0, 1))
    axes.grid(visible=False)
    bar = figure.colorbar(picture, ax=axes, label="Boxes", shrink=0.9, pad=0.03)
    bar.outline.set_visible(False)
    counts_axis(bar.ax)
    return Drawing(name, title, caption, figure, cells)


def _areas(areas: pd.DataFrame) -> Drawing:
    title = "Areas of the boxes"
    bins = areas.groupby(["x_low", "x_high"])["count"].sum().reset_index()
    figure, axes = new_figure(title)
    axes.bar(bins["x_low"], bins["count"], bins["x_high"] - bins["x_low"], align="edge", color=BLUE, alpha=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
    axes.set(xlabel="Area of a box (% of the image)", ylabel="Boxes")
    counts_axis(axes)
    axes.grid(visible=False, axis="x")
    small = bins.loc[bins["x_high"] <= 1 / 64, "count"].sum() / bins["count"].sum()
    caption = f"{bins['count'].sum():,} boxes; {small:.1%} of them are smaller than 1/64 of their image."
    return Drawing("box_areas", title, caption, figure, bins)


def _areas_by_class(areas: pd.DataFrame) -> Drawing:
    title = "Areas of the boxes by class"
    totals = areas.groupby("label", sort=False)["count"].sum().sort_values(ascending=False, kind="stable")
    shown = list(totals.index[:MOST_CLASSES])
    lows = sorted(set(areas["x_low"]))
    grid = areas.pivot_table(index="label", columns="x_low", values="count", aggfunc="sum", fill_value=0)
    shares = 100 * grid.loc[shown, lows].to_numpy(np.float64) / totals[shown].to_numpy()[:, None]
    figure, axes = new_figure(title, max(1.7, height_of_rows(shown) + 0.2))
    picture = axes.imshow(np.ma.masked_equal(shares, 0), cmap=SHARES, vmin=0, interpolation="none", aspect="auto")
    label_ticks(axes.yaxis, shown)
    step = -(-len(lows) // 5)
    axes.set_xticks(range(0, len(lows), step), [percent(2 * low) for low in lows[::step]])
    axes.tick_params(length=0)
    axes.set_xlabel("Area of a box, at most (% of the image)")
    axes.grid(visible=False)
    bar = figure.colorbar(picture, ax=axes, label="Share of the class (%)", shrink=0.9, pad=0.03)
    bar.outline.set_visible(False)
    more = len(totals) - len(shown)
    caption = "A row adds up to 100 %; the classes with most boxes first." + (
        f" {more:,} more are not drawn." if more else ""
    )
    table = areas[areas["label"].isin(shown)][["label", "x_low", "x_high", "count"]]
    return Drawing("box_areas_by_class", title, caption, figure, table)


def percent(share: float) -> str:
    """Write a share as a percentage: `50`, `0.2`."""
    return f"{100 * share:.2g}" if share < 0.995 else f"{100 * share:.0f}"
