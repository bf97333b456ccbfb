"""Runs of models that were never trained: their weights are random, so that what they give is not all alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.model_cases import experiment
from treeline.datasets import Dataset, Resize
from treeline.io.datasets.metadata import read_metadata
from treeline.io.parquet import sha256_of_file
from treeline.models.architecture.model import Model
from treeline.models.facts import ModelFacts
from treeline.models.trained import BEST, MODEL, TREELINE, WEIGHTS, describe_model

METHODS = ["integrated_gradients", "grad_cam", "occlusion"]


def write_run(folder: Path, dataset: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a run's folder with a checkpoint of a model for a dataset; `changes` are of the experiment."""
    metadata = read_metadata(dataset / "metadata.h5")
    task: Any = metadata.task
    described = experiment(task, **{"attributions": METHODS, "batch_size": 5, **changes})
    facts = ModelFacts(
        run=folder.name,
        dataset=metadata.name,
        dataset_hash=sha256_of_file(dataset / "metadata.h5"),
        task=task,
        class_names=list(metadata.class_names),
        channels=list(metadata.channels),
        image_size=described.image_size,
        mean=[120.0, 125.0, 130.0],
        std=[60.0, 55.0, 50.0],
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Model(described.architecture, facts).eval()
    _spread(model, Dataset(dataset / "dataset.h5", spatial=Resize(*described.image_size)))
    weights = {MODEL + name: value for name, value in model.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({TREELINE: describe_model(described, facts), WEIGHTS: weights}, folder / BEST)
    return folder


def _spread(model: Model, samples: Dataset) -> None:
    """Give each output a mean of 0 and a deviation of 2 over a dataset: else one class is the answer to all images."""
    layer: Any = model.decoder.layer
    with torch.no_grad():
        outputs = model(torch.stack([sample["image"] for sample in samples]).float())[0].movedim(1, -1).flatten(0, -2)
        mean, factor = outputs.mean(0), 2 / outputs.std(0)
        layer.weight.mul_(factor.reshape(-1, *[1] * (layer.weight.ndim - 1)))
        layer.bias.copy_((layer.bias - mean) * factor)
