"""Read a plain table, CSV, TSV or Parquet, of which the user says what each column is (`Source.columns`)."""

from __future__ import annotations

import duckdb

from treeline.catalog.sources import Source
from treeline.catalog.table_columns import check_filled, check_whole_numbers, properties_of, text_of, whole_number
from treeline.errors import InputError
from treeline.io.database import quote_literal
from treeline.io.tables import ROW, LoadedTable, loaded_table

NUMBERS = {"frame_num": 0, "width": 1, "height": 1}
"""With the least value of each."""

MEANINGS = ("file", "dataset", "seq_id", "location", "class", "datetime", "uuid", *NUMBERS)
"""What a column can be; one that is none of these becomes a property of its name."""

SEPARATORS = "[|;]"
"""Between the classes of one image."""


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a table, one row an image.

    Raises:
        InputError: The table cannot be read, lacks a column that is mapped, or a value does not fit.
    """
    with loaded_table(connection, source.path) as table:
        _check_columns(table, source)
        _check_values(connection, table, source)
        _stage_images(connection, table, source)


def _check_columns(table: LoadedTable, source: Source) -> None:
    known = ", ".join(MEANINGS)
    for meaning, column in source.columns.items():
        if meaning not in MEANINGS:
            raise InputError(source.path, f"columns: {meaning!r} is nothing that a column can be; known: {known}.")
        if column not in table.columns:
            problem = f"the column, mapped as {meaning}, is missing; the file has: {', '.join(table.columns)}."
            raise InputError(source.path, problem, field=column, fix="Mend the name under columns.")
    if "file" not in source.columns:
        raise InputError(
            source.path, "no column is mapped as file.", fix="Say under columns which one names the image."
        )
    if source.dataset is None and "dataset" not in source.columns:
        raise InputError(source.path, "belongs to no data set.", fix="Name the data set, or map a column as dataset.")


def _check_values(connection: duckdb.DuckDBPyConnection, table: LoadedTable, source: Source) -> None:
    check_filled(connection, table, source.columns["file"])
    if "dataset" in source.columns and source.dataset is None:
        check_filled(connection, table, source.columns["dataset"])
    for meaning, least in NUMBERS.items():
        if meaning in source.columns:
            check_whole_numbers(connection, table, source.columns[meaning], least)


def _stage_images(connection: duckdb.DuckDBPyConnection, table: LoadedTable, source: Source) -> None:
    def mapped(meaning: str) -> str:
        return text_of(table, source.columns.get(meaning))

    others = [column for column in table.columns if column not in source.columns.values()]
    numbers = ", ".join(f"{whole_number(table, source.columns.get(name))} AS {name}" for name in NUMBERS)
    dataset = "NULL" if source.dataset is None else quote_literal(source.dataset)
    connection.execute(f"""
        INSERT INTO staged_images BY NAME
        SELECT
            {ROW} AS item,
            coalesce({mapped("dataset")}, {dataset}) AS dataset,
            {mapped("seq_id")} AS seq_id,
            to_json({mapped("location")}) AS location,
            {mapped("file")} AS file,
            {mapped("datetime")} AS datetime,
            {mapped("uuid")} AS uuid,
            nullif(list_filter(
                list_transform(regexp_split_to_array({mapped("class")}, '{SEPARATORS}'), lambda name: trim(name)),
                lambda name: name <> ''
            ), []) AS class,
            {source.boxes_complete} AS annotated,
            {properties_of(table, others)} AS properties,
            {numbers}
        FROM {table.relation}
    """)
    connection.execute("UPDATE staged_images SET class = ['__label_unavailable'] WHERE class IS NULL")
