"""The occurrence table that images are joined with, whatever format it has."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.darwin_core import ArchiveTable, extract_table, read_description
from treeline.io.database import quote_identifier, quote_literal, quote_path
from treeline.io.delimited import Dialect, delimited_rows, malformed_rows, sniff_dialect
from treeline.io.files import ARCHIVE_SUFFIX, DELIMITED_SUFFIXES, PARQUET_SUFFIXES, table_suffix

KEYS = ("source_id", "gbifID", "id")
"""Columns that can hold an image's `source_id`; the first that the table has is taken."""

OCCURRENCE = "occurrence"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Occurrences:
    """An occurrence table.

    Args:
        file: Where it comes from.
        relation: SQL that reads it.
        key: Its column that holds an image's `source_id`.
        columns: Its columns, as the file names them.
        dialect: How it is written, if it is delimited text.
    """

    file: Path
    relation: str
    key: str
    columns: tuple[str, ...]
    dialect: Dialect | None

    def report_malformed(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Log the rows that could not be read, once the relation has been read: their images have no metadata."""
        malformed = malformed_rows(connection, self.dialect) if self.dialect else []
        if malformed:
            logger.warning(
                "%s: %d malformed rows left out, the first is row %d", self.file, len(malformed), malformed[0]
            )


def open_occurrences(connection: duckdb.DuckDBPyConnection, file: Path, scratch: Path) -> Occurrences:
    """Find out how to read an occurrence table, and its columns.

    Args:
        connection: The database.
        file: CSV, TSV or .txt (also .gz, .zst), Parquet, or a Darwin Core archive. All values of text are text, and
            an empty one is NULL.
        scratch: Folder for what has to be unpacked.

    Raises:
        InputError: The file is missing, of another format, or has no column of `KEYS`.
    """
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Check lookup.metadata in the configuration.")
    suffix = table_suffix(file)
    if suffix in PARQUET_SUFFIXES:
        relation = f"read_parquet({quote_path(file)}, hive_partitioning = false)"
        columns, dialect = _columns_of_parquet(connection, file, relation), None
    elif suffix in DELIMITED_SUFFIXES:
        dialect = sniff_dialect(file)
        relation, columns = delimited_rows(file, dialect), dialect.columns
    elif suffix == ARCHIVE_SUFFIX:
        table = _occurrence_table(file)
        dialect = table.dialect
        relation, columns = _rows_of_archive(file, table, scratch), (*dialect.columns, *table.defaults)
    else:
        known = ", ".join((*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES, ARCHIVE_SUFFIX))
        raise InputError(file, "is of an unknown format.", fix=f"Give one of: {known} (text also .gz, .zst).")
    return Occurrences(file, relation, _key(file, columns), columns, dialect)


def _key(file: Path, columns: tuple[str, ...]) -> str:
    known = {name.lower(): name for name in columns}
    for key in KEYS:
        if key.lower() in known:
            return known[key.lower()]
    raise InputError(
        file,
        f"has none of the columns {', '.join(KEYS)}; it has: {', '.join(columns)}.",
        fix="Name the column that holds the images' source_id like that.",
    )


def _columns_of_parquet(connection: duckdb.DuckDBPyConnection, file: Path, relation: str) -> tuple[str, ...]:
    try:
        return tuple(name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall())
    except duckdb.Error as error:
        raise InputError(file, f"cannot be read: {error}") from None


def _occurrence_table(archive: Path) -> ArchiveTable:
    core, extensions = read_description(archive)
    for table in (core, *extensions):
        if table.row_type == OCCURRENCE:
            return table
    raise InputError(archive, "meta.xml describes no table of occurrences.", fix="Give the occurrence table itself.")


def _rows_of_archive(archive: Path, table: ArchiveTable, scratch: Path) -> str:
    extracted = scratch / "occurrence.txt"
    extract_table(archive, table, extracted)
    constants = [f", {quote_literal(value)} AS {quote_identifier(name)}" for name, value in table.defaults.items()]
    return f"(SELECT *{''.join(constants)} FROM {delimited_rows(extracted, table.dialect)})"
