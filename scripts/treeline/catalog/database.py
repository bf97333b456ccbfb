"""Open the catalogue: to write, one process at a time; to read, as many as like."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from treeline.errors import TreelineError
from treeline.io.database import connect, database_memory, quote_literal

log = logging.getLogger(__name__)

NAME = "catalog"
TABLES = (
    "ingests",
    "datasets",
    "descriptions",
    "sequences",
    "images",
    "boxes",
    "videos",
    "classes",
    "splits",
    "split_entries",
)


class CatalogError(TreelineError):
    """The catalogue is not there, is not one, or is being written by another process."""


@contextmanager
def open_to_write(catalog: Path, *, memory_mb: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue, which is made if it is not there, and wait for another process that writes it.

    What is done within is one transaction: all of it holds afterwards, or, after an error or a kill, nothing.

    Args:
        catalog: The database's file.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        CatalogError: The file is no catalogue, or is open to read elsewhere.
    """
    catalog.parent.mkdir(parents=True, exist_ok=True)
    with _only_writer(catalog), _connected(catalog, memory_mb, threads, read_only=False) as connection:
        connection.execute("BEGIN")
        if not _tables(connection):
            connection.execute(read_sql("tables.sql"))
        _check_tables(catalog, connection)
        connection.execute(read_sql("macros.sql"))
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def open_to_read(catalog: Path, *, memory_mb: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a catalogue that nothing can change through this connection, with the macros and views of this package.

    Raises:
        CatalogError: There is no such file, it is no catalogue, or it is being written.
    """
    if not catalog.is_file():
        raise CatalogError(f"{catalog}: no such file. Ingest something first: treeline catalog ingest --help.")
    with _connected(catalog, memory_mb, threads, read_only=True) as connection:
        _check_tables(catalog, connection)
        connection.execute(read_sql("macros.sql"))
        connection.execute(read_sql("views.sql"))
        yield connection


def read_sql(name: str) -> str:
    """Read a SQL file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@contextmanager
def _connected(catalog: Path, memory_mb: int, threads: int, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    memory = database_memory(memory_mb)
    with connect(catalog.parent, memory_mb=memory, threads=threads) as connection:
        # Without the type, DuckDB would make a database in memory of a file that is called .csv, .json or .parquet.
        options = "TYPE duckdb, READ_ONLY" if read_only else "TYPE duckdb"
        try:
            connection.execute(f"ATTACH {quote_literal(str(catalog))} AS {NAME} ({options})")
        except duckdb.IOException as error:
            problem = "is open in another program" if "lock" in str(error) else "is no catalogue"
            raise CatalogError(f"{catalog}: {problem} ({str(error).partition(chr(10))[0]}).") from error
        connection.execute(f"USE {NAME}")
        yield connection


@contextmanager
def _only_writer(catalog: Path) -> Iterator[None]:
    """Hold the lock of those who write; it ends with the process, however that ends."""
    lock = os.open(catalog.with_name(catalog.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("%s: another process writes it; waiting for its end", catalog)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [NAME]).fetchall()
    return {name for (name,) in rows}


def _check_tables(catalog: Path, connection: duckdb.DuckDBPyConnection) -> None:
    if missing := set(TABLES) - _tables(connection):
        raise CatalogError(f"{catalog}: is no catalogue of Treeline: it has no table {', '.join(sorted(missing))}.")
    for table, columns in _columns(connection, NAME).items():
        if table in TABLES and columns != _expected_columns()[table]:
            fix = "Move it away, and ingest its sources again."
            raise CatalogError(f"{catalog}: another version of Treeline has made it: {table} has other columns. {fix}")


@cache
def _expected_columns() -> dict[str, list[str]]:
    with duckdb.connect() as scratch:
        scratch.execute(read_sql("tables.sql"))
        return _columns(scratch, "memory")


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """The columns of each table of a database, in order, with their types."""
    rows = connection.execute(
        """
        SELECT table_name, list(column_name || ' ' || data_type ORDER BY column_index)
        FROM duckdb_columns() WHERE database_name = ? AND schema_name = 'main' AND NOT internal GROUP BY table_name
        """,
        [database],
    )
    return dict(rows.fetchall())
