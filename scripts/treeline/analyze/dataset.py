"""A dataset that is analysed: its samples, and what is measured of each, in tables on disk.

| table | a row for | columns |
|---|---|---|
| `samples`, `labels`, `boxes`, ... | as in `metadata.h5`, where `samples` is `index` | of `COLUMNS` |
| `images` | an image that could be read | of `parts.MEASURED` |
| `quantities` | the same | those, and what follows from them |
| `unreadable` | an image that could not | `id`, `reason` |
| `masks` | a class in a sample's mask | of `parts.MaskPixels` |

What is missing is null. For means there is `mean`, whose result is the same with every version of SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from treeline.analyze.parts import MEASURED, Part
from treeline.errors import InputError
from treeline.io.datasets.conditions import find_ids
from treeline.io.datasets.metadata import ID, INDEX, SPLITS, TABLES, Facts, read_facts, read_pieces
from treeline.io.datasets.stored_images import tables_file
from treeline.io.disk_tables import DiskTables, disk_tables, put_frame

SAMPLES = "samples"
COLUMNS = {
    SAMPLES: "id INTEGER PRIMARY KEY, image_path TEXT, mask_path TEXT, split TEXT, label_idx INTEGER, target REAL",
    "labels": "id INTEGER, label_idx INTEGER",
    "boxes": "id INTEGER, label_idx INTEGER, x REAL, y REAL, width REAL, height REAL",
    "spatial": "id INTEGER, crs TEXT DEFAULT '', x_offset REAL, y_offset REAL",
    "temporal": "id INTEGER, time_of_capture TEXT",
    "additional": "id INTEGER, longitude REAL, latitude REAL",
}
"""What is read of a dataset's tables."""

COORDINATES = (("longitude", "latitude"), ("decimalLongitude", "decimalLatitude"))
"""Columns of `additional` that may say where a photo was taken."""

_, *MEASUREMENTS = MEASURED.names or ()
MEASURES = f"""
    CREATE TABLE images (id INTEGER PRIMARY KEY, {", ".join(MEASUREMENTS)});
    CREATE VIEW quantities AS SELECT
        *,
        min(width, height) AS shorter_side,
        max(width, height) AS longer_side,
        width * height / 1e6 AS megapixels,
        1.0 * width / height AS aspect,
        1.0 * max(width, height) / min(width, height) AS elongation
    FROM images;
    CREATE TABLE unreadable (id INTEGER PRIMARY KEY, reason TEXT);
    CREATE TABLE masks (id INTEGER, label_idx INTEGER, pixels INTEGER);
    CREATE TABLE chosen (id INTEGER PRIMARY KEY);
"""

PHOTO_CHANNELS = ("red", "green", "blue")


@dataclass(frozen=True)
class Dataset:
    """A dataset that is analysed.

    Args:
        facts: What is known of it as a whole.
        database: What is known of each sample.
    """

    facts: Facts
    database: DiskTables

    def __len__(self) -> int:
        """Samples that there are."""
        return self.count(SAMPLES)

    @property
    def is_raster(self) -> bool:
        """Whether the images are rasters: they lie on the ground, or their channels are not red, green and blue."""
        return self.count("spatial WHERE crs != ''") > 0 or self.facts.channels != PHOTO_CHANNELS

    def count(self, rows: str) -> int:
        """How many rows there are, such as of `spatial WHERE crs != ''`."""
        [(count,)] = self.database.execute(f"SELECT count(*) FROM {rows}")
        return int(count)

    def name_of(self, id: int) -> str:
        """Path of a sample's image, as the dataset calls it."""
        [(name,)] = self.database.execute("SELECT image_path FROM samples WHERE id = ?", [id])
        return str(name)

    def put(self, part: Part) -> None:
        """Take in what was measured of some images."""
        put = self.database.executemany
        put(f"INSERT INTO images VALUES ({', '.join('?' * len(MEASURED.names or ()))})", part.measured.tolist())
        put("INSERT INTO unreadable VALUES (?, ?)", part.unreadable.items())
        put("INSERT INTO masks VALUES (?, ?, ?)", part.masks)


