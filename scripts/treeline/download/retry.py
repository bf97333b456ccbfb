"""Have failed images fetched again: put finished shards back into the spool without their errors.

The next run then finds all but those rows finished, asks for them alone, and makes the shard anew with what depends
on it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treeline.download.spool import SEGMENT, Spool
from treeline.errors import InputError
from treeline.io.parquet import read_metadata
from treeline.paths import shard_folder

SEGMENT_COLUMNS = ("hashsum_original", "hashsum_resized", "original_size", "resized_size", "image")

log = logging.getLogger(__name__)


def retry_errors(images: Path, urls: Path, codes: Collection[int]) -> int:
    """Reopen every finished shard that has errors of some codes.

    Args:
        images: Folder of the shards.
        urls: Folder of the URL batches.
        codes: Values of `error_code`; empty for all.

    Returns:
        Number of rows that the next run will ask for again.

    Raises:
        InputError: A shard's batch is not there, or is not the one that the shard was made of.
        TreelineError: A job works on a shard.
    """
    reopened = 0
    for completed in sorted(images.glob(shard_folder("*", "*") + "/completed")):
        shard = completed.parent
        errors = pq.read_table(shard / "errors.parquet")
        wanted = pc.is_in(errors["error_code"], pa.array(list(codes), pa.int64())) if codes else None
        kept = errors.slice(0, 0) if wanted is None else errors.filter(pc.invert(wanted))
        if len(kept) < len(errors):
            _reopen(shard, images / ".spool" / shard.relative_to(images), urls / shard.relative_to(images), kept)
            reopened += len(errors) - len(kept)
            log.info("%s: %d of %d errors are to be tried again", shard, len(errors) - len(kept), len(errors))
    return reopened


def _reopen(shard: Path, spool_folder: Path, batch_folder: Path, errors: pa.Table) -> None:
    """Write the shard's images and the errors to keep as segments, and then remove its tables."""
    batch = pq.read_table(batch_folder / "urls.parquet", columns=["uuid"])["uuid"].combine_chunks()
    spool = Spool(spool_folder, read_metadata(shard / "successes.parquet"))
    with spool.lock():
        spool.remove_segments()  # of a retry that was killed, perhaps of other codes
        for rows in _rows_of_shard(shard, errors):
            numbers = pc.index_in(rows["uuid"], batch)
            if numbers.null_count:
                raise InputError(batch_folder / "urls.parquet", f"is not the batch that {shard} was made of.")
            rows = rows.append_column("row", numbers.cast(pa.int64()))
            spool.write_table(_as_segment(rows))
        for file in (shard / "completed", spool.errors, spool.successes):
            file.unlink(missing_ok=True)
        for name in ("errors.parquet", "successes.parquet"):
            (shard / name).unlink()


def _rows_of_shard(shard: Path, errors: pa.Table) -> Iterator[pa.Table]:
    with pq.ParquetFile(shard / "successes.parquet") as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=["uuid", *SEGMENT_COLUMNS])
            yield rows.append_column("retry_count", pa.repeat(pa.scalar(1, pa.int64()), len(rows)))
    if len(errors):
        yield errors.drop_columns(["identifier"])


def _as_segment(rows: pa.Table) -> pa.Table:
    missing = pa.nulls(len(rows))
    columns = [rows[field.name] if field.name in rows.schema.names else missing.cast(field.type) for field in SEGMENT]
    return pa.table(columns, schema=SEGMENT)
