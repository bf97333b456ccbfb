"""Read Treeline's own collection: shards, and what detection, EXIF and the occurrence table say of their images.

The source is `lookup/images.parquet`, the list of all images with their shards. `tables` may name `detections`
(detections.parquet), `exif` (folder of findings) and `metadata` (occurrence table). A sequence is made of images of one
location; `columns` says which columns of the occurrence table are an image's `class`, `location` and `datetime`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir

import duckdb

from treeline.catalog.sources import Source
from treeline.errors import InputError
from treeline.io.database import quote_identifier, quote_literal, quote_path
from treeline.io.occurrences import open_occurrences
from treeline.io.scratch import scratch_folder

DARWIN_CORE = {"class": "species", "location": "locality", "datetime": "eventDate"}
"""Columns of the occurrence table that are taken where none are named."""

ROLES = frozenset(DARWIN_CORE)
PROPERTIES = ("source_id", "identifier", "license", "source", "title")
"""What a shard says of an image and the catalogue keeps."""


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a collection.

    Raises:
        InputError: A table is missing or cannot be read, or no data set is named.
    """
    dataset = source.required_dataset
    with scratch_folder(Path(gettempdir()), "catalog") as scratch:
        try:
            roles = _join_metadata(connection, source, scratch)
            _stage_images(connection, source, dataset, roles)
            if source.access:
                described = "INSERT INTO staged_datasets (dataset, access) VALUES (?, ?)"
                connection.execute(described, [dataset, list(source.access)])
            if "detections" in source.tables:
                _stage_boxes(connection, source.tables["detections"])
        except duckdb.Error as error:
            problem = f"the collection cannot be read: {str(error).partition(chr(10))[0]}"
            raise InputError(source.path, problem, fix="Run the stage that makes the file at fault.") from error


def fingerprint(source: Source) -> str:
    """What the catalogue takes from the shards, as a short text that changes with it; their images are not read.

    Raises:
        InputError: A shard cannot be read.
    """
    columns = ", ".join(("uuid", *PROPERTIES, "resized_size"))
    try:
        with duckdb.connect() as connection:
            query = f"SELECT count(*), bit_xor(hash({columns})) FROM {_shard_rows(connection, source)}"
            return str(connection.execute(query).fetchall())
    except duckdb.Error as error:
        problem = f"the collection cannot be read: {str(error).partition(chr(10))[0]}"
        raise InputError(source.path, problem, fix="Run the stage that makes the file at fault.") from error


def _shard_rows(connection: duckdb.DuckDBPyConnection, source: Source) -> str:
    """SQL of the rows of all shards."""
    listed = f"SELECT DISTINCT path FROM read_parquet({quote_path(source.path)}) ORDER BY path"
    files = [quote_path(source.tables["root"] / path) for (path,) in connection.execute(listed).fetchall()]
    if files:
        return f"read_parquet([{', '.join(files)}], hive_partitioning = false)"
    return f"(SELECT {', '.join(f'NULL AS {name}' for name in ('uuid', *PROPERTIES, 'resized_size'))} WHERE false)"


