"""When and where the samples were taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from treeline.io.datasets.metadata import ID, Metadata

MOST_PLACES = 4096
GRID = 64
"""Cells on each side, where there are more places."""

PERIODS = {"hour": "%H", "month": "%m", "year": "%Y", "date": "%Y-%m-%d"}
COORDINATES = (("longitude", "latitude"), ("decimalLongitude", "decimalLatitude"))
"""Columns of `additional` that say where a photo was taken."""

WGS84 = "EPSG:4326"


def times(metadata: Metadata, images: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the table `times`, of the images that could be read and whose time is known."""
    temporal = metadata.tables.get("temporal")
    if temporal is None or "time_of_capture" not in temporal:
        return []
    joined = temporal[[ID, "time_of_capture"]].dropna().merge(images[[ID, "brightness"]], on=ID)
    rows: list[dict[str, Any]] = []
    for period, form in PERIODS.items():
        value = joined["time_of_capture"].dt.strftime(form)
        groups = joined.groupby(value)["brightness"].agg(["size", "mean"])
        for text, samples, mean in zip(groups.index, groups["size"].tolist(), groups["mean"].tolist(), strict=True):
            plain = text if period == "date" else str(int(text))
            rows.append({"period": period, "value": plain, "samples": samples, "brightness": mean})
    return rows


def places(metadata: Metadata) -> pd.DataFrame:
    """Rows of the table `places`: upper left corners of rasters, coordinates of photos."""
    known = _coordinates(metadata)
    grouped = known.groupby(["crs", "x", "y"]).size().reset_index(name="count")
    if len(grouped) <= MOST_PLACES:
        return grouped
    gridded = known.assign(x=_centres(known["x"], known["crs"]), y=_centres(known["y"], known["crs"]))
    return gridded.groupby(["crs", "x", "y"]).size().reset_index(name="count")


def _coordinates(metadata: Metadata) -> pd.DataFrame:
    additional = metadata.tables.get("additional", pd.DataFrame())
    for x, y in COORDINATES:
        if x in additional and y in additional:
            pairs = {
                "x": pd.to_numeric(additional[x], errors="coerce"),
                "y": pd.to_numeric(additional[y], errors="coerce"),
            }
            return pd.DataFrame({"crs": WGS84, **pairs}).dropna()
    spatial = metadata.tables.get("spatial", pd.DataFrame())
    if "x_offset" not in spatial or "y_offset" not in spatial:
        return pd.DataFrame({"crs": [], "x": [], "y": []})
    return pd.DataFrame({"crs": spatial.get("crs", ""), "x": spatial["x_offset"], "y": spatial["y_offset"]}).dropna()


def _centres(values: pd.Series[float], crs: pd.Series[Any]) -> pd.Series[float]:
    """Centre of the cell of each value, in a grid over all values of its coordinate system."""
    low, high = values.groupby(crs).transform("min"), values.groupby(crs).transform("max")
    side = (high - low) / GRID
    cell = np.floor((values - low) / side.where(side > 0, 1)).clip(0, GRID - 1)
    return pd.Series(low + (cell + 0.5) * side)
