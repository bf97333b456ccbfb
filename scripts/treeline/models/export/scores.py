"""What an evaluation file says of a model as a whole, from its rows of one image each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd

from treeline.errors import InputError
from treeline.models.facts import ModelFacts


class Scores(NamedTuple):
    """What an evaluation gives.

    Args:
        split: Of the images that were evaluated.
        images: How many.
        metrics: By name.
        of_classes: Rows of a class each, or None where the task has no classes.
    """

    split: str
    images: int
    metrics: Mapping[str, float]
    of_classes: pd.DataFrame | None


def read_scores(file: Path, facts: ModelFacts) -> Scores:
    """Read an evaluation.

    Raises:
        InputError: The file is no evaluation of this model.
    """
    try:
        with h5py.File(file) as content:
            run, split = content.attrs["run"], content.attrs["split"]
        table = pd.DataFrame(pd.read_hdf(file, "metrics"))
        scored = _SCORES[facts.task](table, facts)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(file, f"is no evaluation ({error}).", fix="Evaluate the model anew.") from None
    if run != facts.run:
        raise InputError(file, f"is the evaluation of {run}; the model is of {facts.run}.")
    return Scores(str(split), len(table), *scored)


def _multiclass(table: pd.DataFrame, facts: ModelFacts) -> tuple[dict[str, float], pd.DataFrame]:
    from sklearn.metrics import precision_recall_fscore_support

    places = list(range(len(facts.class_names)))
    precision, recall, f1, images = precision_recall_fscore_support(
        table["label_idx"], table["predicted_idx"], labels=places, zero_division=0
    )
    of_classes = pd.DataFrame(
        {"class": facts.class_names, "images": images, "precision": precision, "recall": recall, "f1": f1}
    )
    there = images > 0
    metrics = {"accuracy": table["correct"].mean(), "f1": f1[there].mean(), "loss": table["loss"].mean()}
    return metrics, of_classes


def _multilabel(table: pd.DataFrame, facts: ModelFacts) -> tuple[dict[str, float], None]:
    return {name: table[name].mean() for name in ("exact_match", "f1", "hamming", "loss")}, None


def _regression(table: pd.DataFrame, facts: ModelFacts) -> tuple[dict[str, float], None]:
    squared = table["squared_error"].mean()
    return {"mean_absolute_error": table["absolute_error"].mean(), "root_mean_squared_error": np.sqrt(squared)}, None


def _segmentation(table: pd.DataFrame, facts: ModelFacts) -> tuple[dict[str, float], pd.DataFrame]:
    """Of all pixels together: intersection over union = true positives / (these, false positives, false negatives)."""
    sums = {kind: _pixels(table, kind, facts) for kind in ("tp", "fp", "fn")}
    union = sum(sums.values(), np.zeros(len(facts.class_names)))
    iou = np.divide(sums["tp"], union, out=np.full(len(union), np.nan), where=union > 0)
    labelled = sums["tp"] + sums["fn"]
    of_classes = pd.DataFrame({"class": facts.class_names, "pixels": labelled.astype(int), "iou": iou})
    return {"iou": np.nanmean(iou), "accuracy": sums["tp"].sum() / labelled.sum()}, of_classes


def _pixels(table: pd.DataFrame, kind: str, facts: ModelFacts) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([table[f"{kind}_{place}"].sum() for place in range(len(facts.class_names))], float)


_SCORES = {
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "regression": _regression,
    "segmentation": _segmentation,
}
