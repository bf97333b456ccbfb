"""From what a model gives for a batch to a row an image.

| task | columns beside `id` |
|---|---|
| multiclass | `label_idx`, `predicted_idx`, `confidence`, `loss`, `correct`, `probability_of_label` |
| multilabel | `loss`, `exact_match`, `f1`, `hamming` |
| regression | `target`, `predicted`, `error`, `absolute_error`, `squared_error` |
| segmentation | `loss`, `iou`, `accuracy`; for each class k `tp_<k>`, `fp_<k>`, `fn_<k>` |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from treeline.io.datasets.samples import NOT_LABELLED
from treeline.models.evaluation.reading import ID
from treeline.models.experiment import Task

THRESHOLD = 0.5
"""Probability from which on a label is predicted."""


class Answered(NamedTuple):
    """What a model gives for N images, and what is true.

    Args:
        ids: N.
        outputs: As `ModelFacts` says.
        probabilities: Of the same shape; a regression's are its outputs.
        targets: As datasets give them: N classes, N x labels, N numbers, or N x height x width classes.
        losses: N.
    """

    ids: Tensor
    outputs: Tensor
    probabilities: Tensor
    targets: Tensor
    losses: Tensor


def rows_of(task: Task, answered: Answered) -> pd.DataFrame:
    """Make the rows of a batch; what is not defined, such as the IoU of an image without labels, is NaN."""
    columns = {
        "multiclass": _multiclass,
        "multilabel": _multilabel,
        "regression": _regression,
        "segmentation": _segmentation,
    }[task](answered)
    return pd.DataFrame({ID: answered.ids.numpy().astype(np.int64), **columns})


Columns = dict[str, npt.NDArray[np.generic]]


def _multiclass(answered: Answered) -> Columns:
    labels = answered.targets.long()
    confidence, predicted = answered.probabilities.max(dim=1)
    of_label = answered.probabilities.gather(1, labels[:, None])[:, 0]
    return {
        "label_idx": labels.numpy(),
        "predicted_idx": predicted.numpy(),
        "confidence": _floats(confidence),
        "loss": _floats(answered.losses),
        "correct": (predicted == labels).numpy(),
        "probability_of_label": _floats(of_label),
    }


def _multilabel(answered: Answered) -> Columns:
    true, predicted = answered.targets.bool().numpy(), (answered.probabilities > THRESHOLD).numpy()
    hits, wrong = (true & predicted).sum(1), (true != predicted).sum(1)
    return {
        "loss": _floats(answered.losses),
        "exact_match": wrong == 0,
        # Where nothing is to be found and nothing was, all is right.
        "f1": _share(2 * hits, 2 * hits + wrong, where_none=1.0),
        "hamming": wrong / true.shape[1],
    }


def _regression(answered: Answered) -> Columns:
    target, predicted = _floats(answered.targets), _floats(answered.outputs[:, 0])
    error = predicted - target
    return {
        "target": target,
        "predicted": predicted,
        "error": error,
        "absolute_error": np.abs(error),
        "squared_error": error**2,
    }


def _segmentation(answered: Answered) -> Columns:
    images, classes = answered.outputs.shape[:2]
    targets, predicted = answered.targets.long(), answered.probabilities.argmax(dim=1)
    labelled = targets != NOT_LABELLED
    cells = (torch.arange(images)[:, None, None] * classes + targets) * classes + predicted
    counts = torch.bincount(cells[labelled], minlength=images * classes**2)
    confusion = counts.reshape(images, classes, classes).numpy()
    hits = np.einsum("nkk->nk", confusion)
    false_alarms, misses = confusion.sum(1) - hits, confusion.sum(2) - hits
    of_classes = _share(hits, hits + false_alarms + misses)
    there = np.isfinite(of_classes).sum(1)
    numbers = {
        f"{name}_{number}": counted[:, number]
        for number in range(classes)
        for name, counted in (("tp", hits), ("fp", false_alarms), ("fn", misses))
    }
    return {
        "loss": _floats(answered.losses),
        "iou": _share(np.nansum(of_classes, axis=1), there),
        "accuracy": _share(hits.sum(1), confusion.sum((1, 2))),
        **numbers,
    }


def _share(
    part: npt.NDArray[np.number], whole: npt.NDArray[np.integer], *, where_none: float = np.nan
) -> npt.NDArray[np.float64]:
    shares = np.full(whole.shape, where_none)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _floats(values: Tensor) -> npt.NDArray[np.float64]:
    return values.double().numpy()
