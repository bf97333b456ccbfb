"""Tables that users hand in: lists of uuids, hashes, boxes, locations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir

import duckdb
import pyarrow as pa

from treeline.errors import InputError
from treeline.io.database import connect, quote_identifier, quote_path
from treeline.io.delimited import delimited_rows, malformed_rows, sniff_dialect
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


def _read(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    columns: Mapping[str, str],
    optional: Mapping[str, str],
    where: str,
) -> pa.Table:
    suffix = table_suffix(file)
    if suffix not in (*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES):
        known = ", ".join((*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES))
        raise InputError(file, "is of an unknown format.", fix=f"Give one of: {known} (text also .gz, .zst).")
    dialect = sniff_dialect(file) if suffix in DELIMITED_SUFFIXES else None
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
