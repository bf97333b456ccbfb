"""Evaluation files of models that were never trained: random outputs, of which the rest follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from treeline.models.evaluation.reading import About, Evaluation, read_evaluation
from treeline.models.evaluation.rows import Answered, rows_of
from treeline.models.evaluation.writing import Batch, evenly, write_evaluation
from treeline.models.experiment import Task

CLASSES = ("blue", "green", "red")
SIDE = 16


def about(task: Task = "multiclass", **changes: Any) -> About:
    known: dict[str, Any] = {
        **{"run": "first", "dataset": "shapes", "dataset_hash": "a" * 64, "split": "test", "task": task},
        **{"trained_on": "shapes", "trained_on_hash": "a" * 64},
        "class_names": () if task == "regression" else CLASSES,
        "training_hparams": f"title: Shapes\ndataset: shapes\ntask: {task}\nimage_size: [16, 16]\nepochs: 2\n",
        "model_architecture": "Model(\n  (encoder): ConvNet()\n)",
        "model_graph": "layer    kind    parameters  output\nencoder  Conv2d         432  16 x 16 x 16\n",
        **changes,
    }
    return About(**known)


def write_case(
    file: Path,
    task: Task = "multiclass",
    *,
    ids: Sequence[int] = range(0, 120, 3),
    attributed: int = 8,
    methods: Sequence[str] = ("grad_cam",),
    seed: int = 0,
    **changes: Any,
) -> Evaluation:
    """Write an evaluation of images with these ids; `changes` are of `About`."""
    subject = about(task, **changes)
    generator = torch.Generator().manual_seed(seed)
    answered = _answer(task, torch.tensor(list(ids)), max(len(subject.class_names), 1), generator)
    places = evenly(len(answered.ids), attributed)
    with write_evaluation(file, subject, len(answered.ids), len(places)) as writer:
        writer.add(
            Batch(
                answered.ids.numpy(),
                # Near to one another where the answers are, as embeddings of a trained model.
                torch.cat([answered.outputs.flatten(2).mean(2) if task == "segmentation" else answered.outputs] * 4, 1)
                .float()
                .numpy(),
                rows_of(task, answered),
                None if task == "segmentation" else answered.outputs.numpy(),
                answered.targets.numpy().astype(np.uint8) if task == "multilabel" else None,
            )
        )
        masks = {method: torch.rand((len(places), SIDE, SIDE), generator=generator).numpy() for method in methods}
        writer.add_attributions(answered.ids.numpy()[places], np.zeros(len(places), np.int64), masks)
        writer.aggregates = {"example": 0.5}
    return read_evaluation(file)


def _answer(task: Task, ids: Tensor, classes: int, generator: torch.Generator) -> Answered:
    shape = (len(ids), classes, SIDE, SIDE) if task == "segmentation" else (len(ids), classes)
    outputs = torch.randn(shape, generator=generator)
    losses = torch.rand(len(ids), generator=generator)
    if task == "regression":
        targets = outputs[:, 0] + 0.3 * torch.randn(len(ids), generator=generator)
        return Answered(ids, outputs, outputs, targets, losses)
    if task == "multilabel":
        targets = (outputs + 0.7 * torch.randn(shape, generator=generator) > 0).long()
        return Answered(ids, outputs, outputs.sigmoid(), targets, losses)
    targets = (outputs + 0.7 * torch.randn(shape, generator=generator)).argmax(1)
    return Answered(ids, outputs, outputs.softmax(1), targets, losses)
