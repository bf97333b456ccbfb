"""Read evaluation files; without torch.

| in the file | what it is |
|---|---|
| attributes of the root | `schema_version`, `run`, `dataset`, `dataset_hash`, `split`, `task`, `trained_on`, |
| | `trained_on_hash`; as JSON: `class_names`, `aggregates` |
| `training_hparams` | the experiment, as YAML |
| `model_architecture`, `model_graph` | the model as PyTorch prints it; a table of its layers |
| `id` | int64 N, ascending: the key of the dataset's tables, and the row of each other dataset |
| `embeddings` | float16 N x dimensions |
| `outputs` | float32 N x classes logits, or N x 1 of a regression; none of a segmentation |
| `targets` | uint8 N x labels, of a multilabel task |
| `metrics/table` | a row an image, as pandas writes it |
| `attribution_masks/id` | int64 M, ascending: the images of which there are masks |
| `attribution_masks/target` | int64 M: which output is explained |
| `attribution_masks/<method>`, `<method>_scale` | uint8 M x height x width, float32 M: value = mask x scale |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.errors import InputError
from treeline.io.hdf_tables import get_table
from treeline.models.experiment import Task

SCHEMA_VERSION = 1
ID, TARGET = "id", "target"
EMBEDDINGS, OUTPUTS, TARGETS, METRICS = "embeddings", "outputs", "targets", "metrics"
ATTRIBUTIONS, SCALE = "attribution_masks", "_scale"
AGGREGATES, CLASS_NAMES = "aggregates", "class_names"
TEXTS = ("training_hparams", "model_architecture", "model_graph")
NAMES = ("run", "dataset", "dataset_hash", "split", "task", "trained_on", "trained_on_hash")

ALL = slice(None)
Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class About:
    """Which model was evaluated on what.

    Args:
        run: Name of the model's run.
        dataset: Name of the dataset that it was evaluated on.
        dataset_hash: SHA-256 of that dataset's `metadata.h5`.
        split: Of that dataset.
        task: What was learned.
        trained_on: Name of the dataset that the model was trained on.
        trained_on_hash: SHA-256 of that dataset's `metadata.h5`.
        class_names: In the order of the outputs; empty for a regression.
        training_hparams: The experiment, as YAML.
        model_architecture: The model as PyTorch prints it.
        model_graph: A table of its layers: name, kind, parameters, shape of the output.
    """

    run: str
    dataset: str
    dataset_hash: str
    split: str
    task: Task
    trained_on: str
    trained_on_hash: str
    class_names: tuple[str, ...]
    training_hparams: str
    model_architecture: str
    model_graph: str


@dataclass(frozen=True)
class Evaluation:
    """An evaluation file. Rows are those of `ids`; what is large is read when it is asked for.

    Args:
        file: Where it is.
        about: Which model was evaluated on what.
        aggregates: Metrics over all images, by their names; None where one is not defined.
        ids: Of the images, ascending.
        attributed: Ids of the images that have attribution masks, ascending.
        explained: For each of these which output its masks explain: the number of a class or label, 0 of a regression.
        methods: Of attribution, such as `grad_cam`.
    """

    file: Path
    about: About
    aggregates: Mapping[str, float | None]
    ids: Ids
    attributed: Ids
    explained: Ids
    methods: tuple[str, ...]

    def metrics(self) -> pd.DataFrame:
        """The table of metrics: a row an image."""
        with pd.HDFStore(self.file, mode="r") as store:
            return get_table(store, METRICS)

    def embeddings(self, rows: slice = ALL) -> Floats:
        """Embeddings: rows x dimensions."""
        return self._read(EMBEDDINGS, rows).astype(np.float32)

    def outputs(self, rows: slice = ALL) -> Floats:
        """Logits, rows x classes, or the numbers of a regression, rows x 1.

        Raises:
            InputError: It is a segmentation, whose outputs are not kept.
        """
        return self._read(OUTPUTS, rows).astype(np.float32)

    def targets(self, rows: slice = ALL) -> npt.NDArray[np.uint8]:
        """Which labels are true, 0 or 1: rows x labels.

        Raises:
            InputError: It is no multilabel task; the others have their targets in the table.
        """
        return self._read(TARGETS, rows)

    def attribution(self, method: str, number: int) -> Floats:
        """How much each pixel speaks for the output that is explained, without its sign: height x width.

        Args:
            method: One of `methods`.
            number: Place in `attributed`.

        Raises:
            InputError: There are no masks by this method.
        """
        name = f"{ATTRIBUTIONS}/{method}"
        row = slice(number, number + 1)
        mask: Floats = self._read(name, row)[0].astype(np.float32)
        return mask * np.float32(self._read(name + SCALE, row)[0])

    def _read(self, name: str, rows: slice) -> npt.NDArray[Any]:
        with h5py.File(self.file, "r") as file:
            if name not in file:
                raise InputError(self.file, "is not in it.", field=name)
            return np.asarray(file[name][rows])


def read_evaluation(path: Path) -> Evaluation:
    """Open an evaluation file.

    Raises:
        InputError: It is missing, damaged, or no evaluation of this version.
    """
    if not path.is_file():
        raise InputError(path, "is not there.", fix="Evaluate the model: treeline models evaluate --help.")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("schema_version") != SCHEMA_VERSION:
                raise InputError(path, f"holds no evaluation of version {SCHEMA_VERSION}.", fix="Evaluate anew.")
            evaluation = _read_facts(path, file)
            _check_rows(evaluation, file)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(path, f"is no evaluation, or a damaged one: {error}", fix="Evaluate anew.") from None
    return evaluation


def _read_facts(path: Path, file: h5py.File) -> Evaluation:
    masks = file.get(ATTRIBUTIONS, {})
    none = np.zeros(0, np.int64)
    return Evaluation(
        path,
        About(
            **{name: file.attrs[name] for name in NAMES},
            class_names=tuple(json.loads(file.attrs[CLASS_NAMES])),
            **{name: file[name].asstr()[()] for name in TEXTS},
        ),
        json.loads(file.attrs[AGGREGATES]),
        file[ID][:],
        masks[ID][:] if ID in masks else none,
        masks[TARGET][:] if TARGET in masks else none,
        tuple(name for name in masks if name + SCALE in masks),
    )


def _check_rows(evaluation: Evaluation, file: h5py.File) -> None:
    present = [name for name in (EMBEDDINGS, OUTPUTS, TARGETS, f"{METRICS}/table") if name in file]
    missing = {EMBEDDINGS, f"{METRICS}/table"} - set(present)
    if missing:
        raise InputError(evaluation.file, "is not in it.", field=min(missing), fix="Evaluate anew.")
    for name in present:
        if len(file[name]) != len(evaluation.ids):
            problem = f"has {len(file[name]):,} rows, and {len(evaluation.ids):,} images."
            raise InputError(evaluation.file, problem, field=name, fix="Evaluate anew.")
