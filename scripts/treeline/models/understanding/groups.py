"""How good the model is for each group of images: a location, an hour, a size, a source, whatever the tables say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from treeline.io.datasets.metadata import ID
from treeline.models.experiment import Task
from treeline.models.understanding.intervals import Estimate, Totals, block_of, bootstrap, sum_blocks, wilson
from treeline.models.understanding.subject import Subject

SCORES: dict[Task, tuple[str, str]] = {
    "multiclass": ("correct", "Accuracy"),
    "multilabel": ("exact_match", "Exact match"),
    "regression": ("absolute_error", "Mean absolute error"),
    "segmentation": ("iou", "Mean IoU of an image"),
}
"""The score of an image whose mean is that of a group, and its name."""

NO_GROUPS = {ID, "image_path", "mask_path", "sha256", "label", "label_idx", "target", "split", "pdq", "problem"}
"""Columns that do not group images, or by what is to be learned."""

MOST_VALUES = 50
"""Values of a column that are told apart: the most common ones."""
LEAST_IMAGES = 5.0
"""Images that a value has on average, in a column of groups; one with fewer is a key."""
MOST_SIZES = 8
MISSING = "(none)"


def group_columns(subject: Subject) -> pd.DataFrame:
    """The groups of each image, as text: a row an image in the order of `subject.rows`, a column a kind of groups.

    Columns are those of `index` and `additional` with few values, `hour` of capture, and `size`, which is width x
    height, or a third of the images by their pixels where there are more than 8 sizes.
    """
    found = {name: column for name, column in _candidates(subject) if _groups(column)}
    return pd.DataFrame(found, index=subject.rows.index)


def groups(subject: Subject, columns: pd.DataFrame) -> pd.DataFrame:
    """Score each group: `column`, `value`, `images`, `score`, `low`, `high`; the groups of a column by their names.

    Args:
        subject: What was evaluated.
        columns: What `group_columns` gives.
    """
    score = subject.rows[SCORES[subject.task][0]].astype(np.float64)
    rows = []
    for name in columns:
        common = columns[name].value_counts().sort_index().sort_values(ascending=False, kind="stable")
        for value in sorted(common.index[:MOST_VALUES], key=in_order):
            scores = score[columns[name] == value].dropna()
            if len(scores):
                estimate = _mean(scores, is_share=subject.task in ("multiclass", "multilabel"))
                rows.append((name, value, len(scores), *map(float, estimate)))
    return pd.DataFrame(rows, columns=["column", "value", "images", "score", "low", "high"])


def in_order(value: str) -> tuple[float, str]:
    """Numbers by their size, then text."""
    head = value.partition(" ")[0]
    return (float(head), value) if head.isdigit() else (np.inf, value)


def _mean(scores: pd.Series[Any], *, is_share: bool) -> Estimate:
    if is_share:
        return wilson(scores.sum(), len(scores))
    blocks = block_of(len(scores))
    sums = {"sum": sum_blocks(scores, blocks), "images": sum_blocks(np.ones(len(scores)), blocks)}
    return bootstrap(sums, _quotient)["mean"]


def _quotient(totals: Totals) -> dict[str, Any]:
    return {"mean": totals["sum"] / totals["images"]}


def _candidates(subject: Subject) -> Iterator[tuple[str, pd.Series[Any]]]:
    tables = subject.metadata.tables
    for name in ("index", "additional"):
        if name in tables:
            table = _of_images(subject, tables[name])
            for column in table.columns.difference(list(NO_GROUPS), sort=False):
                if not pd.api.types.is_float_dtype(table[column]):
                    yield column, _as_text(table[column])
    if "temporal" in tables and "time_of_capture" in tables["temporal"]:
        hours = _of_images(subject, tables["temporal"])["time_of_capture"].dt.hour
        yield "hour", hours.map(lambda hour: MISSING if np.isnan(hour) else f"{hour:.0f}")
    if "spatial" in tables and {"image_width", "image_height"} <= set(tables["spatial"]):
        yield "size", _sizes(_of_images(subject, tables["spatial"]))


def _of_images(subject: Subject, table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index(ID).reindex(subject.rows[ID]).reset_index()


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(lambda value: MISSING if pd.isna(value) or value == "" else str(value))


def _sizes(table: pd.DataFrame) -> pd.Series[Any]:
    widths, heights = table["image_width"], table["image_height"]
    texts = [MISSING if np.isnan(w * h) else f"{w:.0f} x {h:.0f}" for w, h in zip(widths, heights, strict=True)]
    if len(set(texts)) <= MOST_SIZES:
        return pd.Series(texts)
    pixels = widths * heights / 1e6
    first, second = pixels.quantile([1 / 3, 2 / 3])
    names = [f"1 up to {first:.3g} megapixels", f"2 up to {second:.3g} megapixels", "3 larger"]
    thirds = np.digitize(pixels, [first, second], right=True)
    return pd.Series([MISSING if np.isnan(size) else names[third] for size, third in zip(pixels, thirds, strict=True)])


def _groups(column: pd.Series[Any]) -> bool:
    values = column.nunique()
    return 1 < values <= len(column) / LEAST_IMAGES
