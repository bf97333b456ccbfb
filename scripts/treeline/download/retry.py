"""Have failed images fetched again: put finished shards back into the spool without their errors.

The next run then finds all but those rows finished, asks for them alone, and makes the shard anew with what depends
on it. The errors that the shard had stay beside it (`treeline.download.revision`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treeline.download.revision import Revision, keep_errors, revision_of
from treeline.download.spool import SEGMENT, Spool
from treeline.errors import InputError
from treeline.io.names import SERVER_FOLDER_PREFIX
from treeline.io.parquet import read_metadata
from treeline.paths import shard_folder

SEGMENT_COLUMNS = ("hashsum_original", "hashsum_resized", "original_size", "resized_size", "image")

log = logging.getLogger(__name__)


def retry_errors(
    images: Path, urls: Path, codes: Collection[int], *, ignored: Collection[str] = (), once: bool = False
) -> int:
    """Reopen every finished shard that has errors of some codes.

    Args:
        images: Folder of the shards.
        urls: Folder of the URL batches.
        codes: Values of `error_code`; empty for all.
        ignored: Percent-encoded names of servers that are not to be asked.
        once: Leave alone what a shard was reopened for before.

    Returns:
        Number of rows that the next run will ask for again.

    Raises:
        InputError: A shard's batch is not there, or is not the one that the shard was made of.
        TreelineError: A job works on a shard.
    """
    reopened = 0
    for completed in sorted(images.glob(shard_folder("*", "*") + "/completed")):
        shard = completed.parent
        if shard.parent.name.removeprefix(SERVER_FOLDER_PREFIX) in ignored or not all(map(Path.exists, _tables(shard))):
            continue
        errors = pq.read_table(shard / "errors.parquet")
        retried = revision_of(read_metadata(shard / "errors.parquet")).retried
        chosen = set(codes or pc.unique(errors["error_code"]).to_pylist()) - (retried if once else set())
        kept = errors.filter(pc.invert(pc.is_in(errors["error_code"], pa.array(chosen, pa.int64()))))
        if len(kept) < len(errors):
            spool, batch = images / ".spool" / shard.relative_to(images), urls / shard.relative_to(images)
            _reopen(shard, spool, batch, kept, retried | chosen)
            reopened += len(errors) - len(kept)
            log.info("%s: %d of %d errors are to be tried again", shard, len(errors) - len(kept), len(errors))
    return reopened


def _reopen(shard: Path, spool_folder: Path, batch_folder: Path, errors: pa.Table, retried: frozenset[int]) -> None:
    """Write the shard's images and the errors to keep as segments, and then remove its tables.

    The tables go when the segments hold everything and nothing would link the old ones back: a retry that was killed
    is done over, or is complete. `completed` stays, or the shards behind this one in its lane would be made anew too.
    """
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
        spool.set_revision(Revision(keep_errors(shard), retried))
        for file in (spool.errors, spool.successes, *_tables(shard)):
            file.unlink(missing_ok=True)


def _tables(shard: Path) -> tuple[Path, Path]:
    return shard / "errors.parquet", shard / "successes.parquet"


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
