"""What a query of the catalogue gives, as a file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.catalog.queries import QueryError
from treeline.catalog.reading import as_query_error
from treeline.io.query_files import SUFFIXES, write_query


def write_answer(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Write a query's result as `write_query` does.

    Args:
        connection: The catalogue.
        query: One SELECT, as `reading.check_query` gives it.
        target: The file; replaced as a whole, or not at all.

    Returns:
        The number of rows.

    Raises:
        QueryError: The suffix is unknown, or the query fails on a row.
    """
    if target.suffix not in SUFFIXES:
        raise QueryError(f"{target}: the format is unknown. Let the name end in one of: {', '.join(SUFFIXES)}.")
    try:
        return write_query(connection, query, target)
    except (duckdb.Error, pa.ArrowException) as error:
        raise as_query_error(error) from None
