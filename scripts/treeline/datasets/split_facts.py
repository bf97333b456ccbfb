"""What decides how a dataset may be divided: groups, looks, labels, and places on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from treeline.datasets.alike import Looks, compare_looks
from treeline.datasets.description import Description
from treeline.datasets.split_ground import blocks
from treeline.errors import InputError
from treeline.io.datasets.metadata import ID, Metadata

BLOCK = "block"
SAME_BYTES = "sha256"
TARGET_BINS = 10
"""Of a regression's targets, for balance: each holds as many samples."""
SEARCHED = ("index", "additional", "temporal", "spatial")


@dataclass(frozen=True)
class Facts:
    """What is known of the samples, in the order of `image_path`, so that the order of rows makes no difference.

    Args:
        file: Where it stands, for errors.
        metadata: The tables, with `index` in that order.
        keys: By name of a group, such as `location`, each sample's value; empty where it has none. What has the same
            value must not be in two splits. The same bytes and blocks of the ground are such groups.
        looks: What the images look like.
        labels: A row for each label of a sample: `position`, the sample's row, and `label`.
    """

    file: Path
    metadata: Metadata
    keys: dict[str, pd.Series[str]]
    looks: Looks
    labels: pd.DataFrame

    @property
    def paths(self) -> pd.Series[str]:
        """Each sample's `image_path`."""
        return self.metadata.index["image_path"]

    def __len__(self) -> int:
        """Samples that there are."""
        return len(self.metadata)

    def column(self, name: str) -> pd.Series[Any]:
        """A column of whichever table has it, a value for each sample.

        Raises:
            InputError: No table has it.
        """
        return _column(self.file, self.metadata, name)

    def numbers(self, name: str) -> pd.Series[float]:
        """A column of numbers.

        Raises:
            InputError: No table has it, or a sample has no finite number there.
        """
        numbers = pd.to_numeric(self.column(name), errors="coerce").astype(np.float64)
        if (wrong := ~np.isfinite(numbers)).any():
            fix = "Leave it out, or split by another kind."
            raise self.refuse(int(np.argmax(wrong)), "has no place on the ground.", name, fix)
        return numbers

    def refuse(self, position: int, problem: str, field: str | None = None, fix: str = "") -> InputError:
        """An error that names a sample."""
        return InputError(self.file, f"{self.paths.iloc[position]}: {problem}", field=field, fix=fix)


def gather(file: Path, description: Description, metadata: Metadata) -> Facts:
    """Gather what decides how a dataset may be divided.

    Args:
        file: The metadata's, for errors.
        description: What the dataset is to be.
        metadata: After all steps.

    Raises:
        InputError: A table or a column is missing, or a sample has no place on the ground where one is needed.
    """
    if not len(metadata):
        raise InputError(file, "has no samples to divide.")
    index = metadata.index.sort_values("image_path", ignore_index=True)
    ordered = metadata.with_tables(index=index)
    keys = {group: _text(_column(file, ordered, group)) for group in description.groups}
    keys[SAME_BYTES] = _text(_column(file, ordered, SAME_BYTES))
    hashes, qualities = _column(file, ordered, "pdq"), _column(file, ordered, "pdq_quality")
    looks = compare_looks(_text(hashes), qualities, description.splits.most_bits)
    facts = Facts(file, ordered, keys, looks, _labels(ordered))
    if description.splits.kind == "spatial":
        keys[BLOCK] = blocks(facts, description.splits)
    return facts


def _column(file: Path, metadata: Metadata, name: str) -> pd.Series[Any]:
    for table in SEARCHED:
        if name in metadata.tables.get(table, ()):
            by_id = metadata.tables[table].set_index(ID)[name]
            return by_id.reindex(metadata.index[ID]).reset_index(drop=True)
    fix = "Measure the dataset first, or name the column in `keep` of the description."
    raise InputError(file, "no table has this column.", field=name, fix=fix)


def _text(column: pd.Series[Any]) -> pd.Series[str]:
    return column.map(lambda value: "" if pd.isna(value) else str(value)).astype(object)


def _labels(metadata: Metadata) -> pd.DataFrame:
    index = metadata.index
    positions = pd.Series(index.index, index=index[ID])
    if metadata.task == "regression":
        bins = pd.qcut(index["target"], TARGET_BINS, duplicates="drop").astype(str)
        return pd.DataFrame({"position": index.index, "label": bins})
    table = {"multiclass": "index", "multilabel": "labels", "detection": "boxes"}.get(metadata.task)
    labelled = metadata.tables[table] if table is not None else pd.DataFrame({ID: [], "label": []})
    return pd.DataFrame({"position": labelled[ID].map(positions).astype(np.int64), "label": labelled["label"]})
