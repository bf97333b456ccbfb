"""Sizes, brightness and sharpness of the images: how they are distributed, and which are extreme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.analyze.channel_tables import bin_rows
from treeline.analyze.channels import Floats
from treeline.analyze.dataset import Dataset
from treeline.io.disk_tables import read_frame, read_numbers
from treeline.io.histograms import BINS

MOST_SIZES = 4096
"""Where sizes are more, they are rounded down to multiples of a power of two, until they are no more."""

BINS_A_DOUBLING = 8
BRIGHTNESS_BINS = 64
"""Of images that are no photos."""

VALUES_AT_ONCE = 65_536

EXTREMES = 16
"""Images at each end."""

QUANTITIES = {
    "width": "pixels",
    "height": "pixels",
    "shorter_side": "pixels",
    "longer_side": "pixels",
    "megapixels": "megapixels",
    "aspect": "",
    "file_bytes": "bytes",
    "brightness": "levels",
    "sharpness": "squared levels",
}
"""Unit of each quantity of an image."""


def values_of(dataset: Dataset, quantity: str) -> Floats:
    """A quantity of all images of which it is known."""
    return read_numbers(dataset.database, f"SELECT {quantity} FROM quantities WHERE {quantity} IS NOT NULL")


def dimensions(dataset: Dataset) -> pd.DataFrame:
    """Rows of the table `dimensions`."""
    step = 1
    while dataset.count(f"(SELECT DISTINCT width / {step}, height / {step} FROM images)") > MOST_SIZES:
        step *= 2
    query = f"""
        SELECT
            width / {step} * {step} AS image_width,
            height / {step} * {step} AS image_height,
            count(*) AS count,
            mean(aspect) AS aspect,
            mean(megapixels) AS megapixels,
            mean(file_bytes) AS file_bytes,
            mean(memory_bytes) AS memory_bytes
        FROM quantities GROUP BY 1, 2 ORDER BY 1, 2
    """
    sizes = read_frame(dataset.database, query)
    return sizes.assign(memory_bytes=sizes["memory_bytes"].round().astype(np.int64))


def distributions(dataset: Dataset, *, is_bytes: bool) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the space `images`."""
    rows: list[dict[str, Any]] = []
    for quantity in ("file_bytes", "sharpness", "megapixels", "shorter_side", "longer_side"):
        rows.extend(bin_rows("images", quantity, *doubling_bins(values_of(dataset, quantity))))
    counts, edges = np.histogram(
        values_of(dataset, "brightness"), np.arange(BINS + 1.0) if is_bytes else BRIGHTNESS_BINS
    )
    return [*rows, *bin_rows("images", "brightness", edges, counts)]


def doubling_bins(values: Floats) -> tuple[Floats, np.ndarray[Any, Any]]:
    """Count values that are not negative in bins, eight to a doubling; zeros are in the first, which begins at 0.

    Returns:
        Edges, and the counts between them.
    """
    least = values.min(where=values > 0, initial=np.inf)
    if np.isinf(least):
        return np.array([0.0, 1.0]), np.array([values.size])
    first, last = _doublings(np.array([least, values.max()])).tolist()
    counts = np.zeros(last - first + 1, np.int64)
    for start in range(0, values.size, VALUES_AT_ONCE):
        some = values[start : start + VALUES_AT_ONCE]
        counts += np.bincount(_doublings(some[some > 0]) - first, minlength=len(counts))
    edges = 2.0 ** (np.arange(first, last + 2) / BINS_A_DOUBLING)
    if (zeros := values.size - counts.sum()) > 0:
        return np.append(0.0, edges), np.append(zeros, counts)
    return edges, counts


def extremes(dataset: Dataset) -> list[dict[str, Any]]:
    """Rows of the table `extremes`."""
    return [
        {"kind": kind, "end": end, "rank": rank, "id": number, "image_path": name, "value": value}
        for kind in ("brightness", "sharpness")
        for end, order in (("lowest", "ASC"), ("highest", "DESC"))
        for rank, (number, name, value) in enumerate(_first(dataset, kind, order), start=1)
    ]


def quantity_rows(dataset: Dataset, *, is_bytes: bool) -> list[dict[str, Any]]:
    """Rows of the table `summary` that say how each quantity is distributed; levels are those of bytes."""
    rows: list[dict[str, Any]] = []
    for quantity, unit in QUANTITIES.items():
        values = values_of(dataset, quantity)
        if values.size:
            quantiles = np.quantile(values, (0, 0.05, 0.5, 0.95, 1), overwrite_input=True)
            found = zip(("min", "p5", "median", "p95", "max"), quantiles, strict=True)
            known = unit if is_bytes or quantity not in ("brightness", "sharpness") else ""
            rows.extend({"key": f"{quantity}_{name}", "value": float(value), "unit": known} for name, value in found)
    return rows


def _doublings(positive: Floats) -> npt.NDArray[np.int64]:
    places = np.floor(BINS_A_DOUBLING * np.log2(positive)).astype(np.int64)
    # A value that lies on an edge must not fall below it by rounding.
    return np.asarray(places + (2.0 ** ((places + 1) / BINS_A_DOUBLING) <= positive))


def _first(dataset: Dataset, kind: str, order: str) -> Iterator[tuple[int, str, float]]:
    query = f"""
        SELECT id, image_path, {kind} FROM (
            SELECT id, {kind} FROM images WHERE {kind} IS NOT NULL ORDER BY {kind} {order}, id LIMIT {EXTREMES}
        ) JOIN samples USING (id) ORDER BY {kind} {order}, id
    """
    return dataset.database.execute(query)
