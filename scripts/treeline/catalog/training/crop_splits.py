"""The splits of a set of crops: those that locations have, and balanced ones for the others."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa

from treeline.catalog.database import read_sql
from treeline.catalog.meetings import together
from treeline.catalog.training.choice import SPLITS, write_csv
from treeline.io.atomic import write_text
from treeline.io.balance import FREE, Counts, Numbers, divide

log = logging.getLogger(__name__)

Place: TypeAlias = tuple[str, str | None]
"""A location of a family of data sets; None for what has none."""

SHARES, SPLITS_FILE = "shares.csv", "splits.json"
NAMED_LABELS = 5
"""Labels that a warning names."""


def assign_splits(connection: duckdb.DuckDBPyConnection, shares: Sequence[float], seed: int) -> None:
    """Give the images of all crops their splits: of their locations; without a location, they are for training.

    Args:
        connection: With `training_images` and `training_crops`.
        shares: Wanted shares of the crops for training, validation and testing.
        seed: As in `divide`.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE crop_places AS
        SELECT family, location, label, count(*) AS crops
        FROM training_crops JOIN training_images USING (id)
        WHERE location IS NOT NULL
        GROUP BY family, location, label
    """)
    places = connection.sql("SELECT DISTINCT family, location FROM crop_places ORDER BY ALL").to_arrow_table()
    counts = connection.execute("""
        SELECT
            dense_rank() OVER (ORDER BY family, location) - 1 AS "group",
            dense_rank() OVER (ORDER BY label) - 1 AS label,
            crops AS items
        FROM crop_places
        ORDER BY ALL
    """).fetchnumpy()
    columns = Counts(*(np.asarray(counts[name], dtype=np.int64) for name in Counts._fields))
    names = list(zip(places["family"].to_pylist(), places["location"].to_pylist(), strict=True))
    numbers, given = _units(connection, names)
    columns = columns._replace(group=numbers[columns.group])
    assigned = divide(columns, given, shares, seed)[numbers] if len(given) else given
    named = places.append_column("assigned", pa.array([SPLITS[number] for number in assigned], pa.string()))
    connection.register("assigned_places", named)
    connection.execute("""
        UPDATE training_images AS image SET split = coalesce(
            (SELECT assigned FROM assigned_places AS place
             WHERE place.family = image.family AND place.location = image.location),
            'train'
        )
    """)
    connection.unregister("assigned_places")


def _units(connection: duckdb.DuckDBPyConnection, names: Sequence[Place]) -> tuple[Numbers, Numbers]:
    """What is assigned as one: a location, or several that meet and have no split.

    Returns:
        The number of each location's unit, and the split of each unit, or `FREE`. What meets one with a split, or
        an image without a location, follows it: the first of its splits, if there are several.
    """
    connection.execute(read_sql("meetings.sql"))
    met = [((family, one), (family, other)) for family, one, other in connection.execute("FROM met").fetchall()]
    known = connection.execute("SELECT family, location, split FROM family_splits").fetchall()
    splits: dict[Place, int] = {(family, location): SPLITS.index(split) for family, location, split in known}
    splits |= {(family, None): SPLITS.index("train") for family, _ in names}
    unit_of: dict[Place, Place] = {}
    for group in together(names, met):
        found = [splits[name] for name in group if name in splits]
        for name in group:
            if found:
                splits.setdefault(name, min(found))
            unit_of[name] = name if found else group[0]
    number_of = {unit: number for number, unit in enumerate(dict.fromkeys(unit_of[name] for name in names))}
    numbers = np.array([number_of[unit_of[name]] for name in names], dtype=np.int64)
    return numbers, np.array([splits.get(unit, FREE) for unit in number_of], dtype=np.int64)


def write_splits(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write `splits.json` in MegaDB's form, so that an ingest can keep the splits for later sets."""
    rows = connection.execute("""
        SELECT DISTINCT dataset, split, location
        FROM training_images JOIN (SELECT DISTINCT id FROM training_crops) USING (id)
        WHERE location IS NOT NULL
        ORDER BY dataset, split, location
    """).fetchall()
    splits: dict[str, dict[str, list[str]]] = defaultdict(lambda: {split: [] for split in SPLITS})
    for dataset, split, location in rows:
        splits[dataset][split].append(location)
    listed = [{"dataset": dataset, **locations} for dataset, locations in splits.items()]
    write_text(folder / SPLITS_FILE, json.dumps(listed, ensure_ascii=False, indent=1) + "\n")


def write_shares(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write `shares.csv`: crops, their share of the label's, and locations, by label and split; warn of gaps."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE crop_shares AS
        WITH kept AS (
            SELECT label, split, family, location
            FROM training_crops JOIN training_images USING (id)
            WHERE dropped IS NULL
        ), counted AS (
            SELECT
                label,
                split,
                count(*) AS crops,
                count(DISTINCT (family, location)) FILTER (location IS NOT NULL) AS locations
            FROM kept
            GROUP BY ALL
        )
        SELECT
            label,
            split,
            coalesce(crops, 0) AS crops,
            coalesce(crops, 0) / sum(crops) OVER (PARTITION BY label) AS share,
            coalesce(locations, 0) AS locations
        FROM (SELECT DISTINCT label FROM kept) CROSS JOIN (SELECT unnest(['train', 'val', 'test']) AS split)
        LEFT JOIN counted USING (label, split)
    """)
    order = "ORDER BY label, list_position(['train', 'val', 'test'], split)"
    write_csv(
        connection,
        f"SELECT label, split, crops, round(share, 4) AS share, locations FROM crop_shares {order}",
        folder / SHARES,
    )


def warn_of_gaps(connection: duckdb.DuckDBPyConnection, shares: Sequence[float]) -> None:
    """Warn of labels that a split has no crop of, though it should have some; of a few by name."""
    wanted = [split for split, share in zip(SPLITS, shares, strict=True) if share > 0]
    missing = """
        SELECT split, count(*), list(label ORDER BY label)[:?]
        FROM crop_shares
        WHERE crops = 0 AND list_contains(?, split)
        GROUP BY split
        ORDER BY split
    """
    for split, count, labels in connection.execute(missing, [NAMED_LABELS, wanted]).fetchall():
        names = ", ".join(labels) + (", ..." if count > len(labels) else "")
        log.warning("%d labels are at too few locations to have crops for %s: %s", count, split, names)
