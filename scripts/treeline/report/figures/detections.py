"""What the detector has found, and how sure it was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.io.figures.drawing import Drawing, bars, legend_below, runs
from treeline.io.figures.page import whole
from treeline.io.figures.style import MOST_SERIES, log_axis, new_figure, series_look
from treeline.io.table_sets import Tables

MOST_BARS = 30


def draw_detections(tables: Tables) -> Iterator[Drawing]:
    """Draw boxes by category and confidence, and images by category."""
    rows = tables["detections"]
    if not rows["boxes"].sum():
        return
    order = rows.groupby("category")["boxes"].sum().sort_index().sort_values(ascending=False, kind="stable")
    yield _confidences(rows, [str(name) for name in order.index[:MOST_SERIES]])
    images = rows.groupby("category")["images"].sum().reindex(order.index)
    names = [str(name) for name in order.index[:MOST_BARS]]
    title = "Images by what was found in them"
    figure = bars(names, images.iloc[:MOST_BARS].tolist(), title, "Images")
    caption = "Images with a box of the category, however sure; one with two categories is counted in both."
    table = pd.DataFrame({"category": order.index, "boxes": order.to_numpy(), "images": images.to_numpy()})
    yield Drawing("detected_images", title, caption, figure, table)


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
