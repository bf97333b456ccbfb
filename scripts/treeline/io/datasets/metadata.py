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
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tables.exceptions import HDF5ExtError

from treeline.config_datasets import Task
from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.hdf_tables import get_pieces, get_table, put_table

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


class Facts(NamedTuple):
    """What is known of a dataset as a whole.

    Args:
        name: The dataset's.
        task: What is to be learned.
        class_names: In sorted order; a label's `label_idx` is its place. Empty for a regression.
        images: Folders, archives and shards in which `image_path` and `mask_path` are found.
        channels: Names of the images' channels, such as `("red", "green", "blue")`.
    """

    name: str
    task: Task
    class_names: tuple[str, ...]
    images: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Metadata:
    """What is known of a dataset, and of each of its samples.

    Args:
        name: As all others, as in `Facts`.
        tables: By name, each ordered by `id`; `index` is always there.
    """

    name: str
    task: Task
    class_names: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame]
    images: tuple[str, ...] = ()
    channels: tuple[str, ...] = field(default=("red", "green", "blue"))

    @property
    def facts(self) -> Facts:
        """What is known of it as a whole."""
        return Facts(self.name, self.task, self.class_names, self.images, self.channels)

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
        facts = metadata.facts._asdict()
        attributes["class_names"] = json.dumps(facts.pop("class_names"))
        attributes[_ATTRIBUTES] = json.dumps(facts)


def read_metadata(file: Path, tables: Collection[str] = TABLES) -> Metadata:
    """Read a `metadata.h5`, or the tables of a `dataset.h5`.

    Args:
        file: The file.
        tables: Those that are read, the index among them.

    Raises:
        InputError: The file is missing, is no HDF5, or holds no tables of a dataset of this version.
    """
    with _opened(file) as store:
        facts = _facts_of(store)
        found = {name: get_table(store, name) for name in tables if name in store}
    return Metadata(facts.name, facts.task, facts.class_names, found, facts.images, facts.channels)


def read_facts(file: Path) -> Facts:
    """Read what is known of the dataset as a whole.

    Raises:
        InputError: As `read_metadata`.
    """
    with _opened(file) as store:
        return _facts_of(store)


def read_pieces(file: Path, table: str) -> Iterator[pd.DataFrame]:
    """Read one of the tables, 10,000 rows at a time; nothing where there is none.

    Raises:
        InputError: As `read_metadata`.
    """
    with _opened(file) as store:
        if table in store:
            yield from get_pieces(store, table)


@contextmanager
def _opened(file: Path) -> Iterator[pd.HDFStore]:
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Make the dataset: snakemake datasets.")
    try:
        with pd.HDFStore(file, mode="r") as store:
            attributes = store.root._v_attrs
            if _ATTRIBUTES not in attributes or attributes["schema_version"] != SCHEMA_VERSION:
                raise InputError(file, f"holds no dataset of version {SCHEMA_VERSION}.", fix="Make it anew.")
            yield store
    except (OSError, KeyError, ValueError, HDF5ExtError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(file, f"is no metadata of a dataset ({reason}).", fix="Make it anew.") from None


def _facts_of(store: pd.HDFStore) -> Facts:
    attributes = store.root._v_attrs
    facts, class_names = json.loads(attributes[_ATTRIBUTES]), json.loads(attributes["class_names"])
    return Facts(facts["name"], facts["task"], tuple(class_names), tuple(facts["images"]), tuple(facts["channels"]))
