"""Parquet the way the project writes and reads it.

Row groups are small enough that a few rows can be read out of a large file, statistics on `uuid` tell which, and the
file's own metadata says what it was made from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from treeline import __version__
from treeline.errors import ShardError
from treeline.io.atomic import atomic_path
from treeline.io.lean_arrow import do_without_pandas
from treeline.io.page_cache import forget

do_without_pandas()

IMAGE_ROW_GROUP_ROWS = 256
IMAGE_ROW_GROUP_BYTES = 32 * 1024**2
"""Image bytes after which a row group ends, however few its rows: what a writer keeps in memory at most."""

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 3
LEVEL_OF_ENCODED_IMAGES = -5
"""Passes almost at once over what is compressed already: 1.1 instead of 4.9 CPU-seconds for 1 GB of JPEGs."""

IMAGES_BETWEEN_PAGE_CHECKS = 8
"""After so many images a page's size is looked at: with Arrow's 1024, one page would hold a row group's images."""

READ_BUFFER_BYTES = 1024**2
"""Read ahead in a column. Mapping files into memory or reading ahead whole ones would count as the job's memory."""

UNIQUE_COLUMNS = ("uuid", "identifier")
METADATA_PREFIX = "treeline."
SIZE_COLUMNS = ("original_size", "resized_size")


class ForgetfulWriter(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
    """Has the system forget each row group once it is written: of a shard it would remember gigabytes."""

    def write_table(self, table: pa.Table, row_group_size: int | None = None) -> None:
        """Write a table as `pyarrow.parquet.ParquetWriter` does."""
        super().write_table(table, row_group_size)
        forget(Path(self.where))


@contextmanager
def parquet_writer(
    target: Path,
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
    *,
    image_compression_level: int = COMPRESSION_LEVEL,
) -> Iterator[pq.ParquetWriter]:
    """Write a Parquet file as a whole or not at all.

    Args:
        target: The final file.
        schema: Its columns.
        metadata: Facts about the file's origin; kept in the file under `treeline.<key>`, beside `treeline.version`.
        image_compression_level: Of zstd, for the column `image`.

    Yields:
        A writer; the caller decides the row groups by its calls of `write_table`.
    """
    facts = {"version": __version__, **(metadata or {})}
    schema = schema.with_metadata({METADATA_PREFIX + key: value for key, value in sorted(facts.items())})
    # Dictionaries of values that do not repeat, and statistics of image bytes, cost time and space and serve no reader.
    plain = [name for name in schema.names if name != "image"]
    repeating = [name for name in plain if name not in UNIQUE_COLUMNS]
    writer_class = ForgetfulWriter if "image" in schema.names else pq.ParquetWriter
    with (
        atomic_path(target) as temporary,
        writer_class(
            temporary,
            schema,
            compression=COMPRESSION,
            compression_level={**dict.fromkeys(plain, COMPRESSION_LEVEL), "image": image_compression_level},
            use_dictionary=repeating,
            write_statistics=plain,
            write_batch_size=IMAGES_BETWEEN_PAGE_CHECKS if "image" in schema.names else None,
        ) as writer,
    ):
        yield writer


def write_table(target: Path, table: pa.Table, metadata: Mapping[str, str] | None = None) -> None:
    """Write a table without images as a Parquet file, as a whole or not at all."""
    with parquet_writer(target, table.schema, metadata) as writer:
        writer.write_table(table)


def as_tables(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Give each batch of a stream as a table."""
    return (pa.Table.from_batches([batch]) for batch in batches)


def cut_tables(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut a stream of tables into ones of `rows` rows and a smaller last one, however they come in.

    A table's layout in memory depends on its rows alone: the same rows make the same file.
    """
    pending: pa.Table | None = None
    for table in tables:
        pending = table if pending is None else pa.concat_tables([pending, table])
        while pending.num_rows >= rows:
            yield pending.slice(0, rows).combine_chunks()
            pending = pending.slice(rows)
    if pending is not None and pending.num_rows:
        yield pending.combine_chunks()


def read_metadata(path: Path) -> dict[str, str]:
    """Read the facts that `parquet_writer` put into a file; empty for a file of another origin."""
    stored = pq.read_schema(path).metadata or {}
    return {
        key.decode().removeprefix(METADATA_PREFIX): value.decode()
        for key, value in stored.items()
        if key.decode().startswith(METADATA_PREFIX)
    }


def open_shard(path: Path, columns: Sequence[str]) -> pq.ParquetFile:
    """Open a Parquet file after checking that it has the columns that the caller is about to read.

    Raises:
        ShardError: The file is missing, is not Parquet, or lacks a column; names the file and the column.
    """
    try:
        file = pq.ParquetFile(path, buffer_size=READ_BUFFER_BYTES, pre_buffer=False)
    except FileNotFoundError:
        raise ShardError(path, "no such file.", fix="Check the path, or run the stage that makes it.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise ShardError(
            path, f"not a readable Parquet file ({error}).", fix="Delete it and rerun its stage."
        ) from error
    for column in columns:
        if column not in file.schema_arrow.names:
            found = ", ".join(file.schema_arrow.names)
            file.close()
            raise ShardError(path, f"the column is missing; the file has: {found}.", field=column)
    return file


def stream_rows(path: Path, columns: Sequence[str], batch_rows: int = 32) -> Iterator[pa.RecordBatch]:
    """Read some columns of a Parquet file in small batches, in the file's order.

    Memory is bounded by one row group, not by the file.

    Raises:
        ShardError: As `open_shard`, or a part of the file cannot be read.
    """
    with open_shard(path, columns) as file:
        try:
            yield from file.iter_batches(batch_size=batch_rows, columns=list(columns), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise ShardError(path, f"is damaged ({error}).", fix="Delete it and rerun its stage.") from error


def row_sizes(row: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Heights and widths that a row of a shard gives, in the order to try for raw pixels; missing ones are left out."""
    given = (row.get(column) for column in SIZE_COLUMNS)
    return [(size[0], size[1]) for size in given if size is not None and len(size) == 2 and None not in size]


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
