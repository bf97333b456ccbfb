"""The stage's database: a scratch folder that leaves nothing behind, and queries that become Parquet files."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.io.atomic import atomic_path
from treeline.io.database import connect, database_memory
from treeline.io.parquet import as_tables, cut_tables, parquet_writer
from treeline.io.scratch import scratch_folder

ROW_GROUP_ROWS = 131_072


@contextmanager
def open_database(folder: Path, *, memory_mb: int, threads: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Open a database that spills into a scratch folder.

    Args:
        folder: The stage's output folder.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Yields:
        The connection, and the scratch folder.
    """
    with (
        scratch_folder(folder, "lookup") as scratch,
        connect(scratch, memory_mb=database_memory(memory_mb), threads=threads) as connection,
    ):
        yield connection, scratch


def write_query(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """Stream a query's result into a Parquet file; the bytes depend on the rows and their order alone."""
    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(ROW_GROUP_ROWS)
    with parquet_writer(target, reader.schema) as writer:
        for table in cut_tables(as_tables(reader), ROW_GROUP_ROWS):
            writer.write_table(table)


def replace_when_changed(new: Path, target: Path) -> None:
    """Move `new` to `target`, unless `target` has the same bytes: then its time stays, and nothing after it reruns."""
    if target.exists() and filecmp.cmp(new, target, shallow=False):
        return
    with atomic_path(target) as temporary:
        shutil.move(new, temporary)
