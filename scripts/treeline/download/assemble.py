"""Put a shard's two tables together from its spool, in the batch's order.

Rows are finished in any order, and where the work was interrupted depends on chance; the tables must not. Memory is
bounded by one row group, not by the shard.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from treeline.download.spool import SEGMENT, Finished, Spool, read_segment
from treeline.io.page_cache import forget
from treeline.io.parquet import (
    COMPRESSION_LEVEL,
    IMAGE_ROW_GROUP_BYTES,
    IMAGE_ROW_GROUP_ROWS,
    LEVEL_OF_ENCODED_IMAGES,
    parquet_writer,
)
from treeline.schemas import ERRORS, NOT_PROVIDED, SUCCESSES

ATTRIBUTION = ("license", "source", "title")


def assemble(spool: Spool, batch: pa.Table) -> tuple[int, int]:
    """Write the spool's `successes.parquet` and `errors.parquet` from its segments.

    Args:
        spool: Its segments hold every row of the batch.
        batch: The batch's rows with the columns of `treeline.schemas.URL_COLUMNS`.

    Returns:
        Numbers of rows in the two tables; together, the batch's rows.
    """
    finished = spool.finished()
    if not np.array_equal(finished.rows, np.arange(len(batch))):
        raise ValueError(f"{spool.folder}: {len(finished.rows)} of {len(batch)} rows are finished")
    successes, errors = np.flatnonzero(~finished.failed), np.flatnonzero(finished.failed)
    level = COMPRESSION_LEVEL if spool.holds_raw_pixels else LEVEL_OF_ENCODED_IMAGES
    with parquet_writer(spool.successes, SUCCESSES, spool.facts, image_compression_level=level) as writer:
        groups = list(_row_groups(successes, finished.sizes))
        for chosen, following in zip_longest(groups, groups[1:], fillvalue=successes[:0]):
            writer.write_table(_success_rows(batch.take(chosen), _gather(finished, chosen)))
            for segment in np.setdiff1d(finished.segments[chosen], finished.segments[following]):
                forget(finished.files[segment])
    with parquet_writer(spool.errors, ERRORS, spool.facts) as writer:
        for chosen in _row_groups(errors, finished.sizes):
            writer.write_table(_error_rows(batch.take(chosen), _gather(finished, chosen)))
    return len(successes), len(errors)


def _row_groups(rows: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Cut row numbers into groups of at most 256 rows and, but for single images that are larger, 32 MiB."""
    start = 0
    while start < len(rows):
        candidates = rows[start : start + IMAGE_ROW_GROUP_ROWS]
        within = int(np.searchsorted(np.cumsum(sizes[candidates]), IMAGE_ROW_GROUP_BYTES, side="right"))
        yield candidates[: max(1, within)]
        start += max(1, within)


def _gather(finished: Finished, chosen: npt.NDArray[np.int64]) -> pa.Table:
    """Collect the chosen rows from their segments, in the order of `chosen`; images are not copied.

    Each image is a chunk of its own: the pages of the file that they are written to depend on the chunks, which must
    not depend on how the rows came to lie in their segments.
    """
    numbers, places = np.unique(finished.segments[chosen], return_inverse=True)
    segments = [read_segment(finished.files[number]) for number in numbers]
    positions = finished.positions[chosen]
    images = [segments[place]["image"].slice(row, 1).chunk(0) for place, row in zip(places, positions, strict=True)]
    starts = np.cumsum([0, *(len(segment) for segment in segments[:-1])])
    facts = pa.concat_tables(segment.drop_columns("image") for segment in segments).take(starts[places] + positions)
    return facts.append_column(SEGMENT.field("image"), pa.chunked_array(images, pa.binary()))


def _success_rows(batch: pa.Table, rows: pa.Table) -> pa.Table:
    attribution = {name: _or_null(batch[name]) for name in ATTRIBUTION}
    given = [column.is_valid() for column in attribution.values()]
    columns = {
        "uuid": batch["uuid"],
        "source_id": batch["source_id"],
        "identifier": batch["identifier"],
        "is_license_full": pc.and_(pc.and_(given[0], given[1]), given[2]),
        **{name: column.fill_null(NOT_PROVIDED) for name, column in attribution.items()},
        **{name: rows[name] for name in SUCCESSES.names if name in rows.schema.names},
    }
    return pa.table([columns[name] for name in SUCCESSES.names], schema=SUCCESSES)


def _error_rows(batch: pa.Table, rows: pa.Table) -> pa.Table:
    sources = {"uuid": batch["uuid"], "identifier": batch["identifier"]}
    return pa.table([sources[name] if name in sources else rows[name] for name in ERRORS.names], schema=ERRORS)


def _or_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Take blank text as absent."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), None, column)
