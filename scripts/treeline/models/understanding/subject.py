"""What a report is about: an evaluation, joined with what the dataset knows of its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.errors import InputError
from treeline.io.datasets.encodings import TARGETS
from treeline.io.datasets.metadata import ID, Metadata, read_metadata
from treeline.io.datasets.stored_images import METADATA_FILE
from treeline.models.evaluation.reading import Evaluation, read_evaluation
from treeline.models.experiment import Task
from treeline.models.facts import hash_of_dataset

CHUNK = 8192
"""Images whose outputs are in memory at once."""

DECISIVE: dict[str, tuple[str, ...]] = {
    "multiclass": ("confidence", "loss"),
    "multilabel": ("loss",),
    "regression": ("predicted", "target"),
}
"""Metrics of an image that are no numbers where the model's outputs are none; see `_has_numbers`."""


@dataclass(frozen=True)
class Subject:
    """An evaluation and its dataset.

    Args:
        evaluation: What the model gives.
        metadata: The dataset's tables.
        dataset: Where its images are: an encoding, or `metadata.h5`.
        rows: Metrics of each image, by id, with `image_path` and `place`, its row in the evaluation file. Images for
            which the model gives no numbers are not in it.
        without_numbers: Ids of these.
    """

    evaluation: Evaluation
    metadata: Metadata
    dataset: Path
    rows: pd.DataFrame
    without_numbers: list[int]

    @property
    def task(self) -> Task:
        """What was learned."""
        return self.evaluation.about.task

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the outputs."""
        return self.evaluation.about.class_names

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """Rows of the images in the evaluation file."""
        return self.rows["place"].to_numpy(np.int64)

    def chunks(self) -> Iterator[tuple[slice, slice, npt.NDArray[np.int64]]]:
        """Parts of the evaluation file: rows of the file, rows of `rows`, and places of the latter in the former."""
        places = self.places
        for start in range(0, len(self.evaluation.ids), CHUNK):
            low, high = np.searchsorted(places, (start, start + CHUNK))
            if high > low:
                yield slice(start, start + CHUNK), slice(int(low), int(high)), places[low:high] - start


def read_subject(evaluation_file: Path, dataset: Path) -> Subject:
    """Read an evaluation and the dataset's tables.

    Args:
        evaluation_file: What `treeline models evaluate` has written.
        dataset: The dataset's folder.

    Raises:
        InputError: A file is missing or damaged, the evaluation is of another dataset or another state of it, it has
            no image, or for none of them numbers.
    """
    evaluation = read_evaluation(evaluation_file)
    about = evaluation.about
    metadata = read_metadata(dataset / METADATA_FILE)
    if hash_of_dataset(dataset) != about.dataset_hash:
        problem = f"is not the dataset {about.dataset} that {evaluation_file} is of, or it was made anew since."
        raise InputError(dataset / METADATA_FILE, problem, fix="Evaluate the model again.")
    rows = evaluation.metrics()
    missing = set(rows[ID]) - set(metadata.index[ID])
    if missing:
        problem = f"has no image {min(missing)}, and the evaluation {evaluation_file} has."
        raise InputError(dataset / METADATA_FILE, problem, fix="Evaluate the model again.")
    rows = rows.assign(place=np.arange(len(rows))).merge(metadata.index[[ID, "image_path"]], on=ID)
    is_number = _has_numbers(rows, about.task)
    if not is_number.any():
        problem = "holds no image for which the model gives numbers." if len(rows) else "holds no image."
        raise InputError(evaluation_file, problem, fix="Train the model anew, and look at its loss.")
    numbered = rows[is_number].sort_values(ID).reset_index(drop=True)
    return Subject(evaluation, metadata, images_of(dataset), numbered, rows.loc[~is_number, ID].tolist())


def _has_numbers(rows: pd.DataFrame, task: Task) -> pd.Series[bool]:
    """Whether the model gives numbers for each image."""
    if task == "segmentation":
        # An image of which nothing is labelled has no loss either, and there is nothing wrong with it.
        labelled = rows.filter(regex=r"^(tp|fn)_\d+$").sum(axis=1)
        return pd.Series(np.isfinite(rows["loss"]) | (labelled == 0))
    return pd.Series(np.isfinite(rows[list(DECISIVE[task])]).all(axis=1))


def images_of(dataset: Path) -> Path:
    """Where the images of a dataset's folder are: its first encoding, or its tables, which say where they are."""
    encodings = (dataset / name for name in TARGETS.values())
    return next((encoding for encoding in encodings if encoding.exists()), dataset / METADATA_FILE)
