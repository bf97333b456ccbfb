"""Scores of classes and groups with their intervals, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from treeline.io.figures.drawing import (
    MOST_LABELS,
    Drawing,
    Listing,
    Matrix,
    height_of_rows,
    label_ticks,
    legend_below,
    matrix,
)
from treeline.io.figures.style import (
    BLUE,
    COUNTS,
    MARKERS,
    QUIET,
    SERIES,
    SHARES,
    WIDTH,
    new_figure,
    short_number,
)
from treeline.models.understanding.figures.names import file_name
from treeline.models.understanding.findings import Findings
from treeline.models.understanding.groups import MOST_VALUES, SCORES

MOST_OF_A_MATRIX = 20
"""Classes of a matrix that can be read; of more, the most confused pairs are drawn."""
MOST_CONFUSED = 20
MOST_LISTED = 30
APART = 0.24
"""Rows between the dots of two scores."""


def draw_classes(findings: Findings) -> Iterator[Drawing | Listing]:
    """Draw the scores of each class, worst first, and list the worst ones."""
    if "classes" not in findings.tables:
        return
    is_segmentation = findings.about["task"] == "segmentation"
    table = findings.tables["classes"]
    scores = ("precision", "recall", "iou" if is_segmentation else "f1")
    order = table.sort_values([scores[-1], "label_idx"], na_position="last", kind="stable").reset_index(drop=True)
    shown = order.head(MOST_LABELS)
    title = "Scores of each class"
    figure, axes = new_figure(title, height_of_rows(list(shown["label"])) + 0.2)
    for number, score in enumerate(scores):
        _dots(axes, shown, score, APART * (number - 1), number)
    _rows(axes, list(shown["label"]))
    axes.set(xlabel="Score, interval of 95 %", xlim=(-0.03, 1.03))
    legend_below(figure)
    units = "pixels" if is_segmentation else "images"
    more = f" {len(order) - len(shown):,} better ones are only in the table." if len(order) > len(shown) else ""
    caption = (
        f"The class with the lowest {_called(scores[-1])} first.{more} Precision: the share of the {units} said to be "
        "of the class that are; recall: the share of those of the class that are found."
    )
    yield Drawing("class_scores", title, caption, figure, order)
    listed = order[["label", "support", "found", *scores]].rename(columns={score: _called(score) for score in scores})
    yield Listing(f"Classes, in {units}", listed.head(MOST_LISTED))


def draw_confusion(findings: Findings) -> Iterator[Drawing | Listing]:
    """Draw how often each class is taken for each other; where classes are many, the most confused pairs."""
    table = findings.tables.get("confusion", pd.DataFrame())
    if table.empty:
        return
    names = findings.about["class_names"]
    if len(names) <= MOST_OF_A_MATRIX:
        yield from _matrices(table, names)
    wrong = table[table["label"] != table["predicted"]].sort_values("count", ascending=False, kind="stable")
    if len(wrong):
        if len(names) > MOST_OF_A_MATRIX:
            yield _pairs(wrong)
        yield Listing("Classes that are taken for others", wrong.head(MOST_LISTED))


def draw_groups(findings: Findings) -> Iterator[Drawing | Listing]:
    """Draw the score of each group, a figure a column."""
    table = findings.tables["groups"]
    _, score = SCORES[findings.about["task"]]
    overall = _overall(findings)
    for column, rows in table.groupby("column", sort=False):
        shown = rows.reset_index(drop=True)
        title = f"{score} by {str(column).replace('_', ' ')}"
        labels = [f"{value} ({images:,})" for value, images in zip(shown["value"], shown["images"], strict=True)]
        figure, axes = new_figure(title, height_of_rows(labels) + 0.1)
        _dots(axes, shown, "score", 0.0, 0, "low", "high")
        if overall is not None:
            axes.axvline(overall, color=QUIET, linewidth=0.9, linestyle="--", label="All images")
            legend_below(figure)
        _rows(axes, labels)
        axes.set_xlabel(f"{score}, interval of 95 %")
        if findings.about["task"] != "regression":
            axes.set_xlim(-0.03, 1.03)
        more = f" The {MOST_VALUES} most common ones." if len(shown) == MOST_VALUES else ""
        caption = f"In brackets, the images.{more} Of twenty groups, about one lies beyond its interval by chance."
        yield Drawing(f"group_{file_name(str(column))}", title, caption, figure, shown)


def _overall(findings: Findings) -> float | None:
    metrics = {"multiclass": "accuracy", "multilabel": "exact_match", "regression": "mean_absolute_error"}
    metric = metrics.get(findings.about["task"])
    return None if metric is None else findings.score(metric)


def _called(score: str) -> str:
    return {"f1": "F1", "iou": "IoU"}.get(score, score)


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    label_ticks(axes.yaxis, labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _dots(axes: Axes, rows: pd.DataFrame, score: str, shift: float, place: int, low: str = "", high: str = "") -> None:
    """A dot a row, with a line over its interval."""
    colour = SERIES[place % len(SERIES)]
    heights = np.arange(len(rows)) + shift
    axes.hlines(heights, rows[low or f"{score}_low"], rows[high or f"{score}_high"], color=colour, linewidth=1.0)
    look: dict[str, Any] = {"s": 16, "linewidths": 0, "marker": MARKERS[place % 4], "color": colour, "zorder": 3}
    axes.scatter(rows[score], heights, label=_called(score).capitalize() if score[0] != "i" else "IoU", **look)


def _matrices(table: pd.DataFrame, names: Sequence[str]) -> Iterator[Drawing]:
    places = {name: place for place, name in enumerate(names)}
    at = table["label"].map(places).to_numpy(), table["predicted"].map(places).to_numpy()
    counts, shares = np.zeros((2, len(names), len(names)))
    counts[at], shares[at] = table["count"], table["share"]
    has_images: Matrix = counts.sum(axis=1, keepdims=True)
    shares = np.where(has_images > 0, shares, np.nan)
    height = min(1.25 * WIDTH, 1.7 + 0.3 * len(names))
    drawn = (
        ("confusion", "Which classes are taken for which", counts, COUNTS, float(max(counts.max(), 1)), "Images"),
        ("confusion_shares", "Which share of a class is taken for which", shares, SHARES, 1.0, "Share of the row"),
    )
    for name, title, values, colours, most, unit in drawn:
        figure, axes = new_figure(title, height)
        matrix(figure, axes, values, names, names, colours=colours, limits=(0.0, most), unit=unit)
        axes.set(xlabel="Predicted", ylabel="Label")
        caption = (
            "A row a label, a column a prediction: what is right lies on the diagonal."
            if name == "confusion"
            else "The same, each row by its images; a class without images has an empty row."
        )
        yield Drawing(name, title, caption, figure, table)


def _pairs(wrong: pd.DataFrame) -> Drawing:
    title = "The most confused classes"
    shown = wrong.head(MOST_CONFUSED).reset_index(drop=True)
    labels = [f"{label} → {found}" for label, found in zip(shown["label"], shown["predicted"], strict=True)]
    figure, axes = new_figure(title, height_of_rows(labels))
    bars = axes.barh(range(len(shown)), shown["count"], color=BLUE, alpha=0.8)
    axes.bar_label(bars, [short_number(count) for count in shown["count"]], fontsize=6.5, padding=2)
    _rows(axes, labels)
    axes.set(xlabel="Images of the first that are taken for the second", xlim=(0, 1.15 * shown["count"].max()))
    axes.grid(visible=False, axis="y")
    caption = f"Of {len(wrong):,} pairs that occur, the {len(shown)} most common; all are in the table."
    return Drawing("confused_pairs", title, caption, figure, wrong)
