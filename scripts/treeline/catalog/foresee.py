"""Try the configured queries on an empty catalogue: what is wrong with one shows before days of work, not after."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from treeline.catalog.queries import QueryError, find_query
from treeline.catalog.reading import check_query, open_empty
from treeline.config_catalog import Catalog
from treeline.config_catalog_made import CatalogQuery

COLUMNS_OF_SETS = ("dataset", "file")
"""What a training set needs to know of its images."""


def impossible_queries(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Find the queries that could not be run, and those that tell a training set no images.

    Yields:
        The key below `catalog` in the configuration, and what is wrong with it.
    """
    columns: dict[str, list[str]] = {}
    with open_empty() as connection:
        for name, query in catalog.queries.items():
            try:
                columns[name] = _columns(connection, query)
            except QueryError as error:
                yield f"queries.{name}", str(error)
    for name, training_set in catalog.training_sets.items():
        given = columns.get(training_set.query or "")
        if given is not None and (missing := [column for column in COLUMNS_OF_SETS if column not in given]):
            yield f"training_sets.{name}.query", f"{training_set.query} gives no column {' and no '.join(missing)}"


def _columns(connection: duckdb.DuckDBPyConnection, query: CatalogQuery) -> list[str]:
    """Names of the columns that a query gives.

    Raises:
        QueryError: It cannot be run.
    """
    values = {name: str(value) for name, value in query.parameters.items()}
    sql = query.sql or find_query(query.query or "").sql(values)
    described = connection.execute(f"DESCRIBE {check_query(connection, sql)}").fetchall()
    return [name for name, *_ in described]
