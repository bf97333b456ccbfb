"""What the detector has found, and how sure it was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.io.figures.drawing import Drawing, legend_below, runs
from treeline.io.figures.page import whole
from treeline.io.figures.style import MOST_SERIES, counts_axis, log_axis, new_figure, series_look
from treeline.io.table_sets import Tables


def draw_detections(tables: Tables) -> Iterator[Drawing]:
    """Draw boxes by category and confidence, and how many images a threshold leaves."""
    rows = tables["detections"]
    if not rows["boxes"].sum():
        return
    order = rows.groupby("category")["boxes"].sum().sort_index().sort_values(ascending=False, kind="stable")
    yield _confidences(rows, [str(name) for name in order.index[:MOST_SERIES]])
    yield _left(rows, [str(name) for name in order.index[:MOST_SERIES]])


def _confidences(rows: pd.DataFrame, names: list[str]) -> Drawing:
    title = "Confidence of the boxes"
    figure, axes = new_figure(title)
    for place, name in enumerate(names):
        part = rows[(rows["category"] == name) & (rows["boxes"] > 0)].sort_values("confidence_low", kind="stable")
        colour, dashes = series_look(place)
        for number, piece in enumerate(runs(part, "confidence_low", "confidence_high")):
            edges = np.append(piece["confidence_low"], piece["confidence_high"].iloc[-1:])
            label = name if number == 0 else None
            axes.stairs(piece["boxes"].to_numpy(), edges, baseline=None, color=colour, linestyle=dashes, label=label)
    axes.set_xlim(0, 1)
    log_axis(axes, "y")
    axes.set(xlabel="Confidence (0 to 1)", ylabel="Boxes")
    legend_below(figure)
    left_out = rows["category"].nunique() - len(names)
    more = f" {left_out} rarer categories are only in the table." if left_out else ""
    caption = f"{whole(rows['boxes'].sum())} boxes. Where a curve is lowest, a threshold parts best.{more}"
    return Drawing("confidence", title, caption, figure, rows)


def _left(rows: pd.DataFrame, names: list[str]) -> Drawing:
    """Images whose best box of a category is at least as sure as a threshold."""
    title = "Images that a threshold leaves"
    rows = rows.sort_values(["category", "confidence_low"], ascending=[True, False], kind="stable")
    table = rows.assign(images=rows.groupby("category")["images"].cumsum())
    table = table[["category", "confidence_low", "images"]].sort_values(["category", "confidence_low"], kind="stable")
    figure, axes = new_figure(title)
    for place, name in enumerate(names):
        part = table[table["category"] == name]
        colour, dashes = series_look(place)
        axes.plot(part["confidence_low"], part["images"], color=colour, linestyle=dashes, label=name)
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="Threshold of the confidence", ylabel="Images")
    counts_axis(axes)
    legend_below(figure)
    caption = "Images with a box of the category that is at least so sure; one with two categories is counted in both."
    return Drawing("thresholds", title, caption, figure, table)
