"""Groups of images by their licences: what is known of each, and the SQL that a group's demands become."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from treeline.io.credits.facts import facts_of_shards
from treeline.io.credits.table import LACKS
from treeline.io.database import quote_identifier, quote_literal, quote_path
from treeline.io.licenses import LICENSE_COLUMNS, make_license_table, normalise
from treeline.lookup.groups import Group, Licenses

LICENSING_COLUMNS = ("image_creator", "image_license", *LICENSE_COLUMNS)
"""Columns that groups can ask for: who made an image, its licence as it was given, and what that is.

They are what the table of URLs said, and NULL for an image of which it said nothing.
"""

_FACTS, _LICENSES = "facts", "licenses"


def asked_columns(groups: Sequence[Group]) -> list[str]:
    """Those of `LICENSING_COLUMNS` that a group asks for."""
    return [name for name in LICENSING_COLUMNS if any(name in group.names for group in groups)]


def met_column(group: Group) -> str:
    """Column, quoted, that says whether an image's licence meets a group's demands; a group without any has none."""
    return quote_identifier(f"licenses of {group.name}")


def find_licenses(connection: duckdb.DuckDBPyConnection, images: Path | None, root: Path, urls: Path) -> None:
    """Make what `licensed_images` reads.

    Args:
        connection: The database.
        images: Parquet with the column `path`: the shards whose images are wanted; None for no images.
        root: Folder that the paths start from.
        urls: Folder of the URL batches.

    Raises:
        InputError: A batch cannot be read.
    """
    shards: list[str] = []
    if images is not None:
        listed = connection.execute(f"SELECT DISTINCT path FROM read_parquet({quote_path(images)})").fetchall()
        shards = [path for (path,) in listed]
    known = facts_of_shards(connection, root, urls, shards)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {_FACTS} AS FROM {known}")
    make_license_table(connection, _LICENSES, f"SELECT license FROM {_FACTS}")


def licensed_images(groups: Sequence[Group]) -> str | None:
    """SQL of what groups need of each image, `uuid`, `asked_columns` and `met_column` of each; None for nothing."""
    met = [
        f"{condition(group.definition.licenses)} AS {met_column(group)}"
        for group in groups
        if group.definition.licenses
    ]
    if not met and not asked_columns(groups):
        return None
    return f"""(
        SELECT {", ".join(["uuid", *asked_columns(groups), *met])}
        FROM (
            SELECT *, license AS image_license, coalesce(creator, rights_holder) AS image_creator
            FROM (
                SELECT * REPLACE (coalesce(creator, CASE WHEN rights_holder IS NULL THEN observer END) AS creator)
                FROM {_FACTS}
            ) JOIN {_LICENSES} ON given IS NOT DISTINCT FROM license
        )
    )"""


def condition(licenses: Licenses) -> str:
    """SQL predicate over what is known of an image: whether its licence meets the demands; NULL for no."""
    demands = [
        f"license_{term} = {str(wanted).lower()}"
        for term in ("commercial", "derivatives", "share_alike")
        if (wanted := getattr(licenses, term)) is not None
    ]
    if licenses.allow is not None:
        names = ", ".join(quote_literal(str(normalise(name).name)) for name in licenses.allow)
        demands.append(f"license_name IN ({names})")
    if licenses.complete:
        demands.append(f"{LACKS} IS NULL")
    return f"({' AND '.join(demands)})"
