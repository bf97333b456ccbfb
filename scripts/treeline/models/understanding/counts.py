"""How often each class is right, missed, and found where it is not: the counts of which scores are made.

They are counts of images, of an image's labels, or of pixels, by the task; in blocks of images, for the bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from treeline.models.understanding.intervals import Floats, Totals, block_of, sum_blocks
from treeline.models.understanding.subject import Subject

TRUE_POSITIVES, FALSE_POSITIVES, FALSE_NEGATIVES = "true_positives", "false_positives", "false_negatives"


def count_classes(subject: Subject) -> dict[str, Floats]:
    """Count true positives, false positives and false negatives: blocks x classes each.

    Args:
        subject: Of any task but a regression.
    """
    if subject.task == "multilabel":
        return _of_labels(subject)
    if subject.task == "segmentation":
        return _of_pixels(subject)
    return _of_images(subject)


def scores_of_classes(totals: Totals) -> Mapping[str, Floats]:
    """Precision, recall, F1 and IoU of each class; NaN where a class is neither there nor found.

    Args:
        totals: What `count_classes` gives, summed: ... x classes.
    """
    right, extra, missed = totals[TRUE_POSITIVES], totals[FALSE_POSITIVES], totals[FALSE_NEGATIVES]
    return {
        "precision": ratio(right, right + extra),
        "recall": ratio(right, right + missed),
        "f1": ratio(2 * right, 2 * right + extra + missed),
        "iou": ratio(right, right + extra + missed),
    }


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    shares: Floats = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.divide(part, whole, out=shares, where=whole > 0)


def _of_images(subject: Subject) -> dict[str, Floats]:
    rows, classes = subject.rows, len(subject.class_names)
    blocks = block_of(len(rows))
    labels, predicted = (rows[name].to_numpy(np.int64) for name in ("label_idx", "predicted_idx"))
    is_right = labels == predicted
    return {
        TRUE_POSITIVES: _count(blocks, labels, is_right, classes),
        FALSE_POSITIVES: _count(blocks, predicted, ~is_right, classes),
        FALSE_NEGATIVES: _count(blocks, labels, ~is_right, classes),
    }


def _count(
    blocks: npt.NDArray[np.int64], classes: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_], number: int
) -> Floats:
    count = int(blocks.max()) + 1
    cells = np.bincount((blocks * number + classes)[kept], minlength=count * number)
    return cells.reshape(count, number).astype(np.float64)


def _of_labels(subject: Subject) -> dict[str, Floats]:
    blocks = block_of(len(subject.rows))
    shape = (int(blocks.max()) + 1, len(subject.class_names))
    counts = {name: np.zeros(shape) for name in (TRUE_POSITIVES, FALSE_POSITIVES, FALSE_NEGATIVES)}
    for of_file, of_rows, places in subject.chunks():
        # A logit above 0 is a probability above one half.
        is_found = subject.evaluation.outputs(of_file)[places] > 0
        is_true = subject.evaluation.targets(of_file)[places] == 1
        parts = (is_found & is_true, is_found & ~is_true, ~is_found & is_true)
        for name, part in zip(counts, parts, strict=True):
            np.add.at(counts[name], blocks[of_rows], part)
    return counts


def _of_pixels(subject: Subject) -> dict[str, Floats]:
    blocks, numbers = block_of(len(subject.rows)), range(len(subject.class_names))
    columns = {TRUE_POSITIVES: "tp", FALSE_POSITIVES: "fp", FALSE_NEGATIVES: "fn"}
    return {
        name: sum_blocks(subject.rows[[f"{column}_{number}" for number in numbers]].to_numpy(), blocks)
        for name, column in columns.items()
    }
