"""DuckDB inside the limits of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from treeline.io.scratch import scratch_folder

BESIDES_DATABASE_MIB = 384  # Python, Arrow and the writer's buffers; measured: 310 MiB at most
DATABASE_SHARE = 0.6  # of a larger memory: DuckDB does not count all of its own, and the rows being written need some
LEAST_DATABASE_MIB = 128


def database_memory(memory_mb: int) -> int:
    """The part of a job's memory, both in MiB, that its database may have."""
    return max(LEAST_DATABASE_MIB, min(memory_mb - BESIDES_DATABASE_MIB, int(memory_mb * DATABASE_SHARE)))


@contextmanager
def connect(scratch: Path, *, memory_mb: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that spills to disk rather than exceed `memory_mb`.

    Args:
        scratch: Folder for spilled data, on the file system of the results; what is spilled is removed at the end.
        memory_mb: Memory limit in MiB.
        threads: Number of threads.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".duckdb-", dir=scratch) as spill, duckdb.connect() as connection:
        connection.execute("SET memory_limit = ?", [f"{memory_mb}MiB"])
        connection.execute("SET threads = ?", [threads])
        connection.execute("SET temp_directory = ?", [spill])
        connection.execute("SET preserve_insertion_order = true")
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET enable_progress_bar = false")
        yield connection


@contextmanager
def open_database(
    folder: Path, purpose: str, *, memory_mb: int, threads: int
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Open a database in a job of its own, that spills into a scratch folder.

    Args:
        folder: Where the scratch folder is made: on the file system of the results.
        purpose: End of its name.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Yields:
        The connection, and the scratch folder.
    """
    with (
        scratch_folder(folder, purpose) as scratch,
        connect(scratch, memory_mb=database_memory(memory_mb), threads=threads) as connection,
    ):
        yield connection, scratch


def quote_literal(text: str) -> str:
    """Quote a string as a SQL literal, for the places where DuckDB takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: Path) -> str:
    """Quote a file's path for `read_parquet` and `read_csv`, which take `*`, `?` and `[` for patterns otherwise."""
    return quote_literal(re.sub(r"[*?\[]", r"[\g<0>]", str(path)))


def quote_identifier(name: str) -> str:
    """Quote a column's or table's name for SQL."""
    return '"' + name.replace('"', '""') + '"'
