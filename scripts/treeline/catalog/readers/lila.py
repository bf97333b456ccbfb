"""Read LILA-style CSV: one row an image and label (`lila.py` beside this folder has the columns).

An image is found by data set and `image_id`, which is unique only there. Its file is the path of its first URL. Names
and ranks belong to the label, and so go to the table of classes.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from treeline.catalog.classes import normalise
from treeline.catalog.database import read_sql
from treeline.catalog.lila import LEVELS, TAXON, URLS
from treeline.catalog.sources import Source
from treeline.catalog.table_columns import check_filled, check_whole_numbers, properties_of, text_of, whole_number
from treeline.errors import InputError
from treeline.io.database import quote_literal
from treeline.io.tables import ROW, LoadedTable, loaded_table

REQUIRED = ("image_id", "original_label")
MAPPED = ("dataset_name", "sequence_id", "location_id", "frame_num", "datetime", "original_label")
OF_IMAGE = ("seq_id", "location", "frame_num", "datetime", "annotation_level", "properties")
"""What all rows of an image must have alike."""


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a file.

    Raises:
        InputError: A column is missing, a value does not fit, or rows of one image or one label contradict each other.
    """
    with loaded_table(connection, source.path) as table:
        _check(connection, table, source)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW lila_rows AS {_rows(table, source)}")
        _note_labels(connection, source)
        _check_agreement(connection, table)
        connection.execute(f"SET VARIABLE boxes_complete = {source.boxes_complete}")
        connection.execute(read_sql("readers/lila.sql"))
        connection.execute("DROP VIEW lila_rows; DROP TABLE lila_labels")


def _rows(table: LoadedTable, source: Source) -> str:
    """SQL of the rows under the catalogue's names."""
    urls = ", ".join(text_of(table, column) for column in URLS)
    dataset = "NULL" if source.dataset is None else quote_literal(source.dataset)
    others = [name for name in table.columns if name not in (*MAPPED, *TAXON)]
    taxon = [name for name in TAXON if name in table.columns]
    return f"""
        SELECT
            {ROW} AS row,
            coalesce({text_of(table, "dataset_name")}, {dataset}) AS dataset,
            {text_of(table, "image_id")} AS image_id,
            {text_of(table, "sequence_id")} AS seq_id,
            {text_of(table, "location_id")} AS location,
            nullif({whole_number(table, "frame_num")}, -1) AS frame_num,
            {text_of(table, "datetime")} AS datetime,
            coalesce({text_of(table, "original_label")}, '__label_unavailable') AS label,
            coalesce({text_of(table, "annotation_level")}, 'unknown') AS annotation_level,
            coalesce({urls}) AS url,
            {properties_of(table, others)} AS properties,
            {properties_of(table, taxon)} AS taxon
        FROM {table.relation}
    """


def _check(connection: duckdb.DuckDBPyConnection, table: LoadedTable, source: Source) -> None:
    required = REQUIRED if source.dataset is not None else ("dataset_name", *REQUIRED)
    for column in required:
        if column not in table.columns:
            raise InputError(
                table.file, f"the column is missing; the file has: {', '.join(table.columns)}.", field=column
            )
    check_filled(connection, table, "image_id")
    if source.dataset is None:
        check_filled(connection, table, "dataset_name")
    if "frame_num" in table.columns:
        check_whole_numbers(connection, table, "frame_num", -1)
    if not any(column in table.columns for column in URLS):
        raise InputError(table.file, f"has no column of URLs ({', '.join(URLS)}).")
    level = text_of(table, "annotation_level")
    wrong = connection.execute(
        f"SELECT {ROW}, {level} FROM {table.relation} WHERE {level} NOT IN {LEVELS} ORDER BY 1 LIMIT 1"
    ).fetchone()
    if wrong is not None:
        problem = f"expected one of {', '.join(LEVELS)}, found {wrong[1]!r:.80}."
        raise InputError(table.file, problem, row=wrong[0], field="annotation_level")


def _check_agreement(connection: duckdb.DuckDBPyConnection, table: LoadedTable) -> None:
    without = connection.execute("SELECT min(row) FROM lila_rows WHERE url IS NULL").fetchone()
    if without is not None and without[0] is not None:
        urls = " or ".join(column for column in URLS if column in table.columns)
        raise InputError(table.file, "has no URL.", row=without[0], field=urls)
    _check_alike(connection, table, "image_id", OF_IMAGE)
    _check_alike(connection, table, "class", ("taxon",))


def _check_alike(connection: duckdb.DuckDBPyConnection, table: LoadedTable, key: str, columns: tuple[str, ...]) -> None:
    """Refuse rows of one data set and `key` that differ in `columns`."""
    values = "row(" + ", ".join(f"coalesce({column}::VARCHAR, '')" for column in columns) + ")"
    found = connection.execute(f"""
        SELECT arg_max(row, {values}), {key}, min({values})::VARCHAR, max({values})::VARCHAR
        FROM lila_rows JOIN lila_labels USING (label)
        GROUP BY dataset, {key}
        HAVING min({values}) <> max({values})
        ORDER BY 1
        LIMIT 1
    """).fetchone()
    if found is not None:
        row, name, one, other = found
        problem = f"rows of {name!r:.80} contradict each other in ({', '.join(columns)}): {one:.300} and {other:.300}."
        raise InputError(table.file, problem, row=row, fix="Make them alike.")


def _note_labels(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Table of all labels, with what the catalogue will call them."""
    labels = [label for (label,) in connection.execute("SELECT DISTINCT label FROM lila_rows ORDER BY 1").fetchall()]
    classes = [normalise(label, source.labels) for label in labels]
    known = pa.table({"label": pa.array(labels, pa.string()), "class": pa.array(classes, pa.string())})
    connection.register("lila_known", known)
    connection.execute("CREATE OR REPLACE TEMP TABLE lila_labels AS SELECT * FROM lila_known")
    connection.unregister("lila_known")
