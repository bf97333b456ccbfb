"""Which samples a condition holds for: SQL that anybody may have written, and that can do nothing but say so."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from treeline.errors import ConfigError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from treeline.io.datasets.metadata import Metadata

A_ROW_A_SAMPLE = ("spatial", "temporal", "additional")
MEMORY_MIB = 1024
"""That the database may have; what does not fit is spilled into the system's temporary folder."""

HARMLESS = """
    SET python_enable_replacements = false;
    SET enable_external_access = false;
    SET lock_configuration = true;
"""
"""The database sees neither Python's variables, nor files, nor the network; and it stays like that."""


def ids_where(metadata: Metadata, condition: str) -> set[int]:
    """Find the samples that a condition holds for; as `find_ids`, in tables that are in memory."""
    return set(find_ids({name: [table] for name, table in metadata.tables.items()}, condition).tolist())


def find_ids(tables: Mapping[str, Iterable[pd.DataFrame]], condition: str) -> npt.NDArray[np.int64]:
    """Find the samples that a condition holds for.

    Args:
        tables: Of a dataset, each in pieces; one without a piece is not there.
        condition: In DuckDB's SQL over the columns of `index`, `spatial`, `temporal` and `additional`, such as
            `label = 'deer' AND image_width >= 640`; others can be asked, such as
            `id IN (SELECT id FROM boxes WHERE width > 20)`.

    Returns:
        Their ids.

    Raises:
        ConfigError: It is no condition, or names what is not there.
    """
    import duckdb

    from treeline.io.database import connect

    with connect(Path(gettempdir()), memory_mb=MEMORY_MIB, threads=os.cpu_count() or 1) as connection:
        there = [name for name, pieces in tables.items() if _put(connection, name, pieces)]
        connection.execute(HARMLESS)
        joined = " ".join(f'LEFT JOIN "{name}" USING (id)' for name in A_ROW_A_SAMPLE if name in there)
        try:
            # The line break ends a comment that the condition may end with.
            statements = connection.extract_statements(f'SELECT id FROM "index" {joined} WHERE (\n{condition}\n)')
            if len(statements) != 1:
                raise ConfigError(f"{condition!r} is not one condition.")
            return np.asarray(connection.execute(statements[0]).fetchnumpy()["id"], np.int64)
        except duckdb.Error as error:
            problem = " ".join(str(error).partition("\nLINE ")[0].split())
            raise ConfigError(f"the condition {condition!r} cannot be asked: {problem}") from None


def _put(connection: duckdb.DuckDBPyConnection, name: str, pieces: Iterable[pd.DataFrame]) -> int:
    """Make a table of pieces; says how many they are."""
    count = 0
    for count, piece in enumerate(pieces, start=1):
        connection.register("piece", piece)
        connection.execute(f'CREATE TABLE "{name}" AS FROM piece' if count == 1 else f'INSERT INTO "{name}" FROM piece')
        connection.unregister("piece")
    return count
