"""How good the model is as a whole, and by class: the numbers at the head of a report, with intervals.

They have the names and definitions of the metrics of experiments (torchmetrics'): a mean over classes leaves out those
that are neither there nor found.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from treeline.models.understanding.counts import (
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    TRUE_POSITIVES,
    count_classes,
    ratio,
    scores_of_classes,
)
from treeline.models.understanding.intervals import (
    Estimate,
    Floats,
    Totals,
    block_of,
    bootstrap,
    sum_blocks,
    wilson,
)
from treeline.models.understanding.subject import Subject

IMAGES, LOSS, LOSSES, WRONG = "images", "loss", "losses", "wrong"
"""Sums over images: of 1, of losses, of images that have a loss, of the share of labels that are wrong."""
WILSON, BOOTSTRAP, NONE = "wilson", "bootstrap", "none"
PROPORTIONS = {"multiclass": {"accuracy": "correct"}, "multilabel": {"exact_match": "exact_match"}}
"""Scores that are shares of images, with the metric of an image that they are of."""


def headline(subject: Subject) -> pd.DataFrame:
    """Scores of all images: a row each: `metric`, `value`, `low`, `high`, `interval`, `images`.

    `interval` is `wilson`, `bootstrap`, or `none` where the evaluation alone has the score.
    """
    images = len(subject.rows)
    found: dict[str, tuple[Estimate, str]] = {}
    for metric, column in PROPORTIONS.get(subject.task, {}).items():
        found[metric] = wilson(subject.rows[column].sum(), images), WILSON
    statistics = {"regression": _of_numbers, "segmentation": _of_pixels}.get(subject.task, _of_classes)
    for metric, estimate in bootstrap(_sums(subject), statistics).items():
        found.setdefault(metric, (estimate, BOOTSTRAP))
    rows = [
        {"metric": metric, **{end: float(number) for end, number in estimate._asdict().items()}, "interval": interval}
        for metric, (estimate, interval) in found.items()
    ]
    rows += [
        {"metric": metric, "value": np.nan if value is None else value, "low": np.nan, "high": np.nan, "interval": NONE}
        for metric, value in subject.evaluation.aggregates.items()
        if metric not in found
    ]
    return pd.DataFrame(rows).assign(images=images)


def classes(subject: Subject) -> pd.DataFrame:
    """Scores of each class, in their order.

    Columns: `label_idx`, `label`; `support` and `found`, how often it is there and is said to be, in images or, of a
    segmentation, pixels; `precision`, `recall`, `f1`, and `iou` of a segmentation, each with `_low` and `_high`.
    Precision and recall of images have Wilson's interval; what is of pixels, and F1, that of the bootstrap over images.
    """
    counts = count_classes(subject)
    totals = {name: values.sum(0) for name, values in counts.items()}
    right, extra, missed = (totals[name] for name in (TRUE_POSITIVES, FALSE_POSITIVES, FALSE_NEGATIVES))
    estimates = bootstrap(counts, scores_of_classes)
    if subject.task != "segmentation":
        del estimates["iou"]
        estimates["precision"] = wilson(right, right + extra)
        estimates["recall"] = wilson(right, right + missed)
    table = pd.DataFrame({"label_idx": range(len(subject.class_names)), "label": list(subject.class_names)})
    table = table.assign(support=(right + missed).astype(np.int64), found=(right + extra).astype(np.int64))
    for name, (value, low, high) in estimates.items():
        table = table.assign(**{name: value, f"{name}_low": low, f"{name}_high": high})
    return table


def confusion(subject: Subject) -> pd.DataFrame:
    """How often a class is taken for another: `label`, `predicted`, `count`, `share` of the label's images.

    Pairs that there are, in the order of the classes. Only of a multiclass task.
    """
    counts = subject.rows.groupby(["label_idx", "predicted_idx"]).size().rename("count").reset_index()
    names = np.array(subject.class_names, dtype=object)
    support = counts.groupby("label_idx")["count"].transform("sum")
    return pd.DataFrame(
        {
            "label": names[counts["label_idx"].to_numpy(np.int64)],
            "predicted": names[counts["predicted_idx"].to_numpy(np.int64)],
            "count": counts["count"],
            "share": counts["count"] / support,
        }
    )


def _sums(subject: Subject) -> dict[str, Floats]:
    rows = subject.rows
    blocks = block_of(len(rows))
    sums = {IMAGES: sum_blocks(np.ones(len(rows)), blocks)}
    if subject.task == "regression":
        columns = {name: rows[name] for name in ("error", "absolute_error", "squared_error", "target")}
        # Around the mean, as the difference of two large sums has no digits left.
        columns["target"] = rows["target"] - rows["target"].mean()
        columns["target_squared"] = columns["target"] ** 2
        return sums | {name: sum_blocks(column, blocks) for name, column in columns.items()}
    sums |= count_classes(subject) | {LOSS: sum_blocks(rows["loss"].fillna(0), blocks)}
    sums[LOSSES] = sum_blocks(rows["loss"].notna(), blocks)
    if subject.task == "multilabel":
        sums[WRONG] = sum_blocks(rows["hamming"], blocks)
    return sums


def _of_classes(totals: Totals) -> Mapping[str, Floats]:
    right, extra, missed = (totals[name] for name in (TRUE_POSITIVES, FALSE_POSITIVES, FALSE_NEGATIVES))
    of_classes = scores_of_classes(totals)
    scores: dict[str, Floats] = {}
    if WRONG in totals:
        scores["accuracy"] = 1 - totals[WRONG] / totals[IMAGES]
    else:
        scores["accuracy"] = ratio(right.sum(-1), (right + missed).sum(-1))
        is_there = right + extra + missed > 0
        recall = np.where(is_there, np.nan_to_num(of_classes["recall"]), np.nan)
        scores["balanced_accuracy"] = _mean(recall)
    scores["f1"] = _mean(of_classes["f1"])
    scores["loss"] = ratio(totals[LOSS], totals[LOSSES])
    return scores


def _of_pixels(totals: Totals) -> Mapping[str, Floats]:
    return {"iou": _mean(scores_of_classes(totals)["iou"]), **_of_classes(totals)}


def _of_numbers(totals: Totals) -> Mapping[str, Floats]:
    images = totals[IMAGES]
    spread = totals["target_squared"] - totals["target"] ** 2 / images
    return {
        "mean_absolute_error": totals["absolute_error"] / images,
        "root_mean_squared_error": np.sqrt(totals["squared_error"] / images),
        "mean_error": totals["error"] / images,
        "r2": 1 - ratio(totals["squared_error"], np.where(spread > 1e-12, spread, 0)),
    }


def _mean(of_classes: Floats) -> Floats:
    """The mean over classes that have a score."""
    defined = np.isfinite(of_classes)
    return ratio(np.where(defined, of_classes, 0).sum(-1), defined.sum(-1).astype(np.float64))
