"""Join the images with the occurrence table and the detections, once for all groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.database import quote_identifier, quote_literal, quote_path
from treeline.io.occurrences import Occurrences
from treeline.lookup.asked import rows_of
from treeline.lookup.groups import Group, GroupError
from treeline.lookup.licensing import LICENSING_COLUMNS, asked_columns, find_licenses, licensed_images, met_column
from treeline.lookup.scan import IMAGE_COLUMNS

STANDARD_COLUMNS = ("basisOfRecord", "kingdom", "phylum", "class", "order", "family", "genus", "species")
"""Metadata columns of every lookup table; NULL where the metadata has none of that name."""

DETECTED_CATEGORIES = ("animal", "person", "vehicle")
DETECTION_COLUMNS = ("detections", "max_confidence", *DETECTED_CATEGORIES)
"""Columns that groups can ask for when detections are joined.

`detections` counts an image's detections; the others are confidences, [0, 1], 0 where nothing of the kind was found.
All are NULL for an image that the detector has not seen or could not read.
"""

JOINED = "joined"
DUPLICATES = "duplicates"


@dataclass(frozen=True)
class Sources:
    """What is joined.

    Args:
        root: Folder that the images' paths start from.
        urls: Folder of the URL batches, which say whose the images are.
        images: Parquet of `scan.IMAGE_COLUMNS`.
        occurrences: The occurrence table, if there is one.
        detections: Parquet of `schemas.DETECTIONS`, if it is to be joined.
    """

    root: Path
    urls: Path
    images: Path
    occurrences: Occurrences | None
    detections: Path | None

    def metadata_columns(self, groups: Sequence[Group]) -> list[str]:
        """Columns of the occurrence table that a group or every lookup table needs, in the table's order."""
        if self.occurrences is None:
            return []
        detections = DETECTION_COLUMNS if self.detections else ()
        own = {name.lower() for name in (*IMAGE_COLUMNS, "has_metadata", *detections, *LICENSING_COLUMNS)}
        needed = {name.lower() for name in STANDARD_COLUMNS}.union(*(group.names for group in groups))
        return [name for name in self.occurrences.columns if name.lower() in needed - own]


def check_groups(connection: duckdb.DuckDBPyConnection, sources: Sources, groups: Sequence[Group]) -> None:
    """Check every group against an empty table of the columns that there will be.

    Raises:
        GroupError: A predicate is no single SQL expression of true or false, or a column does not exist; names both.
        ShardError: A group's table is not there, or has no column `uuid`.
    """
    _read_occurrences(connection, sources, groups, condition="false")
    find_licenses(connection, None, sources.root, sources.urls)
    connection.execute(f"CREATE TEMP TABLE {JOINED} AS {_joined(sources, groups)} LIMIT 0")
    metadata = sources.occurrences.file if sources.occurrences else "no metadata (lookup.metadata is not set)"
    for group in groups:
        rows, origin = rows_of(group, JOINED), group.definition.table or metadata
        known = {name.lower() for name, *_ in connection.execute(f"DESCRIBE FROM {rows}").fetchall()}
        _check_predicate(connection, group, rows, origin)
        sample = group.definition.sample
        named = [("columns", name) for name in group.definition.columns]
        named += [("sample.stratify_by", sample.stratify_by)] if sample else []
        for field, name in named:
            if name.lower() not in known:
                problem = f'there is no column "{name}" in {origin}.'
                raise GroupError(group.name, group.file, problem, field=field)
    connection.execute(f"DROP TABLE {JOINED}")
    connection.execute("DROP TABLE occurrences")


def join_sources(connection: duckdb.DuckDBPyConnection, sources: Sources, groups: Sequence[Group]) -> None:
    """Make the tables `joined`, a row for each row of the images, and `duplicates`.

    Of an occurrence that the metadata has several times, the row that sorts first by its columns is taken; the table
    `duplicates` holds its `source_id` and the number of its rows.

    Raises:
        InputError: The occurrence table cannot be read.
    """
    of_images = f"occurrence_id IN (SELECT source_id FROM {_parquet(sources.images)})"
    _read_occurrences(connection, sources, groups, condition=of_images)
    if sources.occurrences is not None:
        sources.occurrences.report_malformed(connection)
    connection.execute(f"""
        CREATE TEMP TABLE {DUPLICATES} AS
        SELECT occurrence_id AS source_id, count(*) AS rows FROM occurrences GROUP BY ALL HAVING count(*) > 1
    """)
    if licensed_images(groups) is not None:
        find_licenses(connection, sources.images, sources.root, sources.urls)
    connection.execute(f"CREATE TEMP TABLE {JOINED} AS {_joined(sources, groups)}")
    connection.execute("DROP TABLE occurrences")


