"""SQL for columns of loaded tables, as the readers of plain tables need it."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from treeline.errors import InputError
from treeline.io.database import quote_identifier, quote_literal
from treeline.io.tables import ROW, LoadedTable

MISSING = ("", "NA", "NaN", "nan")


def text_of(table: LoadedTable, column: str | None) -> str:
    """SQL of a column as text, NULL where nothing is there; NULL throughout for a column that the table has not."""
    if column is None or column not in table.columns:
        return "NULL::VARCHAR"
    text = f"trim({quote_identifier(column)}::VARCHAR)"
    return f"CASE WHEN {text} NOT IN {MISSING} THEN {text} END"


def check_filled(connection: duckdb.DuckDBPyConnection, table: LoadedTable, column: str) -> None:
    """Refuse a column with empty values.

    Raises:
        InputError: Names the first row without one.
    """
    _refuse_first(connection, table, column, f"{text_of(table, column)} IS NULL", "a value is required")


def check_whole_numbers(connection: duckdb.DuckDBPyConnection, table: LoadedTable, column: str, least: int) -> None:
    """Refuse a column with anything but whole numbers, as `whole_number` reads them, from `least`.

    Raises:
        InputError: Names the first row with another value.
    """
    number = whole_number(table, column)
    condition = f"{text_of(table, column)} IS NOT NULL AND coalesce({number} < {least}, true)"
    _refuse_first(connection, table, column, condition, f"expected a whole number from {least}")


def whole_number(table: LoadedTable, column: str | None) -> str:
    """SQL of a column of whole numbers; pandas writes them as `3.0` where some are missing."""
    text = text_of(table, column)
    return f"CASE WHEN regexp_full_match({text}, '-?[0-9]+([.]0+)?') THEN TRY_CAST({text} AS DOUBLE)::BIGINT END"


def properties_of(table: LoadedTable, columns: Iterable[str]) -> str:
    """SQL of a JSON object of some columns, in their own types, without missing values; NULL for an empty one."""
    pairs = ", ".join(
        f"{quote_literal(name)}, CASE WHEN {text_of(table, name)} IS NOT NULL THEN {quote_identifier(name)} END"
        for name in columns
    )
    if not pairs:
        return "NULL::JSON"
    return f"nullif(json_merge_patch('{{}}'::JSON, json_object({pairs})), '{{}}'::JSON)"


def _refuse_first(
    connection: duckdb.DuckDBPyConnection, table: LoadedTable, column: str, condition: str, rule: str
) -> None:
    found = connection.execute(f"""
        SELECT count(*), min({ROW}), arg_min({quote_identifier(column)}::VARCHAR, {ROW})
        FROM {table.relation}
        WHERE {condition}
    """).fetchall()
    [(count, row, value)] = found
    if count:
        times = f" ({count:,} rows)" if count > 1 else ""
        found_value = f", found {value!r:.80}" if value else ""
        raise InputError(table.file, f"{rule}{found_value}{times}.", row=row, field=column)
