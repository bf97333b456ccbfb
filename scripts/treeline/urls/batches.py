"""Batches on disk: reading those that are there, writing those that are missing.

The batch files themselves are the state. A rerun reads which rows they hold, and gives the rows that are in none the
free numbers of their server, lowest first. As rows are cut in the order of their uuid, a run that was killed goes on
to the files that it would have written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from treeline.errors import ShardError
from treeline.io.names import SERVER_FOLDER_PREFIX, decode_server_name, encode_server_name
from treeline.io.parquet import as_tables, cut_tables, open_shard, sha256_of_file, write_table
from treeline.io.scratch import SCRATCH_PREFIX, remove_abandoned
from treeline.paths import shard_folder
from treeline.schemas import MANIFEST, URL_COLUMNS

BATCH_FILES = f"{SERVER_FOLDER_PREFIX}*/partition_id=*/urls.parquet"
LEFTOVERS = f"{SERVER_FOLDER_PREFIX}*/partition_id=*/{SCRATCH_PREFIX}*"
ROWS_AT_ONCE = 8192
EXISTING = pa.schema(
    [
        pa.field("uuid", pa.string()),
        pa.field("identifier", pa.string()),
        pa.field("server_name", pa.string()),
        pa.field("partition_id", pa.int64()),
    ]
)


class Batch(NamedTuple):
    """One row of the manifest."""

    server_name: str
    partition_id: int
    rows: int
    sha256: str


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished batches of a run that was killed."""
    remove_abandoned(folder.glob(LEFTOVERS))


def read_batches(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[Batch]:
    """Read the batches that are there into the table `existing(uuid, identifier, server_name, partition_id)`.

    Raises:
        ShardError: A file is no URL batch, or is not where it belongs; names the file.
    """
    connection.register("no_batch", EXISTING.empty_table())
    connection.execute("CREATE TABLE existing AS FROM no_batch")
    connection.unregister("no_batch")
    batches = []
    for file in sorted(folder.glob(BATCH_FILES)):
        server_name, partition_id = _place(file)
        rows = _read_rows(file)
        batches.append(Batch(server_name, partition_id, rows.num_rows, sha256_of_file(file)))
        connection.register("batch_rows", rows)
        connection.execute("INSERT INTO existing SELECT *, ?, ? FROM batch_rows", [server_name, partition_id])
        connection.unregister("batch_rows")
    return batches


def write_batches(
    rows: pa.RecordBatchReader, folder: Path, batch_size: int, existing: Iterable[Batch]
) -> Iterator[Batch]:
    """Write rows as new batches of at most `batch_size`.

    Args:
        rows: Ordered by server and uuid; the first column is the server's name, the others are written.
        folder: The folder of all batches.
        batch_size: Most rows in a batch.
        existing: Batches that are there, whose numbers are taken.

    Yields:
        Each batch, once it is on disk.
    """
    taken = {(batch.server_name, batch.partition_id) for batch in existing}
    current, numbers = None, count()
    for server_name, table in cut_rows(rows, batch_size):
        if server_name != current:
            current, numbers = server_name, count()
        partition_id = next(number for number in numbers if (server_name, number) not in taken)
        file = folder / shard_folder(encode_server_name(server_name), partition_id) / "urls.parquet"
        write_table(file, table)
        yield Batch(server_name, partition_id, table.num_rows, sha256_of_file(file))


def write_manifest(target: Path, batches: Iterable[Batch]) -> None:
    """Write the list of all batches, ordered by server and number."""
    rows = [batch._asdict() for batch in sorted(batches)]
    write_table(target, pa.Table.from_pylist(rows, schema=MANIFEST))


def cut_rows(rows: pa.RecordBatchReader, size: int) -> Iterator[tuple[str, pa.Table]]:
    """Cut rows that are ordered by their first column into tables of one value of it and at most `size` rows.

    Yields:
        The value, and the other columns.
    """
    for value, runs in groupby(_runs(rows), key=itemgetter(0)):
        for table in cut_tables((run for _, run in runs), size):
            yield value, table


def _runs(rows: pa.RecordBatchReader) -> Iterator[tuple[str, pa.Table]]:
    for table in as_tables(rows):
        runs = pc.run_end_encode(table.column(0).combine_chunks())
        columns = table.remove_column(0)
        start = 0
        for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield name, columns.slice(start, end - start)
            start = end


def _place(file: Path) -> tuple[str, int]:
    """Server and number that a batch's folders say."""
    server_name = decode_server_name(file.parts[-3].removeprefix(SERVER_FOLDER_PREFIX))
    number = file.parts[-2].removeprefix("partition_id=")
    if not number.isdecimal() or shard_folder(encode_server_name(server_name), int(number)) != "/".join(
        file.parts[-3:-1]
    ):
        raise ShardError(file, "is not in a folder that Treeline makes.", fix="Move it out of the output folder.")
    return server_name, int(number)


def _read_rows(file: Path) -> pa.Table:
    fix = "It was not written by Treeline or is damaged: delete it, and the stage urls writes it again."
    try:
        with open_shard(file, URL_COLUMNS) as batch:
            return batch.read(["uuid", "identifier"]).cast(pa.schema(list(EXISTING)[:2]))
    except (pa.ArrowException, OSError) as error:
        raise ShardError(file, f"cannot be read ({error}).", fix=fix) from error
