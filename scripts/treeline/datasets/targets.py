"""What is to be learned of each sample: out of the tables, and checked as a whole before any sample is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.errors import InputError
from treeline.io.datasets.encodings.reading import describe
from treeline.io.datasets.metadata import ID, Metadata

ANEW = "Make the dataset anew."

Numbers = npt.NDArray[np.int64]
BoxArray = npt.NDArray[np.float64]
"""N x 4: x0, y0, x1, y1 in pixels of the upright image, half open."""


class _Rows:
    """For each sample, its rows in a table that is ordered by id."""

    def __init__(self, table: pd.DataFrame, metadata: Metadata) -> None:
        ids, samples = table[ID].to_numpy(), metadata.index[ID].to_numpy()
        self._starts, self._ends = np.searchsorted(ids, samples, "left"), np.searchsorted(ids, samples, "right")

    def __getitem__(self, position: int) -> slice:
        return slice(self._starts[position], self._ends[position])


class Boxes(NamedTuple):
    """The boxes of a sample.

    Args:
        corners: N x 4.
        labels: N numbers of classes.
    """

    corners: BoxArray
    labels: Numbers


class Naming:
    """How errors name the samples of a dataset.

    Args:
        metadata: The dataset's.
        file: Where it is.
    """

    def __init__(self, metadata: Metadata, file: Path) -> None:
        self._metadata = metadata
        self._ids = metadata.index[ID].to_numpy(np.int64)
        self.file = file

    def id(self, position: int) -> int:
        """The id of the sample in a row of the index."""
        return int(self._ids[position])

    def name(self, position: int) -> str:
        """Id and path of the sample in a row of the index."""
        return describe(self._metadata, position)

    def error(self, position: int, problem: str, *, field: str | None = None, fix: str = "") -> InputError:
        """An error of the sample in a row of the index."""
        return InputError(self.file, f"{self.name(position)}: {problem}", field=field, fix=fix)

    def refuse(self, table: pd.DataFrame, wrong: npt.NDArray[np.bool_], field: str, problem: str) -> None:
        """Raise an error of the first row that is wrong, if there is one.

        Raises:
            InputError: Names the sample, the column and the value, and says how many rows are wrong.
        """
        if not wrong.any():
            return
        row = table[wrong].iloc[0]
        [position] = np.flatnonzero(self._ids == row[ID])
        value = repr(row[field]) if isinstance(row[field], str) else row[field]
        more = f" ({wrong.sum():,} rows are like it)" if wrong.sum() > 1 else ""
        raise self.error(int(position), f"{value} {problem}{more}.", field=field, fix=ANEW)


class ClassTargets:
    """One class a sample."""

    def __init__(self, metadata: Metadata, naming: Naming) -> None:
        self._numbers = _class_numbers(metadata.index, metadata, naming)

    def at(self, position: int) -> int:
        """The number of the class."""
        return int(self._numbers[position])


class ValueTargets:
    """A number a sample."""

    def __init__(self, metadata: Metadata, naming: Naming) -> None:
        self._values = _column(metadata.index, "target", naming).to_numpy(np.float64)
        naming.refuse(metadata.index, ~np.isfinite(self._values), "target", "is no number")

    def at(self, position: int) -> float:
        """What a regression is to find."""
        return float(self._values[position])


class VectorTargets:
    """Any number of classes a sample."""

    def __init__(self, metadata: Metadata, naming: Naming) -> None:
        labels = _table(metadata, "labels", naming)
        self._numbers = _class_numbers(labels, metadata, naming)
        self._rows = _Rows(labels, metadata)
        self._classes = len(metadata.class_names)

    def at(self, position: int) -> npt.NDArray[np.float32]:
        """For each class, 1 if the sample has it and 0 if not."""
        vector = np.zeros(self._classes, dtype=np.float32)
        vector[self._numbers[self._rows[position]]] = 1
        return vector


class BoxTargets:
    """Any number of boxes a sample."""

    def __init__(self, metadata: Metadata, naming: Naming) -> None:
        table = _table(metadata, "boxes", naming)
        self._labels = _class_numbers(table, metadata, naming)
        self._rows = _Rows(table, metadata)
        sides = table[["x", "y", "width", "height"]].to_numpy(np.float64)
        for number, field in enumerate(("x", "y")):
            naming.refuse(table, ~np.isfinite(sides[:, number]), field, "is no number")
        for number, field in enumerate(("width", "height"), start=2):
            naming.refuse(
                table, ~(np.isfinite(sides[:, number]) & (sides[:, number] > 0)), field, "is no side of a box"
            )
        self._corners = np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])

    def at(self, position: int) -> Boxes:
        """The boxes of a sample; there may be none."""
        rows = self._rows[position]
        return Boxes(self._corners[rows], self._labels[rows])


Targets = ClassTargets | ValueTargets | VectorTargets | BoxTargets


def targets_of(metadata: Metadata, naming: Naming) -> Targets | None:
    """The targets of a dataset's samples, by their rows in the index; None where they are masks.

    Raises:
        InputError: A label is none of the classes, a target is no number, or a box has no size; names the sample.
    """
    if metadata.task == "segmentation":
        masks = _column(metadata.index, "mask_path", naming)
        naming.refuse(metadata.index, (masks == "").to_numpy(), "mask_path", "names no mask")
        return None
    kinds: dict[str, type[Targets]] = {
        "multiclass": ClassTargets,
        "multilabel": VectorTargets,
        "regression": ValueTargets,
        "detection": BoxTargets,
    }
    return kinds[metadata.task](metadata, naming)


def _class_numbers(table: pd.DataFrame, metadata: Metadata, naming: Naming) -> Numbers:
    """The column `label_idx`, once every label has the number that its place among the classes says."""
    labels = _column(table, "label", naming)
    numbers = _column(table, "label_idx", naming).to_numpy()
    names = np.asarray(metadata.class_names, dtype=object)
    expected = labels.map({name: number for number, name in enumerate(names)}).to_numpy(np.float64)
    known = ", ".join(map(repr, metadata.class_names[:20])) + (", ..." if len(names) > 20 else "")
    naming.refuse(table, np.isnan(expected), "label", f"is none of the {len(names)} classes {known}")
    naming.refuse(table, numbers != expected, "label_idx", "is not the place of the sample's label among the classes")
    return numbers.astype(np.int64)


def _table(metadata: Metadata, name: str, naming: Naming) -> pd.DataFrame:
    """A table with any number of rows a sample, ordered by id."""
    if name not in metadata.tables:
        raise InputError(naming.file, f"has no table `{name}`, which {metadata.task} needs.", fix=ANEW)
    table = metadata.tables[name].sort_values(ID, kind="stable", ignore_index=True)
    strange = table.loc[~table[ID].isin(metadata.index[ID]), ID]
    if len(strange):
        raise InputError(naming.file, f"table `{name}` has sample {strange.iloc[0]}, the index has not.", fix=ANEW)
    return table


def _column(table: pd.DataFrame, name: str, naming: Naming) -> pd.Series[Any]:
    if name not in table:
        raise InputError(naming.file, f"has no column `{name}`.", fix=ANEW)
    return table[name]
