"""The splits of a set of crops: those that locations have, and balanced ones for the others."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from treeline.catalog.training.choice import SPLITS, write_csv
from treeline.io.atomic import write_text
from treeline.io.balance import FREE, Counts, divide

log = logging.getLogger(__name__)

SHARES, SPLITS_FILE = "shares.csv", "splits.json"


def assign_splits(connection: duckdb.DuckDBPyConnection, shares: Sequence[float], seed: int) -> None:
    """Give the images of all crops their splits: of their locations; without a location, they are for training.

    Args:
        connection: With `training_images` and `training_crops`.
        shares: Wanted shares of the crops for training, validation and testing.
        seed: As in `divide`.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE crop_places AS
        SELECT family, location, label, count(*) AS crops, min(given_split) AS given
        FROM training_crops JOIN training_images USING (id)
        WHERE location IS NOT NULL
        GROUP BY family, location, label
    """)
    places = connection.sql("""
        SELECT family, location, min(given) AS given FROM crop_places GROUP BY ALL ORDER BY family, location
    """).to_arrow_table()
    counts = connection.execute("""
        SELECT
            dense_rank() OVER (ORDER BY family, location) - 1 AS "group",
            dense_rank() OVER (ORDER BY label) - 1 AS label,
            crops AS items
        FROM crop_places
        ORDER BY ALL
    """).fetchnumpy()
    given = np.array(
        [FREE if one is None else SPLITS.index(one) for one in places["given"].to_pylist()], dtype=np.int64
    )
    columns = Counts(*(np.asarray(counts[name], dtype=np.int64) for name in Counts._fields))
    assigned = divide(columns, given, shares, seed) if len(given) else given
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
    """Warn of labels that a split has no crop of, though it should have some."""
    wanted = [split for split, share in zip(SPLITS, shares, strict=True) if share > 0]
    missing = """
        SELECT label, list(split ORDER BY split)
        FROM crop_shares
        WHERE crops = 0 AND list_contains(?, split)
        GROUP BY label
        ORDER BY label
    """
    for label, splits in connection.execute(missing, [wanted]).fetchall():
        log.warning("the label %r has no crops for %s: it is at too few locations", label, " and ".join(splits))