def _check_predicate(connection: duckdb.DuckDBPyConnection, group: Group, rows: str, origin: Path | str) -> None:
    try:
        duckdb.SQLExpression(group.predicate)
        [(_, kind, *_)] = connection.execute(f"DESCRIBE SELECT (\n{group.predicate}\n) FROM {rows}").fetchall()
    except duckdb.BinderException as error:
        raise GroupError(group.name, group.file, f"does not fit {origin}: {error}", field="where") from None
    except duckdb.Error as error:
        raise GroupError(group.name, group.file, f"is not one SQL expression: {error}", field="where") from None
    if kind not in ("BOOLEAN", '"NULL"'):
        problem = f"expected an expression of true or false, found one of {kind}."
        raise GroupError(group.name, group.file, problem, field="where")


def _read_occurrences(
    connection: duckdb.DuckDBPyConnection, sources: Sources, groups: Sequence[Group], condition: str
) -> None:
    """Make the table `occurrences`, of the rows that meet `condition` and the columns that are needed."""
    occurrences = sources.occurrences
    if occurrences is None:
        connection.execute("CREATE TEMP TABLE occurrences AS SELECT NULL::VARCHAR AS occurrence_id WHERE false")
        return
    key = f"CAST({quote_identifier(occurrences.key)} AS VARCHAR) AS occurrence_id"
    selected = ", ".join([key, *map(quote_identifier, sources.metadata_columns(groups))])
    try:
        connection.execute(f"""
            CREATE TEMP TABLE occurrences AS
            SELECT * FROM (SELECT {selected} FROM {occurrences.relation}) WHERE {condition}
        """)
    except duckdb.Error as error:
        raise InputError(occurrences.file, f"cannot be read: {error}") from None


def _joined(sources: Sources, groups: Sequence[Group]) -> str:
    metadata = [f"occurrence.{quote_identifier(name)}" for name in sources.metadata_columns(groups)]
    detections = [f"detected.{name}" for name in DETECTION_COLUMNS] if sources.detections else []
    licensed = licensed_images(groups)
    met = [met_column(group) for group in groups if group.definition.licenses]
    licensing = [f"licensed.{name}" for name in asked_columns(groups)]
    licensing += [f"coalesce(licensed.{name}, false) AS {name}" for name in met]
    columns = ["image.*", "occurrence.occurrence_id IS NOT NULL AS has_metadata", *metadata, *detections, *licensing]
    order = ", ".join(metadata or ["occurrence.occurrence_id"])
    return f"""
        SELECT {", ".join(columns)}
        FROM {_parquet(sources.images)} AS image
        LEFT JOIN (
            SELECT * FROM occurrences AS occurrence
            QUALIFY row_number() OVER (PARTITION BY occurrence.occurrence_id ORDER BY {order}) = 1
        ) AS occurrence ON image.source_id = occurrence.occurrence_id
        {_join_of_detections(sources.detections) if sources.detections else ""}
        {f"LEFT JOIN {licensed} AS licensed ON image.uuid = licensed.uuid" if licensed else ""}
    """


def _join_of_detections(detections: Path) -> str:
    def confidence(condition: str) -> str:
        return f"CASE WHEN count(failure) = 0 THEN coalesce(max(confidence) FILTER ({condition}), 0) END"

    categories = [f"{confidence(f'category = {quote_literal(name)}')} AS {name}" for name in DETECTED_CATEGORIES]
    return f"""
        LEFT JOIN (
            SELECT
                uuid,
                CASE WHEN count(failure) = 0 THEN count(category) END AS detections,
                {confidence("true")} AS max_confidence,
                {", ".join(categories)}
            FROM {_parquet(detections)} GROUP BY uuid
        ) AS detected ON image.uuid = detected.uuid
    """


def _parquet(file: Path) -> str:
    return f"read_parquet({quote_path(file)}, hive_partitioning = false)"
