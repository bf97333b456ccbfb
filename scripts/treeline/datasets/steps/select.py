"""Keep the samples of which a condition holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from treeline.config_values import Block, NotEmpty
from treeline.datasets.steps import Outcome
from treeline.errors import InputError

if TYPE_CHECKING:
    import duckdb

    from treeline.datasets.metadata import Metadata

A_ROW_A_SAMPLE = ("spatial", "temporal", "additional")


class Options(Block):
    """What is kept."""

    where: NotEmpty
    """Condition in DuckDB's SQL over the columns of `index`, `spatial`, `temporal` and `additional`; others can be
    asked: `id IN (SELECT id FROM boxes WHERE width > 20)`. What is neither true nor false is dropped."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Drop the samples of which the condition does not hold.

    Raises:
        InputError: It is no condition, or names what is not there.
    """
    import duckdb

    with duckdb.connect() as connection:
        # Whatever the condition says, it sees the tables and nothing else: no file, no network, no Python.
        for name, table in metadata.tables.items():
            connection.register(f"frame_{name}", table)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM "frame_{name}"')
            connection.unregister(f"frame_{name}")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        joined = " ".join(f'LEFT JOIN "{name}" USING (id)' for name in A_ROW_A_SAMPLE if name in metadata.tables)
        try:
            kept = _run(connection, f'SELECT id FROM "index" {joined} WHERE (\n{options.where}\n)')
        except duckdb.Error as error:
            problem = " ".join(str(error).partition("\nLINE ")[0].split())
            raise InputError(metadata.name, f"{options.where!r}: {problem}", field="select.where") from None
    reason = f"not {options.where}"
    return Outcome(metadata, {id: reason for id in metadata.index["id"].tolist() if id not in kept})


def _run(connection: duckdb.DuckDBPyConnection, query: str) -> set[int]:
    import duckdb

    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise duckdb.ParserException("it is not one condition.")
    return {id for (id,) in connection.execute(statements[0]).fetchall()}
