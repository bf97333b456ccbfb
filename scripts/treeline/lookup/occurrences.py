"""The occurrence table that images are joined with, whatever format it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.database import quote_literal
from treeline.lookup.darwin_core import occurrence_relation

KEYS = ("source_id", "gbifID", "id")
"""Columns that can hold an image's `source_id`; the first that the table has is taken."""

COMPRESSIONS = (".gz", ".zst")


@dataclass(frozen=True)
class Occurrences:
    """An occurrence table.

    Args:
        file: Where it comes from.
        relation: SQL that reads it.
        key: Its column that holds an image's `source_id`.
        columns: Its columns, as the file names them.
    """

    file: Path
    relation: str
    key: str
    columns: tuple[str, ...]


def open_occurrences(connection: duckdb.DuckDBPyConnection, file: Path, scratch: Path) -> Occurrences:
    """Find out how to read an occurrence table, and its columns.

    Args:
        connection: The database.
        file: CSV, TSV (not quoted, as GBIF writes it; also .txt), Parquet, or a Darwin Core archive; text also
            compressed as .gz or .zst. All values of text are text, and an empty one is NULL.
        scratch: Folder for what has to be unpacked.

    Raises:
        InputError: The file is missing, of another format, or has no column of `KEYS`.
    """
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Check lookup.metadata in the configuration.")
    relation = _relation(file, scratch)
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise InputError(file, f"cannot be read: {error}") from None
    columns = tuple(name for name, *_ in described)
    known = {name.lower(): name for name in columns}
    key = next((known[key.lower()] for key in KEYS if key.lower() in known), None)
    if key is None:
        raise InputError(
            file,
            f"has none of the columns {', '.join(KEYS)}; it has: {', '.join(columns)}.",
            fix="Name the column that holds the images' source_id like that.",
        )
    return Occurrences(file, relation, key, columns)


def _relation(file: Path, scratch: Path) -> str:
    name = file.name.lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    path = quote_literal(str(file))
    match Path(name).suffix:
        case ".parquet":
            return f"read_parquet({path}, hive_partitioning = false)"
        case ".csv":
            return f"read_csv({path}, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
        case ".tsv" | ".txt":
            return f"read_csv({path}, header = true, all_varchar = true, delim = '\t', quote = '', escape = '')"
        case ".zip":
            return occurrence_relation(file, scratch)
    raise InputError(
        file, "is of an unknown format.", fix="Give a .csv, .tsv, .txt (also .gz, .zst), .parquet or .zip."
    )
