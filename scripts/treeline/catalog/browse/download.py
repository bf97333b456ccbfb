"""Write the answer to a query as CSV or Parquet, whole, before the first byte of it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from treeline.catalog.browse.queries import Query
from treeline.catalog.browse.reader import BATCH_ROWS, Reader
from treeline.io.parquet import as_tables, cut_tables, parquet_writer

Ending = Literal["csv", "parquet"]
LIST_SEPARATOR = ";"
"""Between the items of a list in CSV: no class holds one."""


def write_answer(reader: Reader, query: Query, target: Path, ending: Ending) -> None:
    """Write all rows of an answer, in its order.

    Args:
        reader: Of the catalogue.
        query: What is asked.
        target: File to write.
        ending: `parquet` keeps types; in `csv` the items of a list stand in one field, with semicolons between them.
    """
    with reader.batches(query) as batches:
        tables = cut_tables(as_tables(batches), BATCH_ROWS)
        if ending == "parquet":
            with parquet_writer(target, batches.schema) as writer:
                for table in tables:
                    writer.write_table(table)
            return
        schema = pa.schema(
            [(field.name, pa.string() if pa.types.is_list(field.type) else field.type) for field in batches.schema]
        )
        with csv.CSVWriter(target, schema) as writer:
            for table in tables:
                writer.write_table(_plain(table, schema))


def _plain(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        pc.binary_join(column, LIST_SEPARATOR) if pa.types.is_list(column.type) else column for column in table.columns
    ]
    return pa.table(columns, schema=schema)
