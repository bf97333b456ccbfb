"""Which samples a condition holds for: SQL that anybody may have written, and that can do nothing but say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treeline.errors import ConfigError

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata

A_ROW_A_SAMPLE = ("spatial", "temporal", "additional")

HARMLESS = """
    SET python_enable_replacements = false;
    SET enable_external_access = false;
    SET lock_configuration = true;
"""
"""The database sees neither Python's variables, nor files, nor the network; and it stays like that."""


def ids_where(metadata: Metadata, condition: str) -> set[int]:
    """Find the samples that a condition holds for.

    Args:
        metadata: The dataset's.
        condition: In DuckDB's SQL over the columns of `index`, `spatial`, `temporal` and `additional`, such as
            `label = 'deer' AND image_width >= 640`; others can be asked, such as
            `id IN (SELECT id FROM boxes WHERE width > 20)`.

    Returns:
        Their ids.

    Raises:
        ConfigError: It is no condition, or names what is not there.
    """
    import duckdb

    with duckdb.connect() as connection:
        for name, table in metadata.tables.items():
            connection.register(f"frame_{name}", table)
            connection.execute(f'CREATE TABLE "{name}" AS FROM "frame_{name}"')
            connection.unregister(f"frame_{name}")
        connection.execute(HARMLESS)
        joined = " ".join(f'LEFT JOIN "{name}" USING (id)' for name in A_ROW_A_SAMPLE if name in metadata.tables)
        try:
            # The line break ends a comment that the condition may end with.
            statements = connection.extract_statements(f'SELECT id FROM "index" {joined} WHERE (\n{condition}\n)')
            if len(statements) != 1:
                raise ConfigError(f"{condition!r} is not one condition.")
            return {id for (id,) in connection.execute(statements[0]).fetchall()}
        except duckdb.Error as error:
            problem = " ".join(str(error).partition("\nLINE ")[0].split())
            raise ConfigError(f"the condition {condition!r} cannot be asked: {problem}") from None
