"""Write a data set as Camtrap DP 1.0.2: a folder with `datapackage.json` and three tables.

What a package once brought goes back as it was; the rest is made of images, boxes, labels and sequences, as
`camtrap_dp.sql` says. Before it is in its place, the package is checked as one that is read.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from zoneinfo import available_timezones

import duckdb

from treeline.catalog.camtrap_package import CATEGORY_TAG, DESCRIPTOR, TABLES, check_metadata, table_schema
from treeline.catalog.database import read_sql
from treeline.catalog.exports.camtrap_metadata import package_metadata
from treeline.catalog.exports.lots import chosen_datasets
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.table_schema import check_rows
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder
from treeline.io.database import quote_identifier, quote_literal
from treeline.io.tables import loaded_table, read_table

FIXED_OFFSET = r"Z|[+-]\d\d:?\d\d"


def write(connection: duckdb.DuckDBPyConnection, target: Path, options: ExportOptions) -> dict[str, int]:
    """Write one data set.

    Args:
        connection: The catalogue.
        target: The package's folder.
        options: One data set; `metadata` has what `datapackage.json` shall say, above all contributors and project.

    Returns:
        Count of `deployments`, `media` and `observations`; `struck_out`: boxes that were struck out and left out.

    Raises:
        InputError: Something that Camtrap DP requires is unknown; names it, and the option that gives it.
    """
    dataset = _dataset(connection, options)
    _prepare(connection, dataset, options)
    connection.execute(read_sql("macros.sql"))
    connection.execute(read_sql("exports/levels.sql"))
    connection.execute(read_sql("exports/camtrap_dp.sql"))
    _check_known(connection, dataset)
    metadata = package_metadata(connection, dataset, options.metadata)
    with atomic_folder(target) as folder:
        counts = {table: _write(connection, table, folder / f"{table}.csv") for table in TABLES}
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        (folder / DESCRIPTOR).write_text(text, encoding="utf-8")
        _check_written(connection, folder, metadata)
    [(struck_out,)] = connection.execute(
        "SELECT count(*) FROM boxes JOIN package_media USING (image) WHERE confidence < 0"
    ).fetchall()
    for table in ("deployments", "media", "observations", "boxes"):
        connection.execute(f"DROP TABLE package_{table}")
    return {**counts, "struck_out": struck_out}


def _dataset(connection: duckdb.DuckDBPyConnection, options: ExportOptions) -> str:
    chosen = chosen_datasets(connection, options)
    if len(chosen) != 1:
        raise InputError("Camtrap DP", f"holds one data set, not {len(chosen)}.", fix="Name one: --dataset.")
    return chosen[0]


def _prepare(connection: duckdb.DuckDBPyConnection, dataset: str, options: ExportOptions) -> None:
    connection.execute(f"SET VARIABLE camtrap_dataset = {quote_literal(dataset)}")
    connection.execute(f"SET VARIABLE camtrap_group = {quote_literal(CATEGORY_TAG)}")
    connection.execute(f"CREATE OR REPLACE TEMP MACRO zone_offset(time) AS {_zone_offset(connection, options)}")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE locations_given (location VARCHAR, latitude DOUBLE, longitude DOUBLE)"
    )
    if options.locations is not None:
        columns = {"location": "VARCHAR", "latitude": "DOUBLE", "longitude": "DOUBLE"}
        connection.register("locations_table", read_table(options.locations, columns))
        connection.execute("INSERT INTO locations_given SELECT * FROM locations_table")
        connection.unregister("locations_table")


def _zone_offset(connection: duckdb.DuckDBPyConnection, options: ExportOptions) -> str:
    """SQL of the offset of `time`, a local time, in the time zone of the options."""
    zone = options.time_zone
    if zone is None:
        return "NULL::VARCHAR"
    [(is_fixed,)] = connection.execute(f"SELECT regexp_full_match(?, '{FIXED_OFFSET}')", [zone]).fetchall()
    if is_fixed:
        return quote_literal(zone)
    if zone not in available_timezones():
        raise InputError(
            zone, "no such time zone.", field="time_zone", fix="Give one such as Europe/Brussels or +01:00."
        )
    minutes = f"date_diff('minute', timezone('UTC', timezone({quote_literal(zone)}, time)), time)"
    return f"""CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END
        || lpad((abs({minutes}) // 60)::VARCHAR, 2, '0') || ':' || lpad((abs({minutes}) % 60)::VARCHAR, 2, '0')"""


def _check_known(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    """Refuse a data set of which something that Camtrap DP requires is not known."""
    refused = (
        ("package_media", "file", "timestamp IS NULL AND has_time",
         "time without an offset", "Give --time-zone, such as Europe/Brussels or +01:00."),
        ("package_media", "file", "timestamp IS NULL", "no time that can be read", "Camtrap DP requires one."),
        ("package_media", "file", "deploymentID IS NULL", "no location", "Camtrap DP requires one."),
        ("package_media", "file", r"NOT regexp_full_match(file, '[^./~]([^.]|\.[^.])*\.?')",
         "path begins with . / or ~, or has two dots in a row", "Rename it: Camtrap DP refuses such paths."),
        ("package_deployments", "deploymentID",
         "(deployment ->> 'latitude') IS NULL OR (deployment ->> 'longitude') IS NULL",
         "no coordinates", "Give --locations, a table with location, latitude and longitude."),
    )  # fmt: skip
    for table, key, condition, problem, fix in refused:
        [(count, first)] = connection.execute(f"SELECT count(*), min({key}) FROM {table} WHERE {condition}").fetchall()
        if count:
            what = "media" if table == "package_media" else "locations"
            raise InputError(f"data set {dataset}", f"{count:,} {what}: {problem}; first {first!r:.120}.", fix=fix)


def _write(connection: duckdb.DuckDBPyConnection, table: str, file: Path) -> int:
    names = table_schema(table).names
    columns = ", ".join(f"row ->> {quote_literal(name)} AS {quote_identifier(name)}" for name in names)
    [(count,)] = connection.execute(f"""
        COPY (SELECT {columns} FROM {table}_rows ORDER BY first, second, row ->> {quote_literal(names[0])})
        TO {quote_literal(str(file))} (FORMAT csv, HEADER true)
    """).fetchall()
    return int(count)


def _check_written(connection: duckdb.DuckDBPyConnection, folder: Path, metadata: dict[str, object]) -> None:
    check_metadata(folder / DESCRIPTOR, metadata)
    with ExitStack() as stack:
        tables = {name: stack.enter_context(loaded_table(connection, folder / f"{name}.csv")) for name in TABLES}
        for name, table in tables.items():
            check_rows(connection, table, table_schema(name), tables)
