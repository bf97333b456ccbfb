"""Metrics: torchmetrics' own, by the names that experiments use.

| task | name | which |
|---|---|---|
| multiclass | `accuracy` | `MulticlassAccuracy`, over all images |
| | `balanced_accuracy` | `MulticlassAccuracy`, the mean over classes |
| | `f1`, `average_precision`, `auroc` | `MulticlassF1Score` ..., the mean over classes |
| multilabel | `accuracy` | `MultilabelAccuracy`, over all labels of all images |
| | `f1`, `average_precision`, `auroc` | `MultilabelF1Score` ..., the mean over labels |
| regression | `mean_absolute_error` | `MeanAbsoluteError` |
| | `root_mean_squared_error` | `MeanSquaredError`, its root |
| | `r2` | `R2Score` |
| segmentation | `iou` | `MulticlassJaccardIndex`, the mean over classes |
| | `accuracy`, `f1` | `MulticlassAccuracy` over all pixels, `MulticlassF1Score`, the mean over classes |

A mean over classes leaves out those that are neither there nor predicted. Average precision and AUROC are computed at
`THRESHOLDS` probabilities, so that their memory does not grow with the images.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torchmetrics
from torch import Tensor
from torchmetrics import classification

from treeline.errors import ConfigError
from treeline.io.datasets.samples import NOT_LABELLED
from treeline.models.experiment import METRICS, Task
from treeline.models.tasks import probabilities

THRESHOLDS = 1000
"""Probabilities at which curves are computed: their areas are right to about a thousandth."""
LEAST_CLASSES = 2


class R2(torchmetrics.R2Score):
    """`R2Score`, NaN of fewer than two images, of which torchmetrics' own is an error."""

    def compute(self) -> Tensor:
        """The share of the variance that is explained."""
        return super().compute() if self.total >= 2 else torch.tensor(torch.nan)


Make = Callable[[int], torchmetrics.Metric]


def _of_classes(kind: type[Any], **options: Any) -> Make:
    return lambda classes: kind(num_classes=classes, **options)


def _of_labels(kind: type[Any], **options: Any) -> Make:
    return lambda classes: kind(num_labels=classes, **options)


_CURVE = {"average": "macro", "thresholds": THRESHOLDS}
_PIXELS = {"ignore_index": NOT_LABELLED}
_MAKE: dict[Task, dict[str, Make]] = {
    "multiclass": {
        "accuracy": _of_classes(classification.MulticlassAccuracy, average="micro"),
        "balanced_accuracy": _of_classes(classification.MulticlassAccuracy, average="macro"),
        "f1": _of_classes(classification.MulticlassF1Score, average="macro"),
        "average_precision": _of_classes(classification.MulticlassAveragePrecision, **_CURVE),
        "auroc": _of_classes(classification.MulticlassAUROC, **_CURVE),
    },
    "multilabel": {
        "accuracy": _of_labels(classification.MultilabelAccuracy, average="micro"),
        "f1": _of_labels(classification.MultilabelF1Score, average="macro"),
        "average_precision": _of_labels(classification.MultilabelAveragePrecision, **_CURVE),
        "auroc": _of_labels(classification.MultilabelAUROC, **_CURVE),
    },
    "regression": {
        "mean_absolute_error": lambda _: torchmetrics.MeanAbsoluteError(),
        "root_mean_squared_error": lambda _: torchmetrics.MeanSquaredError(squared=False),
        "r2": lambda _: R2(),
    },
    "segmentation": {
        "iou": _of_classes(classification.MulticlassJaccardIndex, average="macro", **_PIXELS),
        "accuracy": _of_classes(classification.MulticlassAccuracy, average="micro", **_PIXELS),
        "f1": _of_classes(classification.MulticlassF1Score, average="macro", **_PIXELS),
    },
}


def make_metrics(experiment_task: Task, names: Sequence[str], classes: int) -> torchmetrics.MetricCollection:
    """Make metrics; `metric_inputs` says what they take.

    Args:
        experiment_task: What is learned.
        names: Of the metrics, in their order; none gives all of the task.
        classes: How many there are; not read for a regression.

    Raises:
        ConfigError: There are fewer than two classes.
    """
    if experiment_task != "regression" and classes < LEAST_CLASSES:
        raise ConfigError(f"metrics: {experiment_task} needs {LEAST_CLASSES} classes or more, and there are {classes}.")
    chosen = list(names) or METRICS[experiment_task]
    metrics: dict[str, torchmetrics.Metric | torchmetrics.MetricCollection]
    metrics = {name: _MAKE[experiment_task][name](classes) for name in chosen}
    # In groups, torchmetrics would have metrics share their states, which are then not saved and loaded apart.
    return torchmetrics.MetricCollection(metrics, compute_groups=False)


def metric_inputs(task: Task, outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """What the metrics' `update` takes, of a model's outputs and the targets."""
    if task == "regression":
        return outputs.squeeze(1), target
    return probabilities(task, outputs), target.long()


def compute(metrics: torchmetrics.MetricCollection) -> dict[str, float]:
    """The values by name, NaN for those of which there is nothing to compute them of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes that are not in `val`
        return {name: float(value) for name, value in metrics.compute().items()}


def is_better_higher(task: Task, name: str) -> bool:
    """Whether more of a metric is better."""
    return task != "regression" or name == "r2"
