"""Write a JSON list of any length: some sequences at a time, in the order of their data sets and names.

DuckDB makes the text, which takes memory for each image; so it is asked for a lot of sequences, and again for the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

import duckdb

from treeline.catalog.database import CatalogError
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.exports.rows import stream_rows

IMAGES_AT_ONCE = 100_000


def chosen_datasets(connection: duckdb.DuckDBPyConnection, options: ExportOptions) -> list[str]:
    """List the data sets to write, by name.

    Raises:
        CatalogError: There is none, or none of a name that was given.
    """
    known = [name for (name,) in connection.execute("SELECT dataset FROM datasets ORDER BY dataset").fetchall()]
    if unknown := sorted(set(options.datasets) - set(known)):
        raise CatalogError(
            f"There is no data set {', '.join(unknown)}. The catalogue has: {', '.join(known) or 'none'}."
        )
    if not known:
        raise CatalogError("The catalogue is empty. Ingest something first: treeline catalog ingest --help.")
    return [name for name in known if name in options.datasets] if options.datasets else known


def choose_datasets(connection: duckdb.DuckDBPyConnection, options: ExportOptions) -> list[str]:
    """List the data sets to write, and their sequences in lots, in the table `chosen_sequences`.

    Args:
        connection: The catalogue.
        options: Which data sets.

    Returns:
        Their names, in order.

    Raises:
        CatalogError: There is none, or none of a name that was given.
    """
    chosen = chosen_datasets(connection, options)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE chosen_sequences AS
        SELECT sequence, (sum(coalesce(images, 0)) OVER ordered // {IMAGES_AT_ONCE})::INTEGER AS lot
        FROM sequences
        LEFT JOIN (SELECT sequence, count(*) AS images FROM images GROUP BY sequence) USING (sequence)
        WHERE list_contains(?, dataset)
        WINDOW ordered AS (ORDER BY dataset, seq_id, sequence ROWS UNBOUNDED PRECEDING)
        """,
        [chosen],
    )
    return chosen


def lots(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Set the variable `lot` to one lot after the other."""
    for (lot,) in connection.execute("SELECT DISTINCT lot FROM chosen_sequences ORDER BY lot").fetchall():
        connection.execute(f"SET VARIABLE lot = {lot:d}")
        yield


def write_items(connection: duckdb.DuckDBPyConnection, stream: TextIO, query: str, *, written: int = 0) -> int:
    """Write the rows of a query, each the text of an item, as a part of a JSON list; return how many.

    Args:
        connection: The catalogue.
        stream: Where the list is open.
        query: Its only column is the text.
        written: How many items of the list are there already.
    """
    count = 0
    for count, (text,) in enumerate(stream_rows(connection, query), start=1):
        stream.write(("\n" if written + count == 1 else ",\n") + text)
    return count
