"""What a query gives, for people."""

from __future__ import annotations

import duckdb

from treeline.catalog.reading import as_query_error
from treeline.console import new_table, open_console, printable

ROWS_SHOWN = 20
ROWS_PEEKED = 2000
"""So many are fetched at first: a result that is larger has to be counted, by asking again."""

LONGEST_SHOWN = 60
"""Characters of a value; the rest of it is left off."""


def show_answer(connection: duckdb.DuckDBPyConnection, query: str, unordered: str | None = None) -> None:
    """Print the first rows of a query's result, and how many more there are.

    Args:
        connection: The catalogue.
        query: One SELECT, as `reading.check_query` gives it.
        unordered: The same rows in any order, which are counted faster.

    Raises:
        QueryError: The query fails on a row.
    """
    try:
        result = connection.execute(f"SELECT * FROM ({query}\n) LIMIT {ROWS_PEEKED}")
        names = [name for name, *_ in result.description or ()]
        rows = result.fetchall()
        total = len(rows) if len(rows) < ROWS_PEEKED else _count(connection, unordered or query)
    except duckdb.Error as error:
        raise as_query_error(error) from None
    table = new_table("")
    for number, name in enumerate(names):
        is_number = bool(rows) and isinstance(rows[0][number], int | float)
        table.add_column(printable(name), overflow="fold", justify="right" if is_number else "left")
    for row in rows[:ROWS_SHOWN]:
        table.add_row(*map(_shown, row))
    console = open_console()
    console.print(table)
    more = f"; {total - ROWS_SHOWN:,} more are not shown: a file has all" if total > ROWS_SHOWN else ""
    console.print(f"{total:,} {'row' if total == 1 else 'rows'}{more}")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    [(count,)] = connection.execute(f"SELECT count(*) FROM ({query}\n)").fetchall()
    return int(count)


def _shown(value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    text = "" if value is None else printable(str(value))
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
