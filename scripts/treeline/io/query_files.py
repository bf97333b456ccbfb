"""What a query gives, as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv

from treeline.io.atomic import atomic_path
from treeline.io.database import quote_identifier
from treeline.io.parquet import as_tables, cut_tables, parquet_writer

ROWS_AT_ONCE = 131_072
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE")
SUFFIXES = (".parquet", ".csv", ".json")


def write_query(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Stream a query's result, in its order, into what the suffix of the file says: Parquet, CSV or JSON.

    JSON is a list of objects. In CSV a list or an object is JSON, and NULL is an empty field; an empty text is `""`.
    The bytes depend on the rows and their order alone.

    Args:
        connection: The database.
        query: One SELECT.
        target: The file, with one of `SUFFIXES`; replaced as a whole, or not at all.

    Returns:
        The number of rows.
    """
    write = {".parquet": _write_parquet, ".csv": _write_csv, ".json": _write_json}[target.suffix]
    return write(connection, query, target)


def write_tables(tables: Iterable[pa.Table], target: Path) -> int:
    """Stream tables of the same columns, of which there is at least one, into a Parquet file as `write_query` does.

    Returns:
        The number of rows.
    """
    stream = iter(tables)
    first = next(stream)
    rows = 0
    with parquet_writer(target, first.schema) as writer:
        for table in cut_tables(chain([first], stream), ROWS_AT_ONCE):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def stream_query(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.Table]:
    """Stream a query's result, in its order, as tables; at least one, be it without rows."""
    reader = _read(connection, query)
    return chain([reader.schema.empty_table()], as_tables(reader))


def _write_parquet(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    return write_tables(stream_query(connection, query), target)


def _write_csv(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    columns = [f"{_for_csv(quote_identifier(name), kind)} AS {quote_identifier(name)}" for name, kind, *_ in described]
    reader = _read(connection, f"SELECT {', '.join(columns)} FROM ({query}\n)")
    rows = 0
    with atomic_path(target) as temporary, pyarrow.csv.CSVWriter(temporary, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_json(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    reader = _read(connection, f"SELECT to_json(answer)::VARCHAR AS line FROM ({query}\n) AS answer")
    rows = 0
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("[")
        for line in _lines(reader):
            file.write(f"{',' if rows else ''}\n{line}")
            rows += 1
        file.write("\n]\n")
    return rows


def _lines(reader: pa.RecordBatchReader) -> Iterator[str]:
    for batch in reader:
        yield from batch["line"].to_pylist()


def _read(connection: duckdb.DuckDBPyConnection, query: str) -> pa.RecordBatchReader:
    return connection.sql(query).to_arrow_reader(ROWS_AT_ONCE)


def _for_csv(column: str, kind: str) -> str:
    """SQL of a column as a CSV has it: numbers are not put into quotes."""
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({column})::VARCHAR"
    return column if kind in NUMBERS else f"{column}::VARCHAR"
