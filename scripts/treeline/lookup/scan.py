"""List every downloaded image with the file that holds it, in one scan that reads no image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.errors import ShardError
from treeline.io.database import open_database, quote_path
from treeline.io.manifest import read_ignored, read_manifest
from treeline.io.query_files import write_tables
from treeline.io.verdicts import only_kept
from treeline.paths import shard_folder
from treeline.ranks import Ranks

SHARDS_AT_ONCE = 32
"""A rank scans so many, and keeps their rows in memory: at 10,000 rows a shard some 40 MiB."""

IMAGE_COLUMNS = ("uuid", "source_id", "path", "original_size", "resized_size")
"""Columns of the list of images; `path` is that of the shard, relative to `path_to_output`."""


def scan_shards(
    manifest: Path,
    ignored: Path,
    images: Path,
    target: Path,
    *,
    root: Path,
    memory_mb: int,
    threads: int,
    ranks: Ranks | None = None,
    kept_by: Sequence[Path] = (),
) -> None:
    """List the rows of all shards, in the manifest's order, each with the path of its shard.

    A path is relative to `root`, so that it stays true when that folder is moved or mounted elsewhere.

    Args:
        manifest: The URL batches, and so the shards that there are.
        ignored: Table of the servers that are left out; need not exist.
        images: Folder of the shards, below `root`.
        target: Parquet file to write, of `IMAGE_COLUMNS`.
        root: `path_to_output`.
        memory_mb: Memory of each rank in MiB.
        threads: Number of threads of each rank.
        ranks: Who reads the shards; by default this process.
        kept_by: Folders of tools' verdicts: what they drop is left out.

    Raises:
        ShardError: A shard is missing, is not Parquet, or lacks a column; names the file.
    """
    left_out = read_ignored(ignored)
    shards = [shard for shard in read_manifest(manifest) if shard.server not in left_out]
    files = [images / shard_folder(shard.server, shard.partition) / "successes.parquet" for shard in shards]
    scan = partial(
        _scan, images=images, kept_by=kept_by, root=root, scratch=target.parent, memory_mb=memory_mb, threads=threads
    )
    # At least one: the table of no shards has columns, too.
    some_each = [files[start : start + SHARDS_AT_ONCE] for start in range(0, len(files) or 1, SHARDS_AT_ONCE)]
    tables = (ranks or Ranks()).results(scan, some_each)
    write_tables(tables, target)


def _scan(
    files: list[Path],
    *,
    images: Path,
    kept_by: Sequence[Path],
    root: Path,
    scratch: Path,
    memory_mb: int,
    threads: int,
) -> Iterator[pa.Table]:
    """Give the rows of some shards as a table."""
    with open_database(scratch, "lookup", memory_mb=memory_mb, threads=threads) as (connection, _):
        try:
            verdicts = [
                [folder / file.parent.relative_to(images).with_suffix(".parquet") for file in files]
                for folder in kept_by
            ]
            yield connection.sql(_query(files, root, verdicts)).to_arrow_table()
        except duckdb.Error as error:
            raise ShardError(
                root, f"the shards cannot be scanned: {error}", fix="Delete the file at fault and run its stage."
            ) from error


def _query(files: list[Path], root: Path, verdicts: list[list[Path]]) -> str:
    if not files:
        return (
            "SELECT NULL::VARCHAR AS uuid, NULL::VARCHAR AS source_id, NULL::VARCHAR AS path, "
            "NULL::BIGINT[] AS original_size, NULL::BIGINT[] AS resized_size WHERE false"
        )
    listed = ", ".join(map(quote_path, files))
    below_root = len(str(root / "_"))  # position, from 1, of a path's first character below the root
    return f"""
        SELECT uuid, source_id, substr(filename, {below_root}) AS path, original_size, resized_size
        FROM read_parquet([{listed}], filename = true, hive_partitioning = false){only_kept(verdicts)}
    """
