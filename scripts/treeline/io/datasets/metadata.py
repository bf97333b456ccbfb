"""The tables of a dataset, and their file, `metadata.h5`.

| table | a row for | columns beside `id` |
|---|---|---|
| `index` | a sample | `image_path`, `sha256`, `split`; `label`, `label_idx` or `target`; `mask_path`; the groups |
| `labels` | a label of a sample, where it may have several | `label`, `label_idx` |
| `boxes` | a box | `number`, `label`, `label_idx`, `x`, `y`, `width`, `height` in pixels of the upright image |
| `spatial` | a sample | `image_width`, `image_height`, `crs`, `x_offset`, `y_offset`, `x_gsd`, `y_gsd` |
| `spectral` | a channel of a sample | `channel`, `name`, `min`, `max`, `mean`, `variance`, `skewness`, `kurtosis`; |
| | | of the histogram: `entropy`, `energy`, `homogeneity` |
| `temporal` | a sample | `time_of_capture` |
| `additional` | a sample | `format`, `file_bytes`, `pdq`, `pdq_quality`, `problem` in steps, what `keep` names |

The integer `id` is the key of each. Text that is missing is empty, a number that is missing is NaN, a time NaT. Each
table is a dataset `/<table>/table` of compound rows, written by pandas (`format="table"`): `pandas.read_hdf` and h5py
read it alike. The attributes of the file's root say the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from tables.exceptions import HDF5ExtError

from treeline.config_datasets import Task
from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.hdf_tables import get_table, put_table

SCHEMA_VERSION = 1
ID = "id"
INDEX = "index"
TABLES = ("index", "labels", "boxes", "spatial", "spectral", "temporal", "additional")
SPLITS = ("train", "val", "test")
SPECTRAL = ("min", "max", "mean", "variance", "skewness", "kurtosis", "entropy", "energy", "homogeneity")
"""Statistics of a channel: of its pixels, the population's; the last three of its histogram."""
TRAINVALTEST = "trainvaltest"
"""All of them."""

_ATTRIBUTES = "treeline"


@dataclass(frozen=True)
class Metadata:
    """What is known of a dataset.

    Args:
        name: The dataset's.
        task: What is to be learned.
        class_names: In sorted order; a label's `label_idx` is its place. Empty for a regression.
        tables: By name, each ordered by `id`; `index` is always there.
        images: Folders, archives and shards in which `image_path` and `mask_path` are found.
        channels: Names of the images' channels, such as `("red", "green", "blue")`.
    """

    name: str
    task: Task
    class_names: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame]
    images: tuple[str, ...] = ()
    channels: tuple[str, ...] = field(default=("red", "green", "blue"))

    @property
    def index(self) -> pd.DataFrame:
        """A row a sample."""
        return self.tables[INDEX]

    def __len__(self) -> int:
        """Samples that there are."""
        return len(self.index)

    def with_tables(self, **tables: pd.DataFrame) -> Metadata:
        """The same with some tables replaced or added."""
        return replace(self, tables={**self.tables, **tables})

    def only(self, ids: pd.Series[int] | pd.Index[int]) -> Metadata:
        """The same with only these samples, in every table."""
        kept = {name: table[table[ID].isin(ids)].reset_index(drop=True) for name, table in self.tables.items()}
        return replace(self, tables=kept)


def write_metadata(metadata: Metadata, target: Path) -> None:
    """Write a `metadata.h5`, as a whole or not at all; the same bytes for the same tables."""
    with atomic_path(target) as temporary:
        put_metadata(metadata, temporary)


def put_metadata(metadata: Metadata, file: Path) -> None:
    """Put the tables into an HDF5 file, which is made if it is not there: `dataset.h5` has images beside them."""
    with pd.HDFStore(file, mode="a") as store:
        for name in TABLES:
            if (table := metadata.tables.get(name)) is not None:
                put_table(store, name, table)
        attributes = store.root._v_attrs
        attributes["schema_version"] = SCHEMA_VERSION
        attributes["class_names"] = json.dumps(metadata.class_names)
        attributes[_ATTRIBUTES] = json.dumps(_facts(metadata))


def read_metadata(file: Path) -> Metadata:
    """Read a `metadata.h5`, or the tables of a `dataset.h5`.

    Raises:
        InputError: The file is missing, is no HDF5, or holds no tables of a dataset of this version.
    """
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Make the dataset: snakemake datasets.")
    try:
        with pd.HDFStore(file, mode="r") as store:
            attributes = store.root._v_attrs
            if _ATTRIBUTES not in attributes or attributes["schema_version"] != SCHEMA_VERSION:
                raise InputError(file, f"holds no dataset of version {SCHEMA_VERSION}.", fix="Make it anew.")
            facts = json.loads(attributes[_ATTRIBUTES])
            class_names = tuple(json.loads(attributes["class_names"]))
            tables = {name: get_table(store, name) for name in TABLES if name in store}
    except (OSError, KeyError, ValueError, HDF5ExtError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(file, f"is no metadata of a dataset ({reason}).", fix="Make it anew.") from None
    return Metadata(facts["name"], facts["task"], class_names, tables, tuple(facts["images"]), tuple(facts["channels"]))


def _facts(metadata: Metadata) -> dict[str, Any]:
    return {
        "name": metadata.name,
        "task": metadata.task,
        "images": metadata.images,
        "channels": metadata.channels,
    }
