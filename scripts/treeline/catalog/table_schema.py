"""Check tables of a data package against their Table Schema, by SQL: frictionless goes row by row, slow for millions.

Format: https://specs.frictionlessdata.io/table-schema/. Of it, what Camtrap DP uses: string, number, integer, boolean,
datetime with an offset, any; required, unique, enum, minimum, maximum, pattern; primary and foreign keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from treeline.errors import InputError
from treeline.io.database import quote_identifier, quote_literal
from treeline.io.tables import ROW, LoadedTable

TRUE, FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:?\d\d)"
NAMED_AT_MOST = 10

_TYPES = {"number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}


@dataclass(frozen=True)
class TableSchema:
    """A table's columns with their types and constraints.

    Args:
        fields: As the schema has them.
        missing_values: Texts that stand for no value.
        foreign_keys: Column, and the table and column that hold its values.
    """

    fields: tuple[dict[str, Any], ...]
    missing_values: tuple[str, ...]
    foreign_keys: tuple[tuple[str, str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the schema's order."""
        return tuple(field["name"] for field in self.fields)


@dataclass(frozen=True)
class Violation:
    """How often a column breaks a rule, with the first place; rows are counted from 1."""

    field: str
    rule: str
    count: int
    row: int
    value: str | None


def read_schema(file: Path) -> TableSchema:
    """Read a Table Schema from a JSON file of ours."""
    schema = json.loads(file.read_text(encoding="utf-8"))
    foreign = [
        (key["fields"], key["reference"]["resource"], key["reference"]["fields"])
        for key in schema.get("foreignKeys", ())
    ]
    return TableSchema(tuple(schema["fields"]), tuple(schema["missingValues"]), tuple(foreign))


def typed_rows(table: LoadedTable, schema: TableSchema) -> str:
    """SQL of a loaded table's rows: `row` from 1, each field in its type, then the columns that the schema has not.

    A value that does not fit its type is NULL: call `check_rows` first. Moments stay text, as they are.
    """
    extra = [quote_identifier(name) for name in table.columns if name not in schema.names]
    typed = [f"{_typed(field, table, schema)} AS {quote_identifier(field['name'])}" for field in schema.fields]
    return f"SELECT {ROW} AS row, {', '.join([*typed, *extra])} FROM {table.relation}"


def check_rows(
    connection: duckdb.DuckDBPyConnection, table: LoadedTable, schema: TableSchema, keys: dict[str, LoadedTable]
) -> None:
    """Check every value of a table.

    Args:
        connection: Has the table.
        table: The rows.
        schema: The rules.
        keys: The tables to which foreign keys point.

    Raises:
        InputError: A required column is missing, or values break rules; names up to ten rules with the first rows.
    """
    for field in schema.fields:
        if field.get("constraints", {}).get("required") and field["name"] not in table.columns:
            has = ", ".join(table.columns)
            raise InputError(table.file, f"the column is missing; the file has: {has}.", field=field["name"])
    found = [
        *_broken_values(connection, table, schema),
        *_repeated_keys(connection, table, schema),
        *_unknown_keys(connection, table, schema, keys),
    ]
    if found:
        first, *others = found
        named = "".join(
            f"\n  field '{one.field}': {_told(one)}, first in row {one.row}" for one in others[: NAMED_AT_MOST - 1]
        )
        more = f"\n  and {len(others) - NAMED_AT_MOST + 1} more rules" if len(others) >= NAMED_AT_MOST else ""
        raise InputError(table.file, f"{_told(first)}.{named}{more}", row=first.row, field=first.field)


def _told(one: Violation) -> str:
    times = "" if one.count == 1 else f" ({one.count:,} rows)"
    value = "" if one.value is None else f", found {one.value!r:.80}"
    return f"{one.rule}{value}{times}"


def _text(name: str, table: LoadedTable, schema: TableSchema) -> str:
    if name not in table.columns:
        return "NULL::VARCHAR"
    missing = ", ".join(map(quote_literal, schema.missing_values))
    column = f"{quote_identifier(name)}::VARCHAR"
    return f"CASE WHEN {column} NOT IN ({missing}) THEN {column} END"


def _typed(field: dict[str, Any], table: LoadedTable, schema: TableSchema) -> str:
    text = _text(field["name"], table, schema)
    if field["type"] == "boolean":
        return f"CASE WHEN {text} IN {TRUE} THEN true WHEN {text} IN {FALSE} THEN false END"
    kind = _TYPES.get(field["type"])
    return f"TRY_CAST({text} AS {kind})" if kind else text


