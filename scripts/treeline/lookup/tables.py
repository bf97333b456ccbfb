"""Write the lookup tables of all groups: one join, then for each group a selection cut into batches of shards."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.database import open_database, quote_identifier, quote_literal
from treeline.io.occurrences import open_occurrences
from treeline.io.query_files import write_query
from treeline.lookup.asked import rows_of, warn_of_absent
from treeline.lookup.groups import Group, GroupError, read_groups
from treeline.lookup.join import DUPLICATES, JOINED, STANDARD_COLUMNS, Sources, check_groups, join_sources
from treeline.lookup.licensing import met_column
from treeline.lookup.unchanged import replace_when_changed
from treeline.paths import Paths
from treeline.schemas import MANIFEST_OF_LOOKUP

REPORT = ("group", "images", "with_metadata", "passed", "left_out_by_license", "kept", "paths", "batches")
"""Columns of `lookup/report.csv`: rows seen, joined with metadata, let pass by `where`, left out of these by
`licenses`, and kept in the end."""

DUPLICATE_IDS = "duplicate_source_ids.parquet"
"""Under the lookup folder: occurrences that the metadata has several times, with the number of their rows."""

logger = logging.getLogger(__name__)


def create_lookup_tables(
    paths: Paths,
    group_files: Sequence[Path],
    *,
    taxonomy: Path,
    metadata: Path | None,
    detections: Path | None,
    urls: Path | None = None,
    max_files: int,
    memory_mb: int,
    threads: int,
) -> None:
    """Write the batches and the manifest of every group, and a report over all of them.

    A batch's file that would not change is left alone, time included. A group's manifest is written when its batches
    are complete; batches of an earlier run that there is no more are removed.

    Args:
        paths: Where everything lies; `lookup/images.parquet` must be there.
        group_files: YAML files of the groups.
        taxonomy: Folder of the taxonomic lists.
        metadata: Occurrence table, if there is one.
        detections: Table of `schemas.DETECTIONS`, if it is to be joined.
        urls: Folder of the URL batches; by default that of `paths`.
        max_files: Most shards in a batch. A shard never spans two batches.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        GroupError: A group is refused, or does not fit the metadata; nothing has been read or written then.
        InputError: The metadata cannot be read.
    """
    groups = read_groups(group_files, taxonomy)
    with open_database(paths.lookup, "lookup", memory_mb=memory_mb, threads=threads) as (connection, scratch):
        occurrences = open_occurrences(connection, metadata, scratch) if metadata else None
        sources = Sources(paths.root, urls or paths.urls, paths.lookup_images, occurrences, detections)
        check_groups(connection, sources, groups)
        join_sources(connection, sources, groups)
        _report_duplicates(connection, sources, paths)
        images = _row(connection, f"SELECT count(*), count(*) FILTER (has_metadata) FROM {JOINED}")
        report = [(*images, *_write_group(connection, group, paths, scratch, max_files)) for group in groups]
    rows = [(group.name, *counts) for group, counts in zip(groups, report, strict=True)]
    write_text(paths.lookup_report, csv_text(REPORT, rows))


def selection(group: Group) -> str:
    """SQL of the rows that a group keeps."""
    passing = f"SELECT * FROM {_passing(group)}"
    if group.definition.multiple_images:
        passing = f"""
            SELECT * FROM ({passing}) WHERE source_id IN (
                SELECT source_id FROM ({passing}) GROUP BY source_id HAVING min(uuid) <> max(uuid)
            )
        """
    sample = group.definition.sample
    if sample is None:
        return passing
    stratum = f"CAST({quote_identifier(sample.stratify_by)} AS VARCHAR)"
    fractions = ", ".join(f"({quote_literal(name)}, {share}::DOUBLE)" for name, share in sample.fractions.items())
    order = f"md5('{sample.seed}:' || uuid), uuid, path, source_id"
    return f"""
        SELECT passing.* FROM ({passing}) AS passing
        JOIN (VALUES {fractions}) AS fractions (stratum, fraction) ON {stratum} = fractions.stratum
        QUALIFY row_number() OVER (PARTITION BY fractions.stratum ORDER BY {order})
            <= floor(fraction * count(*) OVER (PARTITION BY fractions.stratum) + 0.5)
    """


def _passing(group: Group) -> str:
    """SQL of the rows that a group's predicate and its demands on licences let pass, without SELECT."""
    passing = f"{rows_of(group, JOINED)} WHERE (\n{group.predicate}\n)"
    return f"{passing} AND {met_column(group)}" if group.definition.licenses else passing


