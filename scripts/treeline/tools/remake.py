"""Make a new shard out of the images of another one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from treeline.errors import ImageError
from treeline.io.parquet import (
    IMAGE_ROW_GROUP_BYTES,
    IMAGE_ROW_GROUP_ROWS,
    LEVEL_OF_ENCODED_IMAGES,
    open_shard,
    parquet_writer,
)
from treeline.io.verdicts import stream_kept_rows
from treeline.schemas import ERRORS, PROCESSING_ERROR, SUCCESSES

log = logging.getLogger(__name__)

Row = dict[str, Any]


def remake_shard(
    successes: Path, kept_by: Sequence[Path], make: Callable[[Row], Iterable[Row]], target: Path, errors: Path
) -> tuple[int, int]:
    """Write what a tool makes of a shard's images, in its order.

    Args:
        successes: The shard.
        kept_by: Verdicts of other tools: what they drop is left out.
        make: Gives the new rows, of `schemas.SUCCESSES`, that an old one becomes; raises `ImageError` where it cannot.
        target: Parquet of `schemas.SUCCESSES`.
        errors: Parquet of `schemas.ERRORS`: a row for each image that nothing could be made of, with the reason.

    Returns:
        Numbers of new images and of errors.

    Raises:
        ShardError: The shard, or a table of verdicts, cannot be read.
    """
    with open_shard(successes, SUCCESSES.names):
        pass
    failed: list[Row] = []
    with parquet_writer(target, SUCCESSES, image_compression_level=LEVEL_OF_ENCODED_IMAGES) as writer:
        made = _RowGroups(writer)
        for batch in stream_kept_rows(successes, SUCCESSES.names, kept_by, batch_rows=1):
            (row,) = batch.to_pylist()
            try:
                for new in make(row):
                    made.add(new)
            except ImageError as error:
                failed.append(_failure(row, error))
        made.flush()
        with parquet_writer(errors, ERRORS) as error_writer:
            error_writer.write_table(pa.Table.from_pylist(failed, ERRORS))
    log.info("%s: %d images, %d errors", target, made.rows, len(failed))
    return made.rows, len(failed)


def _failure(row: Row, error: ImageError) -> Row:
    sources = {"uuid": row["uuid"], "identifier": row["identifier"], "retry_count": 0}
    return {**sources, "error_code": PROCESSING_ERROR, "error_msg": str(error)}


class _RowGroups:
    """Collects rows into row groups of bounded size."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._pending: list[Row] = []
        self._bytes = 0
        self.rows = 0

    def add(self, row: Row) -> None:
        """Take a row."""
        self.rows += 1
        self._pending.append(row)
        self._bytes += len(row["image"])
        if len(self._pending) >= IMAGE_ROW_GROUP_ROWS or self._bytes >= IMAGE_ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what has been collected."""
        if self._pending or not self.rows:
            self._writer.write_table(pa.Table.from_pylist(self._pending, SUCCESSES))
        self._pending, self._bytes = [], 0
