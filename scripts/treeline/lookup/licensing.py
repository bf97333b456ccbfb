"""Groups of images by their licences: what is known of each, and the SQL that a group's demands become."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from treeline.io.credits.facts import facts_of_shards
from treeline.io.credits.table import LACKS
from treeline.io.database import quote_literal, quote_path
from treeline.io.licenses import LICENSE_COLUMNS, make_license_table, normalise
from treeline.lookup.groups import Group, Licenses

LICENSED = "licensed"
LICENSING_COLUMNS = ("image_creator", "image_license", *LICENSE_COLUMNS)
"""Columns that groups can ask for: who made an image, its licence as it was given, and what that is.

They are what the table of URLs said, and NULL for an image of which it said nothing.
"""


def asks_for_licenses(groups: Sequence[Group]) -> bool:
    """Whether a group has demands on licences, or asks for a column of `LICENSING_COLUMNS`."""
    return any(group.definition.licenses or group.names & set(LICENSING_COLUMNS) for group in groups)


def make_licensed(connection: duckdb.DuckDBPyConnection, images: Path | None, root: Path, urls: Path) -> None:
    """Make the table `LICENSED` of `uuid`, `LICENSING_COLUMNS` and `image_lacks`, what `table.LACKS` says.

    Args:
        connection: The database.
        images: Parquet with the column `path`: the shards whose images are wanted; None for an empty table.
        root: Folder that the paths start from.
        urls: Folder of the URL batches.

    Raises:
        InputError: A batch cannot be read.
    """
    shards: list[str] = []
    if images is not None:
        listed = connection.execute(f"SELECT DISTINCT path FROM read_parquet({quote_path(images)})").fetchall()
        shards = [path for (path,) in listed]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW facts AS FROM {facts_of_shards(connection, root, urls, shards)}")
    make_license_table(connection, "licenses", "SELECT license FROM facts")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {LICENSED} AS
        SELECT
            uuid, coalesce(creator, rights_holder) AS image_creator, license AS image_license,
            {", ".join(LICENSE_COLUMNS)}, {LACKS} AS image_lacks
        FROM (
            SELECT uuid, license, coalesce(creator, CASE WHEN rights_holder IS NULL THEN observer END) AS creator,
                rights_holder
            FROM facts
        ) JOIN licenses ON given IS NOT DISTINCT FROM license
    """)


def condition(licenses: Licenses) -> str:
    """SQL predicate over `uuid`: whether an image's licence meets the demands."""
    demands = [
        f"license_{term} = {str(wanted).lower()}"
        for term in ("commercial", "derivatives", "share_alike")
        if (wanted := getattr(licenses, term)) is not None
    ]
    if licenses.allow is not None:
        names = ", ".join(quote_literal(str(normalise(name).name)) for name in licenses.allow)
        demands.append(f"license_name IN ({names})")
    if licenses.complete:
        demands.append("image_lacks IS NULL")
    return f"uuid IN (SELECT uuid FROM {LICENSED} WHERE {' AND '.join(demands)})"
