"""A table with a row an image: a query's answer, extracted parts, or what anybody has written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from treeline.datasets.description import Description
from treeline.datasets.sources.boxes import boxes_in_pixels
from treeline.datasets.sources.rows import ORIGIN, ROW, SourceRows, needed_columns
from treeline.errors import InputError
from treeline.io.database import connect, quote_identifier
from treeline.io.files import input_files
from treeline.io.tables import ROW as ROW_OF_FILE
from treeline.io.tables import loaded_table

MEMORY_MIB = 1024
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "FLOAT", "DOUBLE")
STORED = ("uuid", "image")
"""Columns of a table that holds its images itself."""


def read(description: Description, table: Path | None = None) -> SourceRows:
    """Read a table, or the tables of a folder.

    Args:
        description: What the dataset is to be.
        table: The answer of the source's query, where it has one.

    Raises:
        InputError: It is missing or malformed, lacks a column, or has no images and does not say where they are.
    """
    source = description.source
    if source.query and table is None:
        raise InputError(source.path, "has to be asked first.", fix="Give the query's answer: --table.")
    if description.task == "segmentation":
        raise InputError(source.path, "a table has no masks.", fix="Give a source of the kind `folder` or `rasters`.")
    files = input_files(str(table or source.path))
    image = source.image if source.images else "uuid"
    columns = list(dict.fromkeys((*description.labels, *needed_columns(description))))
    samples = pd.concat([read_columns(file, image, columns) for file in files], ignore_index=True)
    images = tuple(source.images) or tuple(str(file) for file in files)
    if not source.images:
        for file in files:
            _check_stored(file)
    if description.task != "detection":
        return SourceRows(samples, images)
    if not description.labels:
        raise InputError(source.path, "a detection needs `labels`: the column of the boxes, such as `bbox`.")
    return SourceRows(samples, images, boxes=boxes_in_pixels(samples, description.labels[0], images))


def read_columns(file: Path, image: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read some columns of one file.

    Args:
        file: CSV, TSV or Parquet.
        image: Column of the image's name.
        columns: Others.

    Returns:
        `image_path`, `row`, `origin`, and the columns: numbers as they are, all else as text, lists as JSON.

    Raises:
        InputError: As `read`.
    """
    with (
        TemporaryDirectory(prefix="treeline-table-") as scratch,
        connect(Path(scratch), memory_mb=MEMORY_MIB, threads=1) as connection,
        loaded_table(connection, file) as loaded,
    ):
        described = connection.execute(f"DESCRIBE SELECT * FROM {loaded.relation}").fetchall()
        kinds = {name: str(kind) for name, kind, *_ in described}
        for column in (image, *columns):
            if column not in loaded.columns:
                has = f"the file has: {', '.join(loaded.columns)}."
                raise InputError(file, f"the column is missing; {has}", field=column)
        chosen = [
            f"{ROW_OF_FILE} AS {ROW}",
            f"CAST({quote_identifier(image)} AS VARCHAR) AS image_path",
            *(f"{_expression(column, kinds[column])} AS {quote_identifier(column)}" for column in columns),
        ]
        samples: pd.DataFrame = connection.sql(f"SELECT {', '.join(chosen)} FROM {loaded.relation} ORDER BY {ROW}").df()
    return samples.assign(**{ORIGIN: str(file)})


def _expression(column: str, kind: str) -> str:
    """SQL of a column's values as the tables take them."""
    name = quote_identifier(column)
    if kind in NUMBERS:
        return name
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP")):
        return f"CAST(to_json({name}) AS VARCHAR)"
    return f"CAST({name} AS VARCHAR)"


def _check_stored(file: Path) -> None:
    import pyarrow.parquet as pq

    if file.suffix == ".parquet" and set(STORED) <= set(pq.read_schema(file).names):
        return
    fix = "Say in `images` where they are."
    raise InputError(file, f"does not hold its images: it has no columns {' and '.join(STORED)}.", fix=fix)
