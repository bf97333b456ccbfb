"""When and where the samples were taken."""

from __future__ import annotations

from typing import Any

import pandas as pd

from treeline.analyze.dataset import Dataset
from treeline.io.disk_tables import read_frame

MOST_PLACES = 4096
GRID = 64
"""Cells on each side, where there are more places."""

PERIODS = {"hour": (12, 2), "month": (6, 2), "year": (1, 4), "date": (1, 10)}
"""First character and length of each, in `2026-05-31 23:59:59`."""

_PLACES = """
    WITH places AS (
        SELECT 'EPSG:4326' AS crs, longitude AS x, latitude AS y FROM additional
        UNION ALL
        SELECT crs, x_offset, y_offset FROM spatial WHERE NOT EXISTS (SELECT 1 FROM additional)
    ), known AS (SELECT * FROM places WHERE x IS NOT NULL AND y IS NOT NULL)
"""
"""Where photos were taken, if anything says so; else the upper left corners of rasters."""

_COUNTED = "SELECT crs, x, y, count(*) AS count FROM known GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"

_GRIDDED = f"""
    , ranges AS (
        SELECT
            crs, min(x) AS left, (max(x) - min(x)) / {GRID} AS across, min(y) AS low, (max(y) - min(y)) / {GRID} AS up
        FROM known GROUP BY crs
    ), cells AS (
        SELECT
            known.crs,
            left + (min(CAST((x - left) / iif(across > 0, across, 1) AS INTEGER), {GRID - 1}) + 0.5) * across AS x,
            low + (min(CAST((y - low) / iif(up > 0, up, 1) AS INTEGER), {GRID - 1}) + 0.5) * up AS y
        FROM known JOIN ranges ON ranges.crs = known.crs
    )
    SELECT crs, x, y, count(*) AS count FROM cells GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
"""The same in a grid over all values of its coordinate system: x, y are the centre of a cell."""


def times(dataset: Dataset) -> list[dict[str, Any]]:
    """Rows of the table `times`, of the images that could be read and whose time is known."""
    rows: list[dict[str, Any]] = []
    for period, (first, length) in PERIODS.items():
        query = f"""
            SELECT substr(time_of_capture, {first}, {length}), count(*), mean(brightness)
            FROM temporal JOIN images USING (id) WHERE time_of_capture IS NOT NULL
            GROUP BY 1 ORDER BY 1
        """
        for text, samples, mean in dataset.database.execute(query):
            plain = text if period == "date" else str(int(text))
            rows.append({"period": period, "value": plain, "samples": samples, "brightness": mean})
    return rows


def places(dataset: Dataset) -> pd.DataFrame:
    """Rows of the table `places`: upper left corners of rasters, coordinates of photos."""
    counted = read_frame(dataset.database, f"{_PLACES} {_COUNTED} LIMIT {MOST_PLACES + 1}")
    return counted if len(counted) <= MOST_PLACES else read_frame(dataset.database, f"{_PLACES} {_GRIDDED}")
