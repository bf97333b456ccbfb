"""Splits of locations into training, validation and test: drawn once, and never moved."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import duckdb

from treeline.catalog.assign import SPLITS, TRAIN, Location, assign
from treeline.catalog.database import CatalogError, open_to_write, read_sql

TOLERANCE = 1e-6
"""By which shares may miss a sum of 1."""

log = logging.getLogger(__name__)


def draw_splits(
    catalog: Path, datasets: Sequence[str], *, shares: Sequence[float], seed: int, memory_mb: int, threads: int
) -> int:
    """Give each location that has no split one; all of them, or on an error none.

    Args:
        catalog: The catalogue.
        datasets: Only these data sets, and their siblings; all if there is none.
        shares: Of train, val and test, in this order.
        seed: Another one draws other splits.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Returns:
        The number of locations that got a split.

    Raises:
        CatalogError: A data set is not there, the shares do not add up to 1, siblings disagree already, or the
            catalogue cannot be opened.
    """
    if abs(sum(shares) - 1) > TOLERANCE or min(shares) < 0:
        given = ", ".join(f"{split} {share:g}" for split, share in zip(SPLITS, shares, strict=True))
        raise CatalogError(f"the shares do not add up to 1: {given}.")
    if not catalog.is_file():
        raise CatalogError(f"{catalog}: no such file. Ingest something first: treeline catalog ingest --help.")
    with open_to_write(catalog, memory_mb=memory_mb, threads=threads) as connection:
        connection.execute(read_sql("views.sql"))
        families = _families(connection, datasets)
        connection.execute(read_sql("splits.sql"))
        connection.execute(read_sql("meetings.sql"))
        known = _known(connection)
        met = _met(connection, known)
        new = [
            (family, location, split)
            for family, locations in sorted(_locations(connection, families).items())
            for location, split in assign(family, locations, known[family], shares, seed, met[family]).items()
        ]
        return _insert(connection, families, new)


def warn_of_new_locations(connection: duckdb.DuckDBPyConnection) -> None:
    """Warn of locations that have no split yet, in data sets of which others have: they count as for training."""
    # From sequences, which are few, to images: those whose location is known would all be joined for nothing.
    rows = connection.execute("""
        WITH new_locations AS (
            SELECT dataset, location
            FROM sequences
            ANTI JOIN splits USING (dataset, location)
            SEMI JOIN (SELECT sequence FROM images WHERE properties ->> 'location' IS NULL) USING (sequence)
            UNION ALL
            SELECT dataset, own.location
            FROM (SELECT sequence, properties ->> 'location' AS location FROM images WHERE location IS NOT NULL) AS own
            JOIN sequences USING (sequence)
            ANTI JOIN splits ON splits.dataset = sequences.dataset AND splits.location = own.location
        )
        SELECT dataset, count(DISTINCT location)
        FROM new_locations
        WHERE location IS NOT NULL AND dataset IN (SELECT dataset FROM splits UNION SELECT dataset FROM split_entries)
        GROUP BY dataset
        ORDER BY dataset
    """).fetchall()
    for dataset, count in rows:
        log.warning("%s: %d locations have no split and count as train: treeline catalog split", dataset, count)


def check_datasets(connection: duckdb.DuckDBPyConnection, datasets: Sequence[str]) -> None:
    """Check that the catalogue has data sets.

    Raises:
        CatalogError: One is not there; the text has the near ones.
    """
    known = [name for (name,) in connection.execute("SELECT dataset FROM datasets ORDER BY dataset").fetchall()]
    for dataset in datasets:
        if dataset not in known:
            near = get_close_matches(dataset, known, cutoff=0.5) or known
            raise CatalogError(f"there is no data set {dataset}; there is: {', '.join(near) or 'none'}.")


def _families(connection: duckdb.DuckDBPyConnection, datasets: Sequence[str]) -> list[str]:
    check_datasets(connection, datasets)
    if datasets:
        return sorted({dataset.removesuffix("_private") for dataset in datasets})
    rows = connection.execute("SELECT dataset FROM datasets").fetchall()
    return sorted({dataset.removesuffix("_private") for (dataset,) in rows})


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = defaultdict(dict)
    for family, location, split in connection.execute("FROM drawn ORDER BY ALL").fetchall():
        if location in known[family]:
            raise CatalogError(
                f"{family} and {family}_private have location {location} in {known[family][location]} and in {split}. "
                "Siblings share their splits: correct the source of one, and ingest it again."
            )
        known[family][location] = split
    return known


def _met(
    connection: duckdb.DuckDBPyConnection, known: Mapping[str, Mapping[str, str]]
) -> dict[str, list[tuple[str | None, str | None]]]:
    """Pairs of locations of each family that have a sequence in common; warns of those in two splits, which stay."""
    met: dict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    for family, one, other in connection.execute("FROM met ORDER BY ALL").fetchall():
        met[family].append((one, other))
        splits: dict[str | None, str] = {None: TRAIN}
        splits.update(known.get(family, {}))
        if one in splits and other in splits and splits[one] != splits[other]:
            places = " and ".join(f"{name or 'no location'} ({splits[name]})" for name in (one, other))
            log.warning(
                "%s: one sequence is in two splits, which are never changed: it has images of %s", family, places
            )
    return met


def _locations(connection: duckdb.DuckDBPyConnection, families: Sequence[str]) -> dict[str, list[Location]]:
    found: dict[str, dict[str | None, Location]] = defaultdict(dict)
    rows = connection.execute("FROM amounts WHERE list_contains($1, family) ORDER BY ALL", [families]).fetchall()
    for family, location, measure, label, amount in rows:
        found[family].setdefault(location, Location(location)).amounts[measure, label] = amount
    return {family: list(locations.values()) for family, locations in found.items()}


def _insert(connection: duckdb.DuckDBPyConnection, families: Sequence[str], new: list[tuple[str, str, str]]) -> int:
    """Write new splits, and for each data set those that a sibling had already."""
    import pyarrow as pa

    columns = [pa.array([row[place] for row in new], pa.string()) for place in range(3)]
    connection.register("new_splits", pa.table(columns, names=["family", "location", "split"]))
    inserted = connection.execute(
        """
        INSERT INTO splits
        SELECT DISTINCT located.dataset, location, split
        FROM located
        JOIN (FROM drawn UNION FROM new_splits) USING (family, location)
        WHERE list_contains($1, family)
        ORDER BY ALL
        ON CONFLICT DO NOTHING
    """,
        [families],
    ).fetchall()
    connection.unregister("new_splits")
    return int(inserted[0][0])
