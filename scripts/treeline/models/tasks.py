"""What the numbers that a model gives mean, by task."""

from __future__ import annotations

import torch
from torch import Tensor

from treeline.io.datasets.samples import NOT_LABELLED
from treeline.models.experiment import Task


def probabilities(task: Task, outputs: Tensor) -> Tensor:
    """Probabilities from 0 to 1 of a model's outputs, in their shape; of a regression, the numbers themselves.

    Args:
        task: What was learned.
        outputs: N x classes (multiclass, multilabel), N x 1 (regression), N x classes x height x width (segmentation).
    """
    if task == "regression":
        return outputs
    return torch.sigmoid(outputs) if task == "multilabel" else torch.softmax(outputs, 1)


def labelled(task: Task, target: Tensor) -> Tensor:
    """Which parts of a target are known, in its shape, as booleans.

    A number or a label that is NaN is not, nor is a pixel of a mask that is 255.
    """
    if task == "segmentation":
        return target != NOT_LABELLED
    return ~torch.isnan(target) if target.is_floating_point() else torch.ones_like(target, dtype=torch.bool)