def _write_group(
    connection: duckdb.DuckDBPyConnection, group: Group, paths: Paths, scratch: Path, max_files: int
) -> tuple[int, int, int, int, int]:
    """Write a group's batches and manifest.

    Returns:
        Rows that passed, rows of these that were left out by their licences, rows kept, paths and batches.
    """
    try:
        (passed,) = _row(connection, f"SELECT count(*) FROM {rows_of(group, JOINED)} WHERE (\n{group.predicate}\n)")
        (licensed,) = _row(connection, f"SELECT count(*) FROM {_passing(group)}")
        warn_of_absent(connection, group, JOINED)
        _select(connection, group, max_files)
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as error:
        raise GroupError(group.name, group.file, f"fails on a row: {error}", field="where") from None
    batches = connection.execute(
        "SELECT group_id, count(*), count(DISTINCT path) FROM selected GROUP BY group_id ORDER BY group_id"
    ).fetchall()
    for group_id, _, _ in batches:
        _write_batch(connection, group, group_id, paths, scratch)
    manifest = paths.lookup_manifest(group.name)
    _remove_stale(manifest.parent, keep={f"group_id={group_id}" for group_id, _, _ in batches})
    write_text(manifest, csv_text(MANIFEST_OF_LOOKUP.names, [(group.name, *batch) for batch in batches]))
    rows, files = sum(batch[1] for batch in batches), sum(batch[2] for batch in batches)
    logger.info("%s: %d images in %d files, %d batches", group.name, rows, files, len(batches))
    if licensed < passed:
        logger.info("%s: %d images are left out by their licences", group.name, passed - licensed)
    return passed, passed - licensed, rows, files, len(batches)


def _select(connection: duckdb.DuckDBPyConnection, group: Group, max_files: int) -> None:
    """Make the table `selected`: the group's lookup rows, with the batch of each, in the order of the batches."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE selected AS
        WITH kept AS MATERIALIZED ({selection(group)}),
        numbered AS (
            SELECT path, (row_number() OVER (ORDER BY path) - 1) // {max_files} AS group_id
            FROM (SELECT DISTINCT path FROM kept)
        )
        SELECT group_id, {", ".join(_columns(connection, group))}
        FROM kept JOIN numbered USING (path)
        ORDER BY group_id
    """)


def _columns(connection: duckdb.DuckDBPyConnection, group: Group) -> list[str]:
    """SQL of the columns of a group's lookup rows."""
    if group.definition.table is not None:
        return [f"kept.* EXCLUDE ({met_column(group)})" if group.definition.licenses else "kept.*"]
    joined = {name.lower() for name, *_ in connection.execute(f"DESCRIBE {JOINED}").fetchall()}
    standard = [
        quote_identifier(name) if name.lower() in joined else f"NULL::VARCHAR AS {quote_identifier(name)}"
        for name in STANDARD_COLUMNS
    ]
    fixed = {name.lower() for name in ("uuid", "source_id", "path", *STANDARD_COLUMNS)}
    further = [quote_identifier(name) for name in group.definition.columns if name.lower() not in fixed]
    return ["uuid", "source_id", *standard, *further, "path"]


def _write_batch(
    connection: duckdb.DuckDBPyConnection, group: Group, group_id: int, paths: Paths, scratch: Path
) -> None:
    rows = f"FROM selected WHERE group_id = {group_id}"
    table = scratch / "lookup.parquet"
    write_query(connection, f"SELECT * EXCLUDE (group_id) {rows} ORDER BY path, uuid, source_id, COLUMNS(*)", table)
    files = connection.execute(f"SELECT DISTINCT path {rows} ORDER BY path").fetchall()
    listing = scratch / "paths.txt"
    listing.write_text("".join(f"{path}\n" for (path,) in files), encoding="utf-8")
    replace_when_changed(listing, paths.lookup_paths(group.name, group_id))
    replace_when_changed(table, paths.lookup_batch(group.name, group_id))


def _remove_stale(folder: Path, keep: set[str]) -> None:
    for batch in folder.glob("group_id=*"):
        if batch.name not in keep:
            shutil.rmtree(batch)


def _report_duplicates(connection: duckdb.DuckDBPyConnection, sources: Sources, paths: Paths) -> None:
    target = paths.lookup / DUPLICATE_IDS
    write_query(connection, f"SELECT source_id, rows FROM {DUPLICATES} ORDER BY source_id", target)
    (count,) = _row(connection, f"SELECT count(*) FROM {DUPLICATES}")
    if count and sources.occurrences:
        logger.warning(
            "%s has %d occurrences of images several times: one row of each is used, see %s",
            sources.occurrences.file,
            count,
            target,
        )


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row
