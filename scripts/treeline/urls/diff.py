"""Show what a new table would change, before anything is written.

The rows are read, checked and compared as for the batches themselves; nothing is written but what is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv

from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.database import connect, database_memory
from treeline.io.parquet import parquet_writer
from treeline.io.scratch import scratch_folder
from treeline.urls.partition import judge_rows
from treeline.urls.report import REMOVED, row_groups

CHANGES = pa.schema([pa.field(name, pa.string()) for name in ("uuid", "identifier", "server_name", "change")])

KEPT = "verdicts WHERE treeline_reason IS NULL AND treeline_known"
ADDED = "verdicts WHERE treeline_reason IS NULL AND NOT treeline_known"

CHANGED_ROWS = f"""
    SELECT uuid, identifier, treeline_server AS server_name, 'added' AS change FROM {ADDED}
    UNION ALL
    SELECT uuid, identifier, server_name, 'removed' FROM {REMOVED}
    ORDER BY server_name, change, uuid
"""

ROWS_OF_SERVERS = f"""
    SELECT
        server_name,
        count(*) FILTER (change = 'added'), count(*) FILTER (change = 'kept'), count(*) FILTER (change = 'removed')
    FROM (
        SELECT treeline_server AS server_name, 'added' AS change FROM {ADDED}
        UNION ALL SELECT treeline_server, 'kept' FROM {KEPT}
        UNION ALL SELECT server_name, 'removed' FROM {REMOVED}
    )
    GROUP BY server_name ORDER BY server_name
"""

ROWS_OF_REASONS = """
    SELECT reason, count(*) FROM (
        SELECT treeline_reason AS reason FROM verdicts WHERE treeline_reason IS NOT NULL
        UNION ALL SELECT 'malformed_row' FROM malformed_rows
    )
    GROUP BY reason ORDER BY reason
"""


class ServerDifference(NamedTuple):
    """Numbers of rows of one server.

    Args:
        server_name: host[:port].
        added: Rows that are in no batch yet.
        kept: Rows that are in a batch already.
        removed: Rows of batches that the table does not have, or has with another URL; they stay where they are.
    """

    server_name: str
    added: int
    kept: int
    removed: int


class Difference(NamedTuple):
    """What a table would change.

    Args:
        servers: By server name.
        rejected: Numbers of rows that no batch can take, by reason.
    """

    servers: list[ServerDifference]
    rejected: dict[str, int]

    @property
    def total(self) -> ServerDifference:
        """All servers together."""
        return ServerDifference(
            "all servers",
            added=sum(server.added for server in self.servers),
            kept=sum(server.kept for server in self.servers),
            removed=sum(server.removed for server in self.servers),
        )


def compare_urls(
    pattern: str,
    folder: Path,
    initializer_name: str,
    *,
    data_sources: Sequence[str] = (),
    excluded_servers: Sequence[str] = (),
    changes: Path | None = None,
    memory_mb: int = 4096,
    threads: int = 1,
) -> Difference:
    """Find out what `treeline.urls.partition.partition_urls` would add, keep and no longer find.

    Args:
        pattern: The input: a file, folder, glob or Darwin Core archive.
        folder: The folder of all batches; need not exist, and stays as it is.
        initializer_name: One of Treeline's initializers, or the path of a SQL file.
        data_sources: Values of `data_source` that `tol_general` keeps.
        excluded_servers: Servers (host[:port]) whose rows are rejected.
        changes: Parquet or CSV file that gets one row for each added or removed row.
        memory_mb: Memory of the process in MiB; what does not fit is spilled into the system's temporary folder.
        threads: Number of threads.

    Raises:
        InputError: The input or the initializer cannot be read, or lacks a column; `changes` has another suffix.
        ShardError: A file that is there is no batch.
    """
    if changes is not None and changes.suffix not in (".parquet", ".csv"):
        raise InputError(changes, "is neither .parquet nor .csv.", fix="Give it one of these endings.")
    with (
        scratch_folder(Path(gettempdir()), "urls") as scratch,
        connect(scratch, memory_mb=database_memory(memory_mb), threads=threads) as db,
    ):
        judge_rows(db, pattern, folder, initializer_name, scratch, data_sources, excluded_servers)
        servers = [ServerDifference(*row) for row in db.execute(ROWS_OF_SERVERS).fetchall()]
        rejected = dict(db.execute(ROWS_OF_REASONS).fetchall())
        if changes is not None:
            _write_changes(db, changes)
    return Difference(servers, rejected)


def _write_changes(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    tables = row_groups(connection, CHANGED_ROWS)
    if target.suffix == ".parquet":
        with parquet_writer(target, CHANGES) as writer:
            for table in tables:
                writer.write_table(table.cast(CHANGES))
    else:
        with atomic_path(target) as temporary, pa_csv.CSVWriter(temporary, CHANGES) as writer:
            for table in tables:
                writer.write_table(table.cast(CHANGES))
