"""Write the answer to a query as CSV or Parquet, whole, before the first byte of it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
from pyarrow import csv

from treeline.catalog.browse.queries import Query
from treeline.catalog.browse.reader import BATCH_ROWS, Reader
from treeline.io.database import quote_identifier
from treeline.io.parquet import as_tables, cut_tables, parquet_writer

Ending = Literal["csv", "parquet"]


def write_answer(reader: Reader, query: Query, target: Path, ending: Ending) -> None:
    """Write all rows of an answer, in its order.

    Args:
        reader: Of the catalogue.
        query: What is asked.
        target: File to write.
        ending: `parquet` keeps types; in `csv` a list is JSON, as in what `treeline query` writes.
    """
    with reader.batches(query if ending == "parquet" else _for_csv(reader, query)) as batches:
        tables = cut_tables(as_tables(batches), BATCH_ROWS)
        if ending == "parquet":
            with parquet_writer(target, batches.schema) as writer:
                for table in tables:
                    writer.write_table(table)
        else:
            with csv.CSVWriter(target, batches.schema) as writer:
                for table in tables:
                    writer.write_table(table)


def _for_csv(reader: Reader, query: Query) -> Query:
    with reader.batches(Query(f"SELECT * FROM ({query.sql}\n) LIMIT 0", query.parameters)) as none:
        lists = [quote_identifier(field.name) for field in none.schema if pa.types.is_list(field.type)]
    replaced = ", ".join(f"to_json({name})::VARCHAR AS {name}" for name in lists)
    return Query(f"SELECT * REPLACE ({replaced}) FROM ({query.sql}\n)", query.parameters) if lists else query
