"""The images that a reader should see: the worst, the surest errors, and some that show where the model looks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.models.experiment import Task
from treeline.models.understanding.subject import Subject

MOST_OF_A_KIND = 12
"""Images that are shown."""
MOST_LISTED = 200
"""Images that are in the table."""

WORST: dict[Task, tuple[str, str, bool]] = {
    "multiclass": ("highest_loss", "loss", False),
    "multilabel": ("highest_loss", "loss", False),
    "regression": ("largest_error", "absolute_error", False),
    "segmentation": ("lowest_iou", "iou", True),
}
"""What the worst images are called, the metric that says so, and whether low is bad."""

TITLES = {
    "confident_errors": "Wrong, and sure of it",
    "highest_loss": "Highest loss",
    "largest_error": "Largest errors",
    "lowest_iou": "Lowest IoU",
}
COLUMNS = ["kind", "rank", "id", "image_path", "label", "predicted", "value"]


def errors(subject: Subject) -> pd.DataFrame:
    """The worst images of each kind: `kind`, `rank` from 1, `id`, `image_path`, `label`, `predicted`, `value`.

    `value` is the confidence of `confident_errors`, else the loss, the absolute error or the IoU. `label` and
    `predicted` are names of classes (of a multilabel task several, joined by ` + `), numbers of a regression, or empty.
    """
    return pd.concat([pd.DataFrame(columns=COLUMNS), *_kinds(subject)], ignore_index=True)


def describe(subject: Subject, places: np.ndarray) -> tuple[list[str], list[str]]:
    """What is true of some images, and what the model says, as text.

    Args:
        subject: What was evaluated.
        places: Of the images, in `subject.rows`.
    """
    rows = subject.rows.iloc[places]
    if subject.task == "multiclass":
        names = subject.class_names
        return [names[n] for n in rows["label_idx"]], [names[n] for n in rows["predicted_idx"]]
    if subject.task == "regression":
        return [f"{value:.4g}" for value in rows["target"]], [f"{value:.4g}" for value in rows["predicted"]]
    if subject.task == "multilabel":
        pairs = [_labels_of(subject, int(place)) for place in rows["place"]]
        return [true for true, _ in pairs], [found for _, found in pairs]
    return [""] * len(rows), [""] * len(rows)


def is_right(subject: Subject) -> pd.Series:
    """Whether the model is right about each image; of a regression or segmentation, if it is of the better half."""
    rows = subject.rows
    if subject.task == "multiclass":
        return rows["correct"]
    if subject.task == "multilabel":
        return rows["exact_match"]
    _, metric, low_is_bad = WORST[subject.task]
    middle = rows[metric].median()
    return rows[metric] >= middle if low_is_bad else rows[metric] <= middle


def _kinds(subject: Subject) -> Iterator[pd.DataFrame]:
    rows = subject.rows
    if subject.task == "multiclass":
        yield _ranked(subject, "confident_errors", rows[~rows["correct"]], "confidence", ascending=False)
    kind, metric, low_is_bad = WORST[subject.task]
    defined = rows[rows[metric].notna()]
    wrong = defined[defined[metric] > 0] if not low_is_bad else defined[defined[metric] < 1]
    yield _ranked(subject, kind, wrong, metric, ascending=low_is_bad)


def _ranked(subject: Subject, kind: str, rows: pd.DataFrame, metric: str, *, ascending: bool) -> pd.DataFrame:
    worst = rows.sort_values([metric, "id"], ascending=[ascending, True]).head(MOST_LISTED)
    labels, predicted = describe(subject, worst.index.to_numpy())
    ranked = worst.assign(kind=kind, rank=range(1, len(worst) + 1), label=labels, predicted=predicted)
    return ranked.assign(value=worst[metric].astype(np.float64))[COLUMNS].reset_index(drop=True)


def _labels_of(subject: Subject, place: int) -> tuple[str, str]:
    row = slice(place, place + 1)
    is_true, is_found = subject.evaluation.targets(row)[0] == 1, subject.evaluation.outputs(row)[0] > 0
    named = [
        " + ".join(name for name, there in zip(subject.class_names, chosen, strict=True) if there) or "nothing"
        for chosen in (is_true, is_found)
    ]
    return named[0], named[1]
