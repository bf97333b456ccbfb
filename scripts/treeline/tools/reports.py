"""What the tables of all shards hold together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treeline.errors import ShardError
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.manifest import ShardId
from treeline.io.names import decode_server_name
from treeline.io.parquet import cut_tables, parquet_writer
from treeline.io.verdicts import DROP, KEEP, read_verdicts
from treeline.tools.collection import Collection, table_in

log = logging.getLogger(__name__)

REPORT_COLUMNS = ("server_name", "partition_id", "images", "keep", "drop")
ROW_GROUP_ROWS = 131_072


def merge_findings(manifest: Path, ignored: Path, findings: Path, target: Path) -> None:
    """Write one table of what a tool has found in all shards, in the manifest's order.

    Args:
        manifest: The list of URL batches.
        ignored: The table of servers that are left out; may be missing.
        findings: Folder of the shards' tables, all of the same columns.
        target: Parquet with these, and with `server_name` (host[:port]) and `partition_id` behind them.

    Raises:
        ShardError: A shard's table is missing or is not readable.
    """
    tables = (_with_shard(_read(table_in(findings, shard)), shard) for shard in _shards(manifest, ignored))
    first = next(tables)
    with parquet_writer(target, first.schema) as writer:
        for table in cut_tables(chain([first], tables), ROW_GROUP_ROWS):
            writer.write_table(table)


def report_verdicts(manifest: Path, ignored: Path, verdicts: Path, target: Path) -> None:
    """Write how many images of each shard a tool keeps and drops, as CSV: images = keep + drop.

    Raises:
        ShardError: A shard's verdicts are missing or are none.
    """
    rows = []
    for shard in _shards(manifest, ignored):
        table = read_verdicts(table_in(verdicts, shard))
        dropped = pc.sum(pc.equal(table["verdict"], DROP)).as_py() or 0
        names = (decode_server_name(shard.server), shard.partition)
        rows.append((*names, len(table), len(table) - dropped, dropped))
    write_text(target, csv_text(REPORT_COLUMNS, rows))
    log.info("%s: %d %s, %d %s", target, sum(row[3] for row in rows), KEEP, sum(row[4] for row in rows), DROP)


def _shards(manifest: Path, ignored: Path) -> Sequence[ShardId]:
    return Collection.of(manifest, ignored, [], lambda shard: manifest).shards


def _read(table: Path) -> pa.Table:
    try:
        return pq.read_table(table)
    except (OSError, pa.ArrowException) as error:
        raise ShardError(table, f"cannot be read ({error}).", fix="Delete it and rerun its tool.") from None


def _with_shard(table: pa.Table, shard: ShardId) -> pa.Table:
    names = pa.repeat(pa.scalar(decode_server_name(shard.server)), len(table))
    numbers = pa.repeat(pa.scalar(shard.partition, pa.int64()), len(table))
    return table.append_column("server_name", names).append_column("partition_id", numbers)
