"""The images of a dataset, as a trained model takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from treeline.datasets import Dataset, Resize, read_augmentations
from treeline.errors import InputError
from treeline.io.datasets.encodings import TARGETS
from treeline.models.optimisation.latency import Images
from treeline.models.trained import Trained

CALIBRATION_IMAGES = 128
"""Images by which scales are chosen; a few hundred are enough (https://arxiv.org/abs/2004.09602, section 5)."""


def open_split(dataset: Path, trained: Trained, split: str, *, augmented: bool = False) -> Dataset:
    """Open a part of a dataset, its images resized to those that the model takes.

    Args:
        dataset: Its folder.
        trained: Its experiment says which encoding is read.
        split: `train`, `val` or `test`.
        augmented: Whether the experiment's augmentations are done.

    Raises:
        ConfigError: There is no sample in the split.
        InputError: There is no such encoding, or it is of other classes or channels than the model.
    """
    experiment, facts = trained.experiment, trained.facts
    path = dataset / TARGETS[experiment.encoding]
    height, width = facts.image_size
    transforms = read_augmentations(experiment.augmentation) if augmented and experiment.augmentation else None
    samples = Dataset(path, split, spatial=Resize(height, width), transforms=transforms)
    content = samples.contents[0]
    for what, found, wanted in (
        ("task", [content.task], [facts.task]),
        ("classes", list(content.class_names), facts.class_names),
        ("channels", list(content.channels), facts.channels),
    ):
        if found != wanted:
            problem = f"its {what} are not the model's: {', '.join(found)} instead of {', '.join(wanted)}."
            raise InputError(path, problem, fix="Give the dataset that the model was trained on.")
    return samples


def spread_images(samples: Dataset, count: int, batch_size: int) -> Iterator[Images]:
    """Give images from all over a dataset, in batches.

    Args:
        samples: Where they are from.
        count: How many; all, if there are less.
        batch_size: Images a batch; the last may have less.
    """
    numbers = np.unique(np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(np.int64))
    for start in range(0, len(numbers), batch_size):
        images = [samples[int(number)]["image"] for number in numbers[start : start + batch_size]]
        yield torch.stack(images).float().numpy()
