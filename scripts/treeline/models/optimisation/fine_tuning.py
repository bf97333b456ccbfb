"""Train a model for a little longer, so that it gets used to what was taken away."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from treeline.datasets import Dataset, loader
from treeline.models.losses import make_loss, needs_class_counts
from treeline.models.optimisation.samples import open_split
from treeline.models.tasks import labelled
from treeline.models.trained import Trained

EPOCHS = 3
RATE_FACTOR = 0.1
"""Times the experiment's highest learning rate: where a schedule is near its end, and weights move little."""


def fine_tune(model: nn.Module, trained: Trained, dataset: Path) -> None:
    """Train a model on `train`, with the experiment's loss, batches and augmentations, in place.

    The learning rate is a tenth of the experiment's, and constant. The same seed gives the same weights.

    Args:
        model: A changed copy of the trained one; in evaluation mode at the end.
        trained: Says how it was trained.
        dataset: Folder of the dataset.
    """
    experiment = trained.experiment
    samples = open_split(dataset, trained, "train", augmented=True)
    batches = loader(samples, experiment.batch_size, workers=experiment.workers, seed=experiment.seed, shuffle=True)
    compute_loss = make_loss(experiment, _class_counts(trained, samples))
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=experiment.optimiser.learning_rate * RATE_FACTOR,
        weight_decay=experiment.optimiser.weight_decay,
    )
    torch.manual_seed(experiment.seed)
    model.train()
    for _ in range(EPOCHS):
        for batch in batches:
            optimiser.zero_grad()
            outputs, _ = model(batch["image"].float())
            compute_loss(outputs, batch["target"]).backward()
            optimiser.step()
    model.eval()


def _class_counts(trained: Trained, samples: Dataset) -> list[int]:
    """Samples, or pixels, of each class; ones where the loss does not read them."""
    classes = len(trained.facts.class_names)
    if not needs_class_counts(trained.experiment):
        return [1] * classes
    counts = torch.zeros(classes, dtype=torch.int64)
    for batch in loader(samples, trained.experiment.batch_size, workers=trained.experiment.workers):
        target = batch["target"]
        if trained.facts.task == "multilabel":
            counts += target.nansum(0).long()
        else:
            counts += torch.bincount(target[labelled(trained.facts.task, target)], minlength=classes)
    return counts.tolist()
