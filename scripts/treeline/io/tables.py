"""Tables that users hand in: lists of uuids, hashes, boxes, locations."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import duckdb
import pyarrow as pa

from treeline.errors import InputError
from treeline.io.database import connect, quote_identifier, quote_literal, quote_path
from treeline.io.delimited import delimited_rows, load_delimited, malformed_rows, sniff_dialect
from treeline.io.files import DELIMITED_SUFFIXES, PARQUET_SUFFIXES, table_suffix

MEMORY_MIB = 1024


def read_column(file: Path | str, column: str) -> pa.Array:
    """Read a column of text.

    Raises:
        InputError: As `read_table`.
    """
    return read_table(Path(file), {column: "VARCHAR"})[column].combine_chunks()


def read_table(
    file: Path, columns: Mapping[str, str], optional: Mapping[str, str] | None = None, *, where: str = "true"
) -> pa.Table:
    """Read some columns of a CSV or TSV file (also .gz, .zst) or a Parquet file, in the file's order.

    Args:
        file: The table.
        columns: Those that it must have, with their types in SQL.
        optional: Those that it may have; null where it has not.
        where: SQL condition on these columns.

    Raises:
        InputError: The file is missing, of another format, malformed, lacks a column, or holds a value of another type.
    """
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Check the path.")
    with connect(Path(gettempdir()), memory_mb=MEMORY_MIB, threads=os.cpu_count() or 1) as connection:
        try:
            return _read(connection, file, columns, optional or {}, where)
        except duckdb.Error as error:
            raise InputError(file, f"cannot be read: {str(error).partition(chr(10))[0]}") from error


ROW = "row_of_file"


@dataclass(frozen=True)
class LoadedTable:
    """A file's rows for the database to read.

    Args:
        file: Where they come from.
        relation: SQL that reads them, with a column `row_of_file`: the number of the row, from 1.
        columns: Names, in the file's order.
    """

    file: Path
    relation: str
    columns: tuple[str, ...]


@contextmanager
def loaded_table(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[LoadedTable]:
    """Make a CSV, TSV or Parquet file readable with row numbers, many times; columns of delimited text are strings.

    Delimited text is copied to Parquet where the database spills, on a connection of its own: an error while reading
    would end the caller's transaction.

    Args:
        connection: Will read the table.
        file: The table.

    Raises:
        InputError: The file is missing, of another format, or has malformed rows; names the first.
    """
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Check the path.")
    _check_suffix(file)
    with connection.cursor() as reader, TemporaryDirectory(dir=scratch_of(connection)) as folder:
        copy = file
        if table_suffix(file) in DELIMITED_SUFFIXES:
            copy = Path(folder) / "rows.parquet"
            _copy_as_parquet(reader, file, copy)
        source = f"read_parquet({quote_path(copy)}, hive_partitioning = false"
        try:
            described = reader.execute(f"DESCRIBE SELECT * FROM {source})").fetchall()
        except duckdb.Error as error:
            raise InputError(file, f"cannot be read: {str(error).partition(chr(10))[0]}") from error
        numbered = (
            f"(SELECT file_row_number + 1 AS {ROW}, * EXCLUDE (file_row_number) FROM {source}, file_row_number = true))"
        )
        yield LoadedTable(file, numbered, tuple(name for name, *_ in described))


def _copy_as_parquet(reader: duckdb.DuckDBPyConnection, file: Path, copy: Path) -> None:
    dialect = sniff_dialect(file)
    columns = ", ".join(f"{quote_identifier(column)} VARCHAR" for column in dialect.columns)
    reader.execute(f"CREATE OR REPLACE TEMP TABLE rows_of_file ({columns})")
    malformed = load_delimited(reader, file, dialect, "rows_of_file", copy.parent)
    if malformed:
        more = f" So have {len(malformed) - 1:,} more rows." if len(malformed) > 1 else ""
        raise InputError(
            file, f"has too few or too many fields.{more}", row=malformed[0], fix="Mend the row, or delete it."
        )
    reader.execute(f"COPY rows_of_file TO {quote_literal(str(copy))} (FORMAT parquet, COMPRESSION zstd)")
    reader.execute("DROP TABLE rows_of_file")


def scratch_of(connection: duckdb.DuckDBPyConnection) -> Path:
    """Where the database spills."""
    [(folder,)] = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    scratch = Path(folder or gettempdir())
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def _check_suffix(file: Path) -> None:
    if table_suffix(file) not in (*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES):
        known = ", ".join((*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES))
        raise InputError(file, "is of an unknown format.", fix=f"Give one of: {known} (text also .gz, .zst).")


def _read(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    columns: Mapping[str, str],
    optional: Mapping[str, str],
    where: str,
) -> pa.Table:
    _check_suffix(file)
    dialect = sniff_dialect(file) if table_suffix(file) in DELIMITED_SUFFIXES else None
    relation = (
        delimited_rows(file, dialect) if dialect else f"read_parquet({quote_path(file)}, hive_partitioning = false)"
    )
    names = {name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    for column in columns:
        if column not in names:
            raise InputError(file, f"the column is missing; the file has: {', '.join(sorted(names))}.", field=column)
    chosen = [
        f"CAST({quote_identifier(name) if name in names else 'NULL'} AS {kind}) AS {quote_identifier(name)}"
        for name, kind in {**columns, **optional}.items()
    ]
    table = connection.sql(f"SELECT * FROM (SELECT {', '.join(chosen)} FROM {relation}) WHERE {where}").to_arrow_table()
    malformed = malformed_rows(connection, dialect) if dialect else []
    if malformed:
        raise InputError(file, "has too few or too many fields.", row=malformed[0], fix="Mend the row, or delete it.")
    return table
