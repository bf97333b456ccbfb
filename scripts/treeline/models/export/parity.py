"""Whether an exported model gives what the trained one gives, over images that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel

from treeline.config_datasets import Task
from treeline.datasets import Dataset, Resize
from treeline.errors import InputError
from treeline.io.datasets.encodings import Encoding
from treeline.models.architecture.model import Model
from treeline.models.inference import OnnxModel

MOST_DIFFERENCE = 1e-4
"""Largest difference of a number; where numbers are larger than 1, as a share of the largest one of the image."""
MOST_IMAGES = 1000
"""Of a split, evenly spaced over it."""
SPLITS = ("val", "test")

Numbers = npt.NDArray[np.float32]


class Parity(BaseModel):
    """How far two models of one dataset are apart."""

    images: dict[str, int]
    """Images that were compared, of each split."""
    outputs_difference: float = 0.0
    """Largest absolute difference of an output."""
    embedding_difference: float = 0.0
    """Largest absolute difference of a number of an embedding."""
    relative_difference: float = 0.0
    """Largest difference by `MOST_DIFFERENCE`: of numbers up to 1 the absolute one."""
    top_1_agreement: float | None = None
    """Share of the images (of a multilabel task: of the labels; of a segmentation: of the pixels) that both say the
    same of, from 0 to 1; null for a regression."""


def measure_parity(model: Model, exported: OnnxModel, encoding: Encoding) -> Parity:
    """Compare two models, each with the images as it is given them: in training, and by `OnnxModel.prepare`.

    Args:
        model: The trained one.
        exported: The exported one.
        encoding: The dataset's.

    Raises:
        ConfigError: The dataset does not fit, or has no image to compare with.
    """
    splits = encoding.metadata.index["split"]
    present = [split for split in SPLITS if (splits == split).any()]
    parity = Parity(images=dict.fromkeys(present, 0))
    same = counted = 0
    for split in present:
        for image, resized in _images(encoding, split, exported.facts.image_size):
            with torch.inference_mode():
                outputs, embedding = (values[0].numpy() for values in model(resized))
            answers = exported.run(exported.prepare([image]))
            parity.images[split] += 1
            parity.outputs_difference = max(parity.outputs_difference, _difference(outputs, answers.outputs[0]))
            parity.embedding_difference = max(
                parity.embedding_difference, _difference(embedding, answers.embeddings[0])
            )
            relative = (_relative(outputs, answers.outputs[0]), _relative(embedding, answers.embeddings[0]))
            parity.relative_difference = max(parity.relative_difference, *relative)
            agreement = _agreement(exported.facts.task, outputs, answers.outputs[0])
            same, counted = same + int(agreement.sum()), counted + agreement.size
    parity.top_1_agreement = same / counted if counted else None
    return parity


def check_parity(run: Path, parity: Parity) -> None:
    """Refuse a model that says something else once it is exported.

    Raises:
        InputError: It differs by more than `MOST_DIFFERENCE`, or nothing could be compared.
    """
    if not sum(parity.images.values()):
        raise InputError(run, f"cannot be compared: the dataset has no image of {' or '.join(SPLITS)}.")
    if not parity.relative_difference <= MOST_DIFFERENCE:
        fix = "Weights that are not finite, or an onnxruntime that is not of the lock, can be the reason."
        problem = f"the exported model differs from the trained one by {parity.relative_difference:.2g}"
        raise InputError(run, f"{problem}, more than {MOST_DIFFERENCE}.", fix=fix)


def _images(encoding: Encoding, split: str, size: list[int]) -> Iterator[tuple[npt.NDArray[Any], torch.Tensor]]:
    """Images as they are stored, height x width x channels, and as training gives them."""
    stored, resized = Dataset(encoding, split), Dataset(encoding, split, spatial=Resize(*size))
    for number in np.unique(np.linspace(0, len(stored) - 1, min(len(stored), MOST_IMAGES)).astype(int)):
        yield stored[number]["image"].permute(1, 2, 0).numpy(), resized[number]["image"][None].float()


def _difference(one: Numbers, other: Numbers) -> float:
    """Infinity where one of the numbers is none: NaN would pass for the smallest."""
    difference = float(np.abs(one - other).max())
    return difference if np.isfinite(difference) else np.inf


def _relative(one: Numbers, other: Numbers) -> float:
    return _difference(one, other) / max(1.0, float(np.abs(one).max()))


def _agreement(task: Task, one: Numbers, other: Numbers) -> npt.NDArray[np.bool_]:
    if task == "regression":
        return np.empty(0, bool)
    if task == "multilabel":
        return np.equal(one > 0, other > 0)
    return np.atleast_1d(np.asarray(one.argmax(0) == other.argmax(0), bool))
