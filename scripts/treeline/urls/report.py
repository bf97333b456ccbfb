"""Write the rows that are in no batch, and those of batches that the input no longer has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from treeline.io.database import quote_literal
from treeline.io.names import CREDENTIALS_OF_URL, MASKED_CREDENTIALS
from treeline.io.parquet import as_tables, cut_tables, parquet_writer
from treeline.schemas import REJECTED
from treeline.urls.batches import EXISTING, ROWS_AT_ONCE

ROW_GROUP_ROWS = 100_000

MASKED_URL = f"regexp_replace(identifier, {quote_literal(CREDENTIALS_OF_URL)}, {quote_literal(MASKED_CREDENTIALS)})"

# A malformed row is not in `input_rows`, which numbers the others without gaps: each one before a row moves it by one.
REJECTED_ROWS = f"""
    SELECT uuid, {MASKED_URL} AS identifier, source_id, input_file, input_row, reason FROM (
        WITH refused AS (
            SELECT uuid, identifier, source_id, input_file, treeline_row - first_row + 1 AS readable_row,
                treeline_reason AS reason
            FROM verdicts ASOF JOIN input_files ON treeline_row >= first_row
            WHERE treeline_reason IS NOT NULL
        ),
        numbered AS (
            SELECT input_file, input_row, row_number() OVER (PARTITION BY input_file ORDER BY input_row) AS number
            FROM malformed_rows
        ),
        gaps AS (
            SELECT input_file, input_row - number AS readable_before, max(number) AS width
            FROM numbered GROUP BY ALL
        )
        SELECT uuid, identifier, source_id, refused.input_file, readable_row + coalesce(width, 0) AS input_row, reason
        FROM refused ASOF LEFT JOIN gaps
            ON refused.input_file = gaps.input_file AND readable_row > readable_before
        UNION ALL BY NAME
        SELECT input_file, input_row, 'malformed_row' AS reason FROM malformed_rows
    )
    ORDER BY input_file, input_row
"""

REMOVED = """
    existing ANTI JOIN (SELECT uuid FROM verdicts WHERE treeline_reason IS NULL AND treeline_known) USING (uuid)
"""
"""SQL of the rows of earlier batches that the input no longer has."""

REMOVED_ROWS = f"""
    SELECT existing.uuid, existing.identifier, server_name, partition_id FROM {REMOVED}
    ORDER BY server_name, partition_id, uuid
"""


def write_rejected(connection: duckdb.DuckDBPyConnection, target: Path) -> Counter[str]:
    """Write every input row that is in no batch, in the input's order; returns how many for each reason.

    User names and passwords of URLs are masked.
    """
    reasons: Counter[str] = Counter()
    with parquet_writer(target, REJECTED) as writer:
        for table in row_groups(connection, REJECTED_ROWS):
            writer.write_table(table.cast(REJECTED))
            counted = pc.value_counts(table["reason"])
            reasons.update(dict(zip(*(counted.field(part).to_pylist() for part in (0, 1)), strict=True)))
    return reasons


def write_removed(connection: duckdb.DuckDBPyConnection, target: Path) -> int:
    """Write every row of the earlier batches that the input no longer has; returns how many."""
    rows = 0
    with parquet_writer(target, EXISTING) as writer:
        for table in row_groups(connection, REMOVED_ROWS):
            writer.write_table(table.cast(EXISTING))
            rows += table.num_rows
    return rows


def row_groups(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.Table]:
    """Give a query's rows in tables that are one row group each."""
    return cut_tables(as_tables(connection.sql(query).to_arrow_reader(ROWS_AT_ONCE)), ROW_GROUP_ROWS)
