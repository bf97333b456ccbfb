"""Write a table row by row, as Parquet or CSV by the name's ending."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from treeline.io.atomic import atomic_path
from treeline.io.csv_tables import csv_rows
from treeline.io.parquet import parquet_writer

CSV, PARQUET = ".csv", ".parquet"
ROW_GROUP_ROWS = 4096

Write = Callable[[Sequence[object]], object]


@contextmanager
def table_file(target: Path, schema: pa.Schema) -> Iterator[Write]:
    """Write a table as a whole or not at all; the same bytes for the same rows.

    Args:
        target: Its name ends in `.csv` or `.parquet`.
        schema: Its columns.

    Yields:
        What takes a row, a value a column.
    """
    with _csv_file(target, schema) if target.suffix == CSV else _parquet_file(target, schema) as write:
        yield write


@contextmanager
def _csv_file(target: Path, schema: pa.Schema) -> Iterator[Write]:
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield csv_rows(file, schema.names)


@contextmanager
def _parquet_file(target: Path, schema: pa.Schema) -> Iterator[Write]:
    rows: list[Sequence[object]] = []
    with parquet_writer(target, schema) as writer:

        def flush() -> None:
            columns = [
                pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=writer.schema))
            rows.clear()

        def write(row: Sequence[object]) -> None:
            rows.append(row)
            if len(rows) == ROW_GROUP_ROWS:
                flush()

        yield write
        if rows:
            flush()
