"""What a run is trained on: opened, and checked as a whole before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from treeline.datasets import Augmentations, Dataset, Resize, SampleSet, read_augmentations
from treeline.errors import ConfigError, InputError
from treeline.io.datasets.encodings import TARGETS, Encoding, open_encoding
from treeline.io.datasets.metadata import ID, Metadata
from treeline.io.datasets.samples import NOT_LABELLED
from treeline.models.experiment import Experiment
from treeline.models.facts import ModelFacts, hash_of_dataset
from treeline.models.losses import needs_class_counts
from treeline.models.metrics import LEAST_CLASSES
from treeline.models.training.normalisation import find_normalisation

LEAKAGE = "leakage.json"
NAMED_IN_ERRORS = 3
OF_VALUES = ("to_float", "normalise")
"""Augmentations that change what values are, which the model takes as they are stored."""


@dataclass(frozen=True)
class TrainingData:
    """What a run is trained on.

    Args:
        train: Samples of the split, resized and augmented.
        val: Those that checkpoints are chosen by, resized.
        facts: What the model takes and gives.
        class_counts: Of each class, its samples in `train`; of a segmentation, its pixels, or ones where no loss asks
            for them, since counting reads every mask.
    """

    train: SampleSet
    val: Dataset
    facts: ModelFacts
    class_counts: list[int]


def open_training_data(experiment: Experiment, dataset: Path, run: str) -> TrainingData:
    """Open a dataset for an experiment.

    Args:
        experiment: What is to be learned.
        dataset: The dataset's folder.
        run: Name of the run.

    Raises:
        InputError: Something leaks between the splits; names pairs. Or the dataset is missing or damaged, or of another
            task, or has too few classes, or one of which `train` has nothing.
        ConfigError: A split has no sample, or the augmentations do not fit.
    """
    refuse_leaks(dataset)
    path = dataset / TARGETS[experiment.encoding]
    if not path.exists():
        fix = f"Add the encoding `{experiment.encoding}` to the dataset's, or set `encoding` of the experiment."
        raise InputError(path, "is not there.", fix=fix)
    encoding = open_encoding(path)
    metadata = encoding.metadata
    if metadata.task != experiment.task:
        raise InputError(path, f"is for {metadata.task}, and the experiment for {experiment.task}.")
    size = Resize(*experiment.image_size)
    augmentations = _augmentations(experiment)
    train = Dataset(encoding, "train", spatial=size, transforms=augmentations)
    val = Dataset(encoding, "val", spatial=size)
    counts = _class_counts(experiment, encoding, path)
    mean, std = find_normalisation(metadata, dataset)
    facts = ModelFacts(
        run=run,
        dataset=metadata.name,
        dataset_hash=hash_of_dataset(dataset),
        task=experiment.task,
        class_names=list(metadata.class_names),
        channels=list(metadata.channels),
        image_size=experiment.image_size,
        mean=mean,
        std=std,
    )
    return TrainingData(train, val, facts, counts)


def refuse_leaks(dataset: Path) -> None:
    """Refuse a dataset of which something leaks between the splits, or of which that is not known.

    Raises:
        InputError: Names the first pairs.
    """
    file = dataset / LEAKAGE
    try:
        leaks: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))["leaks"]
        found = {check: int(count) for check, count in leaks.items() if count}
    except FileNotFoundError:
        problem = "is not there: whether something leaks between the splits is not known."
        raise InputError(file, problem, fix="Divide the dataset: snakemake datasets.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(file, f"is no report of leaks: {error!r}", fix="Divide the dataset anew.") from None
    if not found:
        return
    counts = ", ".join(f"{count:,} of {check}" for check, count in found.items())
    problem = f"what is tested on is known from training: {counts}. {_pairs(file.with_suffix('.csv'))}"
    raise InputError(file, problem.strip(), fix="Divide the dataset anew.")


def _pairs(file: Path) -> str:
    if not file.is_file():
        return ""
    rows = pd.read_csv(file, nrows=NAMED_IN_ERRORS, dtype=str, keep_default_na=False)
    columns = rows[["first", "first_split", "second", "second_split", "check"]].itertuples(index=False)
    pairs = [f"{first} ({one}) and {second} ({other}) by {check}" for first, one, second, other, check in columns]
    return "; ".join(pairs) + f". All pairs are in {file}."


def _augmentations(experiment: Experiment) -> Augmentations | None:
    if experiment.augmentation is None:
        return None
    augmentations = read_augmentations(experiment.augmentation)
    wrong = [entry.name for entry in augmentations.of_samples if entry.name in OF_VALUES]
    if wrong:
        problem = f"{experiment.augmentation}: the model normalises itself: leave {' and '.join(wrong)} out."
        raise ConfigError(problem)
    return augmentations


def _class_counts(experiment: Experiment, encoding: Encoding, path: Path) -> list[int]:
    metadata = encoding.metadata
    names = metadata.class_names
    if metadata.task == "regression":
        return []
    if len(names) < LEAST_CLASSES:
        raise InputError(path, f"has {len(names)} classes; {LEAST_CLASSES} are needed to tell one from another.")
    is_train = (metadata.index["split"] == "train").to_numpy()
    if metadata.task == "segmentation":
        if not needs_class_counts(experiment):
            return [1] * len(names)
        masks = (encoding.mask(int(position)) for position in np.flatnonzero(is_train))
        counts = _pixel_counts(masks, len(names))
        what = "pixel"
    else:
        counts = _label_counts(metadata, metadata.index.loc[is_train, ID])
        what = "sample"
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if empty:
        problem = f"train has no {what} of {', '.join(map(repr, empty[:NAMED_IN_ERRORS]))}"
        problem += f" ({len(empty)} of {len(names)} classes)."
        raise InputError(path, problem, fix="Divide the dataset otherwise, or leave the classes out of it.")
    return counts


def _label_counts(metadata: Metadata, ids: pd.Series[Any]) -> list[int]:
    table = metadata.index if metadata.task == "multiclass" else metadata.tables["labels"]
    numbers = table.loc[table[ID].isin(ids), "label_idx"].to_numpy(np.int64)
    counts: list[int] = np.bincount(numbers, minlength=len(metadata.class_names)).tolist()
    return counts


def _pixel_counts(masks: Iterable[Any], classes: int) -> list[int]:
    counts = np.zeros(classes, np.int64)
    for mask in masks:
        counts += np.bincount(mask[mask != NOT_LABELLED], minlength=classes)
    return [int(count) for count in counts]
