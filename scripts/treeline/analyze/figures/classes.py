"""Which classes there are in which split, and which are seen together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.io.figures.drawing import MOST_LABELS, Drawing, height_of_rows, label_ticks, legend_below, matrix
from treeline.io.figures.style import (
    COUNTS,
    MARKERS,
    SERIES,
    SIGNED,
    WIDTH,
    counts_axis,
    log_axis,
    new_figure,
    short_number,
)
from treeline.io.table_sets import Tables

WIDE_RANGE = 30.0
"""Largest / smallest value from which an axis is logarithmic."""

APART = 0.22
"""Rows between the dots of two splits, so that equal ones are seen."""

MOST_PAIRED = 16
"""Classes of a matrix."""

UNITS = {
    "samples": ("class_samples", "Samples of each class", "Samples"),
    "boxes": ("class_boxes", "Boxes of each class", "Boxes"),
    "pixels": ("class_pixels", "Pixels of each class in masks", "Pixels"),
    "share": ("class_shares", "Share of each class in a split", "Share of the split's samples (%)"),
}
"""Name of the figure, its title, its axis."""


def draw_classes(tables: Tables) -> Iterator[Drawing]:
    """Draw how common the classes are, by split, and which occur together."""
    classes = tables["classes"]
    if classes.empty:
        return
    for unit in ("samples", "boxes", "pixels"):
        if classes[unit].sum() > 0:
            yield _counts(classes, unit)
    if classes["split"].nunique() > 1:
        yield _counts(classes.assign(share=100 * classes["share"]), "share")
    pairs = tables["cooccurrence"]
    if not pairs.empty:
        yield from _pairs(pairs)


def _counts(classes: pd.DataFrame, unit: str) -> Drawing:
    """Dots, one a class and split: unlike bars they are right on a logarithmic axis, too."""
    name, title, xlabel = UNITS[unit]
    order = classes.groupby("label", sort=False)["samples"].sum().sort_values(ascending=False, kind="stable")
    shown = list(order.index[:MOST_LABELS])
    figure, axes = new_figure(title, height_of_rows(shown))
    places = {label: place for place, label in enumerate(shown)}
    splits = list(dict.fromkeys(classes["split"]))
    for number, split in enumerate(splits):
        part = classes[(classes["split"] == split) & classes["label"].isin(shown) & (classes[unit] > 0)]
        shift = APART * (number - (len(splits) - 1) / 2)
        axes.scatter(
            part[unit],
            part["label"].map(places) + shift,
            label=split or "all",
            zorder=3,
            s=18,
            linewidths=0,
            marker=MARKERS[number % 4],
            color=SERIES[number % 4],
        )
    label_ticks(axes.yaxis, shown)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    values = classes.loc[classes[unit] > 0, unit]
    if values.max() / values.min() > WIDE_RANGE:
        log_axis(axes)
    else:
        axes.set_xlim(0, 1.06 * values.max())
        counts_axis(axes, "x")
    axes.set_xlabel(xlabel)
    axes.tick_params(axis="y", length=0)
    if splits != [""]:
        legend_below(figure)
    more = len(order) - len(shown)
    caption = f"{len(order):,} classes, the most common first." + (
        f" {more:,} more are only in the table." if more else ""
    )
    if unit == "share" and len(splits) > 1:
        caption += " Dots below each other: the class is as common in each split."
    return Drawing(name, title, caption, figure, classes[["label", "split", unit]])


def _pairs(pairs: pd.DataFrame) -> Iterator[Drawing]:
    both = pd.concat([pairs, pairs.rename(columns={"first": "second", "second": "first"})])
    order = both.groupby("first", sort=False)["count"].sum().sort_values(ascending=False, kind="stable")
    shown = list(order.index[:MOST_PAIRED])
    places = {label: place for place, label in enumerate(shown)}
    drawn = both[both["first"].isin(shown) & both["second"].isin(shown)]
    table = pairs[pairs["first"].isin(shown) & pairs["second"].isin(shown)]
    left_out = len(order) - len(shown)
    more = f" {left_out:,} classes with fewer are left out." if left_out else ""
    counts, lift = np.full((2, len(shown), len(shown)), np.nan)
    at = drawn["first"].map(places), drawn["second"].map(places)
    counts[at], lift[at] = drawn["count"], np.log2(drawn["lift"])
    height = min(1.15 * WIDTH, 1.6 + 0.3 * len(shown))

    title = "Classes in the same sample"
    figure, axes = new_figure(title, height)
    limits = (0.0, float(np.nanmax(counts)))
    matrix(figure, axes, counts, shown, shown, colours=COUNTS, limits=limits, unit="Samples with both")
    caption = f"Samples that have both classes: at most {short_number(limits[1])} of a pair.{more}"
    yield Drawing("class_pairs", title, caption, figure, table[["first", "second", "count"]])

    title = "Classes that seek or shun each other"
    figure, axes = new_figure(title, height)
    most = max(1.0, float(np.nanmax(np.abs(lift))))
    matrix(figure, axes, lift, shown, shown, colours=SIGNED, limits=(-most, most), unit="log₂ of the lift")
    caption = (
        "The lift is how many times as often two classes are seen together as they would be if neither knew of the "
        f"other; 0: as often, 1: twice as often, -1: half as often.{more}"
    )
    yield Drawing("class_lift", title, caption, figure, table[["first", "second", "lift"]])
