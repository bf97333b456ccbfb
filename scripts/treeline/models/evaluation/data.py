"""The dataset that a model is evaluated on, once it is known to be one that fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from treeline.datasets import Dataset, Resize
from treeline.errors import InputError
from treeline.io.datasets.encodings import TARGETS
from treeline.models.evaluation.reading import ID
from treeline.models.trained import Trained


def open_samples(folder: Path, split: str, trained: Trained) -> Dataset:
    """Open a split of a dataset at the size of the model's images, in the order of the ids.

    Args:
        folder: The dataset's.
        split: `train`, `val`, `test`, or `trainvaltest` for all.
        trained: The model.

    Raises:
        ConfigError: There is no such split, or it is empty.
        InputError: There is no dataset; its task, classes or channels are others than the model's; or it has an id
            twice.
    """
    height, width = trained.facts.image_size
    encoding = find_encoding(folder, trained)
    samples = Dataset(encoding, split, spatial=Resize(height, width))
    _check_fits(encoding, samples, trained)
    if (np.diff(samples.index[ID]) <= 0).any():
        raise InputError(encoding, "its samples are not in the order of their ids.", field=ID, fix="Make it anew.")
    return samples


def find_encoding(folder: Path, trained: Trained) -> Path:
    """The encoding that the model was trained with, or another one where the dataset has no such one.

    Raises:
        InputError: There is none.
    """
    names = [trained.experiment.encoding, *TARGETS]
    for name in names:
        if (target := folder / TARGETS[name]).exists():
            return target
    raise InputError(folder, "holds no encoding of a dataset.", fix="Make the dataset: snakemake datasets.")


def _check_fits(encoding: Path, samples: Dataset, trained: Trained) -> None:
    [content] = samples.contents
    facts = trained.facts
    if content.task != facts.task:
        raise InputError(encoding, f"its task is {content.task}, that of the model {facts.run} {facts.task}.")
    sides = (
        ("classes", list(content.class_names), facts.class_names),
        ("channels", list(content.channels), facts.channels),
    )
    for what, found, expected in sides:
        if found != expected:
            raise InputError(
                encoding, f"its {what} are {_some(found)}; those of the model {facts.run} {_some(expected)}."
            )


def _some(names: list[str]) -> str:
    """At most twenty of them."""
    return ", ".join(names[:20]) + (f", ... ({len(names)})" if len(names) > 20 else "")
