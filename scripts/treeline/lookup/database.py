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
from treeline.io.database import connect
from treeline.io.parquet import parquet_writer
from treeline.io.scratch import scratch_folder

ROW_GROUP_ROWS = 131_072
BESIDES_DATABASE_MIB = 384  # Python, Arrow and the writer's buffers; measured: 310 MiB at most
DATABASE_SHARE = 0.75  # of a larger memory: DuckDB does not count all of its own
LEAST_DATABASE_MIB = 128


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
        connect(scratch, memory_mb=_database_limit(memory_mb), threads=threads) as connection,
    ):
        yield connection, scratch


def write_query(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """Stream a query's result into a Parquet file; the bytes depend on the rows and their order alone."""
    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(ROW_GROUP_ROWS)
    with parquet_writer(target, reader.schema) as writer:
        for table in _row_groups(reader):
            writer.write_table(table)


def replace_when_changed(new: Path, target: Path) -> None:
    """Move `new` to `target`, unless `target` has the same bytes: then its time stays, and nothing after it reruns."""
    if target.exists() and filecmp.cmp(new, target, shallow=False):
        return
    with atomic_path(target) as temporary:
        shutil.move(new, temporary)


def _database_limit(memory_mb: int) -> int:
    return max(LEAST_DATABASE_MIB, min(memory_mb - BESIDES_DATABASE_MIB, int(memory_mb * DATABASE_SHARE)))


def _row_groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Cut a stream into tables of `ROW_GROUP_ROWS` rows, however its batches fall."""
    pending = pa.Table.from_batches([], batches.schema)
    for batch in batches:
        pending = pa.concat_tables([pending, pa.Table.from_batches([batch])])
        while pending.num_rows >= ROW_GROUP_ROWS:
            yield pending.slice(0, ROW_GROUP_ROWS)
            pending = pending.slice(ROW_GROUP_ROWS)
    if pending.num_rows:
        yield pending
