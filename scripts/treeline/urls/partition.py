"""Turn the input into batches: every row ends in one batch, or in `rejected.parquet` with a reason."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.io.database import connect, database_memory, quote_identifier
from treeline.io.files import input_files
from treeline.io.scratch import scratch_folder
from treeline.schemas import URL_COLUMNS
from treeline.urls.batches import (
    ROWS_AT_ONCE,
    Batch,
    read_batches,
    remove_leftovers,
    write_batches,
    write_manifest,
)
from treeline.urls.check import check_rows, other_columns
from treeline.urls.compare import compare_rows
from treeline.urls.initialize import check_complete, initialize, read_initializer
from treeline.urls.read import read_input
from treeline.urls.report import write_rejected, write_removed

logger = logging.getLogger(__name__)


def partition_urls(
    pattern: str,
    folder: Path,
    initializer_name: str,
    *,
    data_sources: Sequence[str] = (),
    excluded_servers: Sequence[str] = (),
    batch_size: int = 10_000,
    memory_mb: int = 4096,
    threads: int = 1,
) -> None:
    """Write the batches that are missing, then `rejected.parquet`, `removed.parquet` and `manifest.parquet`.

    Batches that are there stay as they are, bytes and time. Run again after a kill, this ends with the same files as a
    run that was left alone.

    Args:
        pattern: The input: a file, folder, glob or Darwin Core archive.
        folder: The folder of all batches.
        initializer_name: One of Treeline's initializers, or the path of a SQL file.
        data_sources: Values of `data_source` that `tol_general` keeps.
        excluded_servers: Servers (host[:port]) whose rows are rejected.
        batch_size: Most rows in a batch.
        memory_mb: Memory of the process in MiB; what does not fit is spilled into `folder`.
        threads: Number of threads.

    Raises:
        InputError: The input or the initializer cannot be read, or lacks a column.
        ShardError: A file that is there is no batch.
    """
    remove_leftovers(folder)
    with (
        scratch_folder(folder, "urls") as scratch,
        connect(scratch, memory_mb=database_memory(memory_mb), threads=threads) as db,
    ):
        existing = judge_rows(db, pattern, folder, initializer_name, scratch, data_sources, excluded_servers)
        written = list(write_batches(_new_rows(db), folder, batch_size, existing))
        rejected = write_rejected(db, folder / "rejected.parquet")
        removed = write_removed(db, folder / "removed.parquet")
    write_manifest(folder / "manifest.parquet", [*existing, *written])
    for reason, rows in sorted(rejected.items()):
        logger.warning("%d rows rejected: %s", rows, reason)
    if removed:
        logger.warning("%d rows of earlier batches are no longer in the input: removed.parquet names them", removed)
    new_rows = sum(batch.rows for batch in written)
    logger.info("%d batches were there; %d rows in %d new batches", len(existing), new_rows, len(written))


def judge_rows(
    connection: duckdb.DuckDBPyConnection,
    pattern: str,
    folder: Path,
    initializer_name: str,
    scratch: Path,
    data_sources: Sequence[str],
    excluded_servers: Sequence[str],
) -> list[Batch]:
    """Make the tables and views of `treeline.urls.compare`: what is to become of every row of the input.

    Args:
        connection: An empty database.
        pattern: The input: a file, folder, glob or Darwin Core archive.
        folder: The folder of all batches; nothing is written there.
        initializer_name: One of Treeline's initializers, or the path of a SQL file.
        scratch: Folder for extracted files.
        data_sources: Values of `data_source` that `tol_general` keeps.
        excluded_servers: Servers (host[:port]) whose rows are rejected.

    Returns:
        The batches that are there.

    Raises:
        InputError: The input or the initializer cannot be read, or lacks a column.
        ShardError: A file that is there is no batch.
    """
    initializer = read_initializer(initializer_name)
    files = input_files(pattern)
    connection.execute("SET VARIABLE data_sources = ?::VARCHAR[]", [list(data_sources)])
    existing = read_batches(connection, folder)
    read_input(connection, files, scratch)
    initialize(connection, initializer, pattern)
    check_rows(connection, initializer.name, excluded_servers)
    check_complete(connection, initializer, "checked")
    connection.execute("DROP TABLE input_rows; DROP TABLE IF EXISTS core")
    compare_rows(connection)
    return existing


def _new_rows(connection: duckdb.DuckDBPyConnection) -> pa.RecordBatchReader:
    columns = [f"{quote_identifier(name)}" for name in (*URL_COLUMNS, *other_columns(connection))]
    return connection.sql(
        f"""
        SELECT treeline_server, {", ".join(columns)} FROM verdicts
        WHERE treeline_reason IS NULL AND NOT treeline_known
        ORDER BY treeline_server, uuid
        """
    ).to_arrow_reader(ROWS_AT_ONCE)
