"""Groups whose images a table names: the result of a query of the catalogue, or a list of one's own."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb

from treeline.io.database import quote_identifier, quote_path
from treeline.io.parquet import open_shard
from treeline.lookup.groups import Group
from treeline.lookup.licensing import met_column

_OURS = ("uuid", "source_id", "path", "group_id")
"""Columns that lookup tables and their paths have from the images: a table's own of these names are left out."""

logger = logging.getLogger(__name__)


def rows_of(group: Group, joined: str) -> str:
    """SQL of the rows that a group selects from.

    Args:
        group: The group.
        joined: Name of the table of all images.

    Returns:
        All images; or those that the group's table names, with its columns between `source_id` and `path`, a row for
        each of its rows. Behind them is the group's `met_column`, if it has one.

    Raises:
        ShardError: There is no such table, it is not Parquet, or has no column `uuid`.
    """
    if group.definition.table is None:
        return joined
    further = [f"asked.{quote_identifier(name)}" for name in _further_columns(Path(group.definition.table))]
    met = [f"image.{met_column(group)}"] if group.definition.licenses else []
    columns = ", ".join(["image.uuid", "image.source_id", *further, "image.path", *met])
    return f"(SELECT {columns} FROM {_asked(group.definition.table)} JOIN {joined} AS image ON {_SAME_UUID})"


def warn_of_absent(connection: duckdb.DuckDBPyConnection, group: Group, joined: str) -> None:
    """Say how many rows of a group's table name no image that was downloaded."""
    if group.definition.table is None:
        return
    [(rows, absent)] = connection.execute(f"""
        SELECT count(*), count_if(image.uuid IS NULL)
        FROM {_asked(group.definition.table)}
        LEFT JOIN (SELECT DISTINCT uuid FROM {joined}) AS image ON {_SAME_UUID}
    """).fetchall()
    if absent:
        logger.warning(
            "%s: %d of %d rows of %s name no image of the shards", group.name, absent, rows, group.definition.table
        )


_SAME_UUID = "CAST(asked.uuid AS VARCHAR) = image.uuid"


def _asked(table: str) -> str:
    return f"read_parquet({quote_path(Path(table))}, hive_partitioning = false) AS asked"


def _further_columns(table: Path) -> list[str]:
    with open_shard(table, ["uuid"]) as file:
        return [name for name in file.schema_arrow.names if name.lower() not in _OURS]
