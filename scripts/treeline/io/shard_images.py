"""Read wanted images out of a shard: the row groups that hold one, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treeline.errors import ShardError
from treeline.io.parquet import open_shard
from treeline.schemas import SUCCESSES

IMAGE_COLUMNS = ("uuid", "original_size", "resized_size", "image")
BATCH_ROWS = 32

_SCHEMA = pa.schema([SUCCESSES.field(name) for name in IMAGE_COLUMNS])


class RowGroup(NamedTuple):
    """A row group of a shard, and what is wanted of the shard.

    Args:
        root: Folder that the path starts from.
        path: Parquet file with `IMAGE_COLUMNS`, as the lookup table gives it; row groups may have any size.
        number: Of the row group in the file.
        wanted: The images' uuids, strings, none of them null; at least one.
    """

    root: Path
    path: str
    number: int
    wanted: pa.Array


def row_groups(root: Path, path: str, wanted: pa.Array) -> Iterator[RowGroup]:
    """List a shard's row groups, for `read_wanted`; the arguments are fields of `RowGroup`.

    Raises:
        ShardError: The file is missing, is not Parquet, or lacks a column.
    """
    with open_shard(root / path, IMAGE_COLUMNS) as file:
        count = file.metadata.num_row_groups
    return (RowGroup(root, path, number, wanted) for number in range(count))


def read_wanted(group: RowGroup) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Read the rows of a row group that are wanted, in the file's order.

    It is passed over by the statistics of its `uuid` column, or else by that column alone; the images of a row group
    without a wanted one are not read.

    Yields:
        The path, and a batch of at most `BATCH_ROWS` rows and of `IMAGE_COLUMNS`. A uuid that the file has twice comes
        twice.

    Raises:
        ShardError: The file is missing, lacks a column, or is corrupt where it is read.
    """
    root, path, number, wanted = group
    with open_shard(root / path, IMAGE_COLUMNS) as file:
        try:
            wanted = wanted.cast(file.schema_arrow.field("uuid").type)
            if _may_hold(file, number, pc.min_max(wanted)) and _holds(file, number, wanted):
                for batch in _matching(file, number, wanted):
                    yield path, batch
        except (pa.ArrowException, OSError) as error:
            fix = "Run extract again; if that does not help, delete the shard and run download."
            raise ShardError(root / path, f"cannot be read to its end ({error}).", fix=fix) from error


def _may_hold(file: pq.ParquetFile, number: int, bounds: pa.StructScalar) -> bool:
    column = file.metadata.row_group(number).column(file.schema_arrow.names.index("uuid"))
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= bounds["max"].as_py() and statistics.max >= bounds["min"].as_py())


def _holds(file: pq.ParquetFile, number: int, wanted: pa.Array) -> bool:
    uuids = file.read_row_group(number, columns=["uuid"], use_threads=False)["uuid"]
    return bool(pc.any(pc.is_in(uuids, wanted, skip_nulls=True)).as_py())


def _matching(file: pq.ParquetFile, number: int, wanted: pa.Array) -> Iterator[pa.RecordBatch]:
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[number], columns=list(IMAGE_COLUMNS), use_threads=False):
        mask = pc.is_in(batch["uuid"], wanted, skip_nulls=True)
        if pc.any(mask).as_py():
            yield batch.filter(mask).select(IMAGE_COLUMNS).cast(_SCHEMA)
