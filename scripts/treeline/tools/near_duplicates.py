"""Hash the images of a shard by what they look like."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from treeline.errors import ImageError
from treeline.io.images import open_stored
from treeline.io.parquet import parquet_writer, row_sizes
from treeline.io.pdq import pdq
from treeline.io.verdicts import stream_kept_rows
from treeline.schemas import PDQ_HASHES

log = logging.getLogger(__name__)

COLUMNS = ("uuid", "image", "original_size", "resized_size")


def hash_shard(successes: Path, kept_by: Sequence[Path], target: Path, *, max_pixels: int) -> int:
    """Write the perceptual hash of each image of a shard, in its order.

    Args:
        successes: The shard.
        kept_by: Verdicts of other tools: what they drop is left out.
        target: Parquet of `schemas.PDQ_HASHES`.
        max_pixels: Largest height x width that is decoded.

    Returns:
        The number of images that could not be read.

    Raises:
        ShardError: The shard, or a table of verdicts, cannot be read.
    """
    rows = [
        _hash(row, max_pixels) for batch in stream_kept_rows(successes, COLUMNS, kept_by) for row in batch.to_pylist()
    ]
    with parquet_writer(target, PDQ_HASHES) as writer:
        writer.write_table(pa.Table.from_pylist(rows, PDQ_HASHES))
    unreadable = sum(row["hash_pdq"] is None for row in rows)
    log.info("%s: %d images, %d of them unreadable", target, len(rows), unreadable)
    return unreadable


def _hash(row: dict[str, Any], max_pixels: int) -> dict[str, Any]:
    try:
        hashed, quality = pdq(open_stored(row["image"] or b"", row_sizes(row), max_pixels=max_pixels).pixels)
    except ImageError:
        return {"uuid": row["uuid"], "hash_pdq": None, "quality": None}
    return {"uuid": row["uuid"], "hash_pdq": hashed.hex(), "quality": quality}
