"""Put a shard's two tables together from its spool, in the batch's order.

Rows are finished in any order, and where the work was interrupted depends on chance; the tables must not. Memory is
bounded by one row group, not by the shard. Row groups are written as soon as no row is missing before their end, so
that little is left to do, and little of the disk to read, once the last row has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from typing import Self

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

ROW_GROUPS_AT_ONCE = 4
"""A session that goes on behind many segments catches up over its next ones; a stop need not wait for all of it."""


class Assembly:
    """The two tables of a shard, put together while the last of its rows are still being fetched.

    A context manager. Without `finish`, the shard is as incomplete as before; the segments have all.

    Args:
        spool: Its segments hold, or will hold, every row of the batch.
        batch: The batch's rows with the columns of `treeline.schemas.URL_COLUMNS`.
    """

    def __init__(self, spool: Spool, batch: pa.Table) -> None:
        self._spool, self._batch = spool, batch
        self._stack = ExitStack()
        self._advancing = Lock()
        self._images = 0

    def __enter__(self) -> Self:
        level = COMPRESSION_LEVEL if self._spool.holds_raw_pixels else LEVEL_OF_ENCODED_IMAGES
        self._writer = self._stack.enter_context(
            parquet_writer(self._spool.successes, SUCCESSES, self._spool.facts, image_compression_level=level)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def advance(self) -> None:
        """Write a few row groups of images, where all their rows are finished; any thread may call this at any time.

        Raises:
            OSError: The disk is full or not writable.
        """
        if self._advancing.acquire(blocking=False):
            try:
                finished = self._spool.finished()
                groups = list(self._row_groups(finished))
                self._write(finished, groups[:-1][:ROW_GROUPS_AT_ONCE])  # the last may still grow
            finally:
                self._advancing.release()

    def finish(self) -> tuple[int, int]:
        """Write all that is left, once no thread calls `advance` any more.

        Returns:
            Numbers of rows in the two tables; together, the batch's rows.

        Raises:
            OSError: The disk is full or not writable.
        """
        finished = self._spool.finished()
        if not np.array_equal(finished.rows, np.arange(len(self._batch))):
            raise ValueError(f"{self._spool.folder}: {len(finished.rows)} of {len(self._batch)} rows are finished")
        self._write(finished, self._row_groups(finished))
        self._stack.close()
        errors = np.flatnonzero(finished.failed)
        with parquet_writer(self._spool.errors, ERRORS, self._spool.facts) as writer:
            for chosen in _row_groups(errors, finished.sizes):
                writer.write_table(_error_rows(self._batch.take(chosen), _gather(finished, chosen)))
        return self._images, len(errors)

    def _row_groups(self, finished: Finished) -> Iterator[npt.NDArray[np.int64]]:
        """Cut the images that are not written yet, as far as no row is missing before them."""
        missing_before = finished.rows - np.arange(len(finished.rows))
        whole = np.searchsorted(missing_before, 0, side="right")
        return _row_groups(np.flatnonzero(~finished.failed[:whole])[self._images :], finished.sizes)

    def _write(self, finished: Finished, groups: Iterable[npt.NDArray[np.int64]]) -> None:
        for chosen in groups:
            self._writer.write_table(_success_rows(self._batch.take(chosen), _gather(finished, chosen)))
            self._images += len(chosen)
            needed_later = finished.segments[chosen[-1] + 1 :]
            for segment in np.setdiff1d(finished.segments[chosen], needed_later):
                forget(finished.files[segment])


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