def _rules(field: dict[str, Any], text: str, typed: str) -> list[tuple[str, str]]:
    """What a column must keep, and SQL that is true where it does not."""
    held = field.get("constraints", {})
    rules = []
    if held.get("required"):
        rules.append(("a value is required", f"{text} IS NULL"))
    if field["type"] == "number":
        rules.append(("must be a number", f"{text} IS NOT NULL AND NOT coalesce(isfinite({typed}), false)"))
    if field["type"] == "integer":
        whole = f"regexp_full_match({text}, '[+-]?[0-9]+') AND {typed} IS NOT NULL"
        rules.append(("must be a whole number", f"{text} IS NOT NULL AND NOT ({whole})"))
    if field["type"] == "boolean":
        rules.append(("must be true or false", f"{text} IS NOT NULL AND {typed} IS NULL"))
    if field["type"] == "datetime":
        exists = f"regexp_full_match({text}, {quote_literal(MOMENT)}) AND TRY_CAST({text} AS TIMESTAMPTZ) IS NOT NULL"
        problem = "must be a time with an offset, such as 2020-03-01T22:00:00+01:00"
        rules.append((problem, f"{text} IS NOT NULL AND NOT ({exists})"))
    if "enum" in held:
        allowed = ", ".join(map(quote_literal, held["enum"]))
        rules.append((f"must be one of {', '.join(held['enum'])}", f"{text} NOT IN ({allowed})"))
    if "minimum" in held:
        rules.append((f"must be {held['minimum']:g} or more", f"{typed} < {held['minimum']!r}"))
    if "maximum" in held:
        rules.append((f"must be {held['maximum']:g} or less", f"{typed} > {held['maximum']!r}"))
    if "pattern" in held:
        pattern = quote_literal(held["pattern"])
        rules.append((f"must match {held['pattern']}", f"NOT regexp_matches({text}, {pattern})"))
    return rules


def _broken_values(connection: duckdb.DuckDBPyConnection, table: LoadedTable, schema: TableSchema) -> list[Violation]:
    rules = [
        (field["name"], rule, condition, _text(field["name"], table, schema))
        for field in schema.fields
        if field["name"] in table.columns
        for rule, condition in _rules(field, _text(field["name"], table, schema), _typed(field, table, schema))
    ]
    counts = [
        f"count(*) FILTER ({condition}), min({ROW}) FILTER ({condition}), arg_min({text}, {ROW}) FILTER ({condition})"
        for _, _, condition, text in rules
    ]
    [found] = connection.execute(f"SELECT {', '.join(counts)} FROM {table.relation}").fetchall()
    return [
        Violation(name, rule, found[place], found[place + 1], found[place + 2])
        for place, (name, rule, _, _) in zip(range(0, len(found), 3), rules, strict=True)
        if found[place]
    ]


def _repeated_keys(connection: duckdb.DuckDBPyConnection, table: LoadedTable, schema: TableSchema) -> list[Violation]:
    found = []
    for field in schema.fields:
        if field.get("constraints", {}).get("unique"):
            text = _text(field["name"], table, schema)
            rows = connection.execute(f"""
                WITH keys AS (SELECT {ROW} AS row, {text} AS value FROM {table.relation}), repeated AS (
                    SELECT value, min(row) AS first FROM keys WHERE value IS NOT NULL GROUP BY value HAVING count(*) > 1
                )
                SELECT count(*), min(row), arg_min(value, row) FROM keys JOIN repeated USING (value) WHERE row > first
            """).fetchall()
            found += [Violation(field["name"], "is in several rows", *row) for row in rows if row[0]]
    return found


def _unknown_keys(
    connection: duckdb.DuckDBPyConnection, table: LoadedTable, schema: TableSchema, keys: dict[str, LoadedTable]
) -> list[Violation]:
    found = []
    for column, other, key in schema.foreign_keys:
        rows = connection.execute(f"""
            SELECT count(*), min(row), arg_min(value, row)
            FROM (SELECT {ROW} AS row, {_text(column, table, schema)} AS value FROM {table.relation})
            ANTI JOIN (SELECT {quote_identifier(key)}::VARCHAR AS value FROM {keys[other].relation}) USING (value)
            WHERE value IS NOT NULL
        """).fetchall()
        found += [Violation(column, f"is not in {other}", *row) for row in rows if row[0]]
    return found
