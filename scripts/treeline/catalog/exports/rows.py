"""Rows of a query, a lot at a time: exports are larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

ROWS_AT_ONCE = 10_000


def stream_rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    """Run a query and give its rows; the connection must not be used until the last one."""
    for batch in connection.sql(query).to_arrow_reader(ROWS_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
