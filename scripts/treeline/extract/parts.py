"""Write a stream of images as Parquet parts of bounded size, in bounded memory."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from treeline.io.parquet import IMAGE_ROW_GROUP_BYTES, IMAGE_ROW_GROUP_ROWS, parquet_writer


class PartWriter:
    """Writes `part-00000.parquet`, `part-00001.parquet`, ... into a folder.

    A part ends before the row that would take it over a limit; an image larger than `max_bytes` is a part of its own.
    Where parts and row groups end depends on the rows alone, not on how they come in batches.

    Args:
        folder: Where the parts go; exists.
        schema: Columns of the parts, `image` among them.
        max_rows: Most rows in a part.
        max_bytes: Most image bytes in a part.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, max_rows: int, max_bytes: int = sys.maxsize) -> None:
        self.folder, self.schema, self.max_rows, self.max_bytes = folder, schema, max_rows, max_bytes
        self.rows_of_parts: list[int] = []
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None
        self._part_bytes = 0
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = self._pending_bytes = 0

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end_part()
        else:
            self._stack.__exit__(kind, error, trace)

    @staticmethod
    def part_name(number: int) -> str:
        """File name of a part."""
        return f"part-{number:05d}.parquet"

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        sizes = pc.fill_null(pc.binary_length(batch["image"]), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        start = 0
        while start < batch.num_rows:
            count = self._rows_that_fit(np.cumsum(sizes[start:]))
            if count == 0:
                self._end_part()
                continue
            self._add(batch.slice(start, count), int(sizes[start : start + count].sum()))
            start += count

    def _rows_that_fit(self, bytes_up_to: np.ndarray) -> int:
        """Rows that fit into the open row group; 0 where the part is full."""
        part_rows = self.rows_of_parts[-1] if self._writer else 0
        in_bytes = int(np.searchsorted(bytes_up_to, self.max_bytes - self._part_bytes, side="right"))
        if part_rows == 0:
            in_bytes = max(in_bytes, 1)
        in_group = int(np.searchsorted(bytes_up_to, IMAGE_ROW_GROUP_BYTES - self._pending_bytes, side="left")) + 1
        return min(in_bytes, in_group, self.max_rows - part_rows, IMAGE_ROW_GROUP_ROWS - self._pending_rows)

    def _add(self, batch: pa.RecordBatch, image_bytes: int) -> None:
        if self._writer is None:
            target = self.folder / self.part_name(len(self.rows_of_parts))
            self._writer = self._stack.enter_context(parquet_writer(target, self.schema))
            self.rows_of_parts.append(0)
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += image_bytes
        self._part_bytes += image_bytes
        self.rows_of_parts[-1] += batch.num_rows
        if self._pending_rows == IMAGE_ROW_GROUP_ROWS or self._pending_bytes >= IMAGE_ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._writer is not None and self._pending:
            self._writer.write_table(pa.Table.from_batches(self._pending, self.schema))
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def _end_part(self) -> None:
        self._flush()
        self._stack.close()
        self._writer, self._part_bytes = None, 0
