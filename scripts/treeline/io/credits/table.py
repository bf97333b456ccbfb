"""The credits of a subset's images as a table, and what is lacking."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from treeline.io.credits.columns import COLUMNS
from treeline.io.credits.facts import facts_of_shards, read_tables
from treeline.io.credits.subsets import SUBSET
from treeline.io.database import quote_literal, quote_path
from treeline.io.licenses import make_license_table
from treeline.io.manifest import read_manifest
from treeline.io.query_files import stream_query, write_tables
from treeline.paths import shard_folder

CREDITS = (
    *("uuid", "file", "title", "creator", "rights_holder", "source", "url"),
    *("license", "license_id", "license_url", "license_given", "lacks"),
)
"""Columns of the table of credits.

`license` is the licence's name, `license_id` its SPDX identifier, `license_url` its canonical address, and
`license_given` what the licence was called; `lacks` says what keeps an image from being published with full credit.
"""

LACKS = """nullif(concat_ws('; ',
    CASE license_status
        WHEN 'missing' THEN 'no licence given'
        WHEN 'unknown' THEN 'licence not recognised'
        WHEN 'partial' THEN 'not a full licence'
        WHEN 'none' THEN 'no licence granted'
    END,
    CASE WHEN creator IS NULL AND rights_holder IS NULL AND license_attribution IS DISTINCT FROM false
        THEN 'no creator'
    END
), '')"""
"""SQL of what an image lacks, NULL for nothing, with the columns of its licence, `creator` and `rights_holder`.

A licence that asks for no attribution, such as CC0, needs no creator.
"""

ROWS_OF_A_PART = 500_000
"""Of the subset, about; DuckDB 2.0 does not keep to its limit where more is joined and sorted in one query."""

CREATOR = """coalesce(known.creator, own.creator, CASE
    WHEN coalesce(known.rights_holder, own.rights_holder) IS NULL THEN coalesce(known.observer, own.observer)
END)"""


class Counts(NamedTuple):
    """What there is.

    Args:
        rows: Of the subset; an image may be in it several times.
        images: Different ones, each a row of the table.
        lacking: Images by what they lack; the others have a full licence and, where it asks for one, a creator.
    """

    rows: int
    images: int
    lacking: dict[str, int]

    @property
    def complete(self) -> int:
        """Images that lack nothing."""
        return self.images - sum(self.lacking.values())


def write_table(connection: duckdb.DuckDBPyConnection, root: Path, urls: Path, rows: int, target: Path) -> None:
    """Write the table of credits of the images in `SUBSET`: a row an image, the same for the same subset.

    Images are ordered by what they are called. Where there are very many, they are divided by a hash of that first, and
    so come part by part: what is joined and sorted at a time is bounded, whatever there is.

    Args:
        connection: The database, in which a stage of `subsets.py` has made that view.
        root: Folder that the shards' paths start from: `path_to_output`.
        urls: Folder of the batches, in which most is found.
        rows: Number of rows of the subset.
        target: Parquet file of `CREDITS`; beside it is room for the parts.

    Raises:
        InputError: A batch or shard cannot be read.
    """
    known = facts_of_shards(connection, root, urls, _shards(connection, urls))
    connection.execute(f"CREATE OR REPLACE TEMP VIEW known AS FROM {known}")
    make_license_table(connection, "licenses", f"SELECT license FROM known UNION ALL SELECT license FROM {SUBSET}")
    write_tables(_credits(connection, target.parent, parts=max(1, ceil(rows / ROWS_OF_A_PART))), target)


def _credits(connection: duckdb.DuckDBPyConnection, scratch: Path, parts: int) -> Iterator[pa.Table]:
    if parts == 1:
        yield from stream_query(connection, _query(SUBSET, "known"))
        return
    divided = {name: scratch / name for name in (SUBSET, "known")}
    for name, folder in divided.items():
        connection.execute(f"""
            COPY (SELECT *, md5_number_lower(uuid) % {parts} AS part FROM {name})
            TO {quote_literal(str(folder))} (FORMAT parquet, PARTITION_BY (part))
        """)
    for number in range(parts):
        sources = [_part(connection, name, folder, number) for name, folder in divided.items()]
        yield from stream_query(connection, _query(*sources))
        for folder in divided.values():
            shutil.rmtree(folder / f"part={number}", ignore_errors=True)  # there is none of an empty part


def _part(connection: duckdb.DuckDBPyConnection, name: str, folder: Path, number: int) -> str:
    """SQL of a part of a relation."""
    files = sorted((folder / f"part={number}").glob("*.parquet"))
    return read_tables(connection, files)[0] if files else f"(FROM {name} LIMIT 0)"


def _query(subset: str, known: str) -> str:
    """SQL of `CREDITS`, of relations like `SUBSET` and `facts_of_shards`."""
    packed = ", ".join(f"{name}: {name}" for name in ("path", *COLUMNS))
    # What the subset says itself stands for what the collection does not have.
    facts = ", ".join(
        f"CASE WHEN known.uuid IS NULL THEN own.{name} ELSE known.{name} END AS {name}"
        for name in ("title", "source", "url", "license")
    )
    return f"""
        WITH own AS (
            SELECT uuid, file, unnest(min({{{packed}}})) FROM {subset} GROUP BY uuid, file
        ), credited AS (
            SELECT
                own.uuid AS called,
                CASE WHEN known.uuid IS NOT NULL OR own.file IS NULL THEN own.uuid END AS uuid,
                own.file, {facts}, {CREATOR} AS creator,
                coalesce(known.rights_holder, own.rights_holder) AS rights_holder,
                known.uuid IS NOT NULL OR own.license IS NOT NULL AS is_known
            FROM own LEFT JOIN {known} AS known USING (uuid)
        )
        SELECT {", ".join(CREDITS[:-5])}, license_name AS license, license_id, license_url, given AS license_given,
            CASE WHEN is_known THEN {LACKS} ELSE concat_ws('; ', 'not in the collection', {LACKS}) END AS lacks
        FROM credited JOIN licenses ON given IS NOT DISTINCT FROM license
        ORDER BY called, file
    """


def count(connection: duckdb.DuckDBPyConnection, table: Path, rows: int) -> Counts:
    """Count what is in a table of credits of a subset of so many rows."""
    counted = connection.execute(
        f"SELECT lacks, count(*) FROM read_parquet({quote_path(table)}) GROUP BY lacks ORDER BY count(*) DESC, lacks"
    ).fetchall()
    images = sum(number for _, number in counted)
    return Counts(rows, images, {lacks: number for lacks, number in counted if lacks is not None})


def _shards(connection: duckdb.DuckDBPyConnection, urls: Path) -> list[str]:
    """Shards that may hold images of the subset: those that it names, and all where it does not name that of each."""
    named = [path for (path,) in connection.execute(f"SELECT DISTINCT path FROM {SUBSET}").fetchall()]
    manifest = urls / "manifest.parquet"
    every = read_manifest(manifest) if None in named and manifest.exists() else []
    batches = (f"{shard_folder(shard.server, shard.partition)}/successes.parquet" for shard in every)
    return [*filter(None, named), *batches]