@contextmanager
def open_dataset(path: Path, split: str | None = None, query: str | None = None) -> Iterator[Dataset]:
    """Bring a dataset's samples into tables, those alone that are asked for.

    Args:
        path: `metadata.h5`, or an encoding's file or folder.
        split: The samples of a split; None for all.
        query: Those for which a condition in SQL holds, such as `label = 'deer' AND image_width >= 640`.

    Raises:
        InputError: There is no dataset, or it has no such split, or no sample is left.
        ConfigError: The condition is none, or names a column that is not there.
        OSError: The disk is full.
    """
    file = tables_file(path)
    with dataset_of(read_facts(file), {name: read_pieces(file, name) for name in TABLES}) as dataset:
        if split is not None:
            if not dataset.count("samples WHERE split IS NOT NULL"):
                raise InputError(path, "its samples are not divided yet.", fix="Leave --split out.")
            dataset.database.execute("DELETE FROM samples WHERE split != ?", [split])
        if query is not None:
            ids = find_ids({name: read_pieces(file, name) for name in TABLES}, query)
            put_frame(dataset.database, "chosen", pd.DataFrame({"id": ids}))
            dataset.database.execute("DELETE FROM samples WHERE id NOT IN (SELECT id FROM chosen)")
        if split is not None or query is not None:
            for table in COLUMNS:
                dataset.database.execute(f"DELETE FROM {table} WHERE id NOT IN (SELECT id FROM samples)")
        if not len(dataset):
            raise InputError(path, "no sample is left to be measured.", fix=f"Splits are {', '.join(SPLITS)}.")
        yield dataset


@contextmanager
def dataset_of(facts: Facts, tables: Mapping[str, Iterable[pd.DataFrame]]) -> Iterator[Dataset]:
    """Bring a dataset's tables into a database.

    Args:
        facts: What is known of it as a whole.
        tables: As `metadata.h5` has them, each in pieces; one without a piece is not there.

    Raises:
        InputError: Two samples have the same id.
    """
    with disk_tables() as database:
        database.create_aggregate("mean", 1, _Mean)  # type: ignore[arg-type]  # theirs is to give a whole number
        database.executescript(MEASURES)
        for table, columns in COLUMNS.items():
            database.execute(f"CREATE TABLE {table} ({columns})")
            for piece in tables.get(INDEX if table == SAMPLES else table, ()):
                try:
                    put_frame(database, table, _coordinates(piece) if table == "additional" else piece)
                except sqlite3.IntegrityError:
                    raise InputError(facts.name, "two samples have the same id.", fix="Make it anew.") from None
        yield Dataset(facts, database)


def _coordinates(additional: pd.DataFrame) -> pd.DataFrame:
    """Where photos were taken, as numbers; no row where no columns say it."""
    for x, y in COORDINATES:
        if x in additional and y in additional:
            numbers = {
                name: pd.to_numeric(additional[column], errors="coerce")
                for name, column in (("longitude", x), ("latitude", y))
            }
            return pd.DataFrame({ID: additional[ID], **numbers})
    return pd.DataFrame({ID: []})


class _Mean:
    """The mean of an SQL query: its sum is Kahan's (Further remarks on reducing truncation errors, 1965).

    That of SQLite adds otherwise from version to version.
    """

    def __init__(self) -> None:
        self._sum = self._lost = 0.0
        self._count = 0

    def step(self, value: float | None) -> None:
        """Take in a value."""
        if value is not None:
            gained = value - self._lost
            total = self._sum + gained
            self._lost = total - self._sum - gained
            self._sum = total
            self._count += 1

    def finalize(self) -> float | None:
        """Give the mean of all; null where there is none."""
        return self._sum / self._count if self._count else None
