"""Run SQL that anybody may have written: it reads the catalogue, and can do nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from treeline.catalog.database import NAME, open_to_read, read_sql
from treeline.catalog.queries import QueryError

SECRET = "container_sas_key"

HARMLESS = f"""
    CREATE OR REPLACE TEMP VIEW datasets AS SELECT * EXCLUDE ({SECRET}) FROM {NAME}.main.datasets;
    CREATE OR REPLACE TEMP VIEW descriptions AS SELECT * EXCLUDE ({SECRET}) FROM {NAME}.main.descriptions;
    SET python_enable_replacements = false;
    SET enable_external_access = false;
    SET lock_configuration = true;
"""
"""The database sees neither the secrets, nor Python's variables, nor files, nor the network; and it stays like that."""


@contextmanager
def open_harmless(catalog: Path, *, memory_mb: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a catalogue for queries that may do harm: none can write, read a file, or load an extension.

    Raises:
        CatalogError: As `open_to_read`.
    """
    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection:
        connection.execute(HARMLESS)
        yield connection


@contextmanager
def open_empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty catalogue in memory, on which a query can be tried before there is a real one."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH ':memory:' AS {NAME}; USE {NAME}")
        for file in ("tables.sql", "macros.sql", "views.sql"):
            connection.execute(read_sql(file))
        connection.execute(HARMLESS)
        yield connection


def check_query(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Check that SQL is one query that this connection can answer.

    Returns:
        The query, without comment or semicolon behind it.

    Raises:
        QueryError: It is no SQL, not one SELECT, names what is not there, or reads a secret.
    """
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError("the SQL is not one SELECT, which is all that can be asked here.")
        query = statements[0].query.strip().rstrip(";")
        [(_, plan)] = connection.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()
    except duckdb.Error as error:
        raise as_query_error(error) from None
    if SECRET in plan or SECRET in sql.lower():  # a condition does not show in the plan
        raise QueryError(f"{SECRET} is a secret, which no query gives.")
    return query


def as_query_error(error: duckdb.Error) -> QueryError:
    """Say what the database says, less the place in a text that the user may not have written."""
    problem = str(error).partition("\nLINE ")[0]
    return QueryError(f"the query cannot be run: {' '.join(problem.split())}")
