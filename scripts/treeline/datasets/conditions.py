"""Which samples a condition holds for: SQL that anybody may have written, and that can do nothing but say so."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.datasets.metadata import ID, Metadata
from treeline.errors import ConfigError

Positions = npt.NDArray[np.int64]
"""Row numbers of a dataset's index."""

ONE_ROW_A_SAMPLE = ("spatial", "temporal", "additional")

HARMLESS = """
    SET python_enable_replacements = false;
    SET enable_external_access = false;
    SET lock_configuration = true;
"""
"""The database sees neither Python's variables, nor files, nor the network; and it stays like that."""


def facts_of(metadata: Metadata) -> pd.DataFrame:
    """What is known of each sample, in the order of the index: its columns, and those of all tables like it."""
    facts = metadata.index
    for name in ONE_ROW_A_SAMPLE:
        if (table := metadata.tables.get(name)) is not None:
            new = [ID, *(column for column in table.columns if column not in facts.columns)]
            facts = facts.merge(table[new], on=ID, how="left", validate="one_to_one")
    return facts


def matching(facts: pd.DataFrame, condition: str) -> Positions:
    """Find the rows that a condition holds for.

    Args:
        facts: What `facts_of` gives.
        condition: What stands after WHERE in DuckDB's SQL, such as `label = 'deer' AND image_width >= 640`.

    Returns:
        Row numbers, ascending.

    Raises:
        ConfigError: It is no condition, or names a column that is not there.
    """
    rows = facts.assign(**{"row number": np.arange(len(facts))})
    with duckdb.connect() as connection:
        connection.register("samples", rows)
        connection.execute(HARMLESS)
        # The line break ends a comment that the condition may end with.
        query = f'SELECT "row number" FROM samples WHERE ({condition}\n) ORDER BY "row number"'
        try:
            [statement] = connection.extract_statements(query)
            found = connection.execute(statement).fetchnumpy()["row number"]
        except (duckdb.Error, ValueError) as error:
            problem = " ".join(str(error).partition("\nLINE ")[0].split())
            raise ConfigError(f"the condition {condition!r} cannot be asked: {problem}") from None
    return np.asarray(found, dtype=np.int64)