def _join_metadata(connection: duckdb.DuckDBPyConnection, source: Source, scratch: Path) -> dict[str, str]:
    """Make the table `metadata`, and give the columns that it has by what they are."""
    file = source.tables.get("metadata")
    if file is None:
        connection.execute("CREATE OR REPLACE TEMP TABLE metadata AS SELECT NULL::VARCHAR AS source_id WHERE false")
        return {}
    occurrences = open_occurrences(connection, file, scratch)
    known = {name.lower(): name for name in occurrences.columns}
    wanted = source.columns or {role: name for role, name in DARWIN_CORE.items() if name.lower() in known}
    for role, name in wanted.items():
        if name.lower() not in known:
            raise InputError(file, f"there is no such column, which columns.{role} names.", field=name)
    chosen = [
        f"CAST({quote_identifier(known[name.lower()])} AS VARCHAR) AS {quote_identifier(role)}"
        for role, name in wanted.items()
    ]
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE metadata AS
        SELECT DISTINCT ON (source_id) CAST({quote_identifier(occurrences.key)} AS VARCHAR) AS source_id
            {"".join(f", {column}" for column in chosen)}
        FROM {occurrences.relation}
        ORDER BY ALL
    """)
    occurrences.report_malformed(connection)
    return wanted


def _stage_images(
    connection: duckdb.DuckDBPyConnection, source: Source, dataset: str, roles: Mapping[str, str]
) -> None:
    shard_rows = _shard_rows(connection, source)
    given = {name: f"shard.{name}" for name in PROPERTIES}
    given |= {role: f"metadata.{quote_identifier(role)}" for role in roles if role not in ROLES}
    given |= {"latitude": "exif.latitude", "longitude": "exif.longitude", "camera": "exif.model"}
    pairs = ", ".join(f"{quote_literal(name)}: to_json({value})" for name, value in given.items())
    role = {name: f"metadata.{name}" if name in roles else "NULL" for name in ROLES}
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE exif AS {_exif(source.tables.get("exif"))};
        CREATE OR REPLACE TEMP TABLE detected AS {_detected(source.tables.get("detections"))};
        INSERT INTO staged_images BY NAME
        SELECT
            row_number() OVER (ORDER BY listed.uuid) AS item,
            {quote_literal(dataset)} AS dataset,
            to_json({role["location"]}) AS location,
            coalesce(detected.file, listed.uuid || '.jpg') AS file,
            CASE WHEN {role["class"]} IS NOT NULL THEN [{role["class"]}] END AS class,
            coalesce(exif.datetime, {role["datetime"]}) AS datetime,
            shard.resized_size[2] AS width,
            shard.resized_size[1] AS height,
            listed.uuid,
            false AS annotated,
            object_of(MAP {{{pairs}}}) AS properties
        FROM read_parquet({quote_path(source.path)}) AS listed
        JOIN {shard_rows} AS shard USING (uuid)
        LEFT JOIN metadata ON metadata.source_id = shard.source_id
        LEFT JOIN exif USING (uuid)
        LEFT JOIN detected USING (uuid);
        DROP TABLE metadata; DROP TABLE exif; DROP TABLE detected;
    """)


def _exif(folder: Path | None) -> str:
    if folder is None:
        columns = {
            "uuid": "VARCHAR",
            "datetime": "VARCHAR",
            "latitude": "DOUBLE",
            "longitude": "DOUBLE",
            "model": "VARCHAR",
        }
        return f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in columns.items())} WHERE false"
    files = quote_literal(f"{folder}/*/*.parquet")
    return f"""
        SELECT
            uuid, regexp_replace(datetime, '^(....):(..):', '\\1-\\2-') AS datetime, latitude, longitude, model
        FROM read_parquet({files}, hive_partitioning = false)
    """


def _detected(detections: Path | None) -> str:
    if detections is None:
        return "SELECT NULL::VARCHAR AS uuid, NULL::VARCHAR AS file WHERE false"
    return f"SELECT uuid, any_value(file) AS file FROM read_parquet({quote_path(detections)}) GROUP BY uuid"


def _stage_boxes(connection: duckdb.DuckDBPyConnection, detections: Path) -> None:
    connection.execute(f"""
        INSERT INTO staged_boxes BY NAME
        SELECT
            item,
            (row_number() OVER of_image - 1)::INTEGER AS box,
            category,
            greatest(x_min, 0) AS x_min,
            greatest(y_min, 0) AS y_min,
            least(box_width, 1 - greatest(x_min, 0)) AS width,
            least(box_height, 1 - greatest(y_min, 0)) AS height,
            confidence
        FROM read_parquet({quote_path(detections)})
        JOIN staged_images USING (uuid)
        WHERE category IS NOT NULL
        WINDOW of_image AS (PARTITION BY item ORDER BY confidence DESC, category, x_min, y_min, box_width, box_height)
    """)
