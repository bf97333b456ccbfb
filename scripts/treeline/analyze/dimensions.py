"""Sizes, brightness and sharpness of the images: how they are distributed, and which are extreme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.channel_tables import bin_rows
from treeline.analyze.channels import Floats
from treeline.io.histograms import BINS

MOST_SIZES = 4096
"""Where sizes are more, they are rounded down to multiples of a power of two, until they are no more."""

BINS_A_DOUBLING = 8
BRIGHTNESS_BINS = 64
"""Of images that are no photos."""

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


def with_quantities(measured: pd.DataFrame) -> pd.DataFrame:
    """Add what follows from what was measured: the other quantities."""
    sides = measured[["width", "height"]]
    return measured.assign(
        shorter_side=sides.min(axis=1),
        longer_side=sides.max(axis=1),
        megapixels=sides.prod(axis=1) / 1e6,
        aspect=measured["width"] / measured["height"],
    )


def dimensions(images: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table `dimensions`."""
    step = 1
    while True:
        sizes = images[["width", "height"]] // step * step
        if len(sizes.drop_duplicates()) <= MOST_SIZES:
            break
        step *= 2
    groups = images.assign(image_width=sizes["width"], image_height=sizes["height"])
    means = groups.groupby(["image_width", "image_height"], as_index=False).agg(
        count=("id", "size"),
        aspect=("aspect", "mean"),
        megapixels=("megapixels", "mean"),
        file_bytes=("file_bytes", "mean"),
        memory_bytes=("memory_bytes", "mean"),
    )
    return means.assign(memory_bytes=means["memory_bytes"].round().astype(np.int64))


def distributions(images: pd.DataFrame, *, is_bytes: bool) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the space `images`."""
    rows: list[dict[str, Any]] = []
    for quantity in ("file_bytes", "sharpness", "megapixels", "shorter_side", "longer_side"):
        rows.extend(bin_rows("images", quantity, *doubling_bins(images[quantity].dropna().to_numpy(np.float64))))
    brightness = images["brightness"].dropna().to_numpy(np.float64)
    counts, edges = np.histogram(brightness, np.arange(BINS + 1.0) if is_bytes else BRIGHTNESS_BINS)
    return [*rows, *bin_rows("images", "brightness", edges, counts)]


def doubling_bins(values: Floats) -> tuple[Floats, np.ndarray[Any, Any]]:
    """Count values that are not negative in bins, eight to a doubling; zeros are in the first, which begins at 0.

    Returns:
        Edges, and the counts between them.
    """
    positive = values[values > 0]
    if not positive.size:
        return np.array([0.0, 1.0]), np.array([values.size])
    places = np.floor(BINS_A_DOUBLING * np.log2(positive)).astype(np.int64)
    # A value that lies on an edge must not fall below it by rounding.
    places += 2.0 ** ((places + 1) / BINS_A_DOUBLING) <= positive
    first = int(places.min())
    counts = np.bincount(places - first)
    edges = 2.0 ** (np.arange(first, first + len(counts) + 1) / BINS_A_DOUBLING)
    if (zeros := values.size - positive.size) > 0:
        return np.append(0.0, edges), np.append(zeros, counts)
    return edges, counts


def extremes(images: pd.DataFrame, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Rows of the table `extremes`; names are those of the images by id."""
    return [
        {"kind": kind, "end": end, "rank": rank, "id": number, "image_path": names[number], "value": value}
        for kind in ("brightness", "sharpness")
        for end, is_ascending in (("lowest", True), ("highest", False))
        for rank, (number, value) in enumerate(_first(images, kind, is_ascending), start=1)
    ]


def quantity_rows(images: pd.DataFrame, *, is_bytes: bool) -> list[dict[str, Any]]:
    """Rows of the table `summary` that say how each quantity is distributed; levels are those of bytes."""
    rows: list[dict[str, Any]] = []
    for quantity, unit in QUANTITIES.items():
        values = images[quantity].dropna().to_numpy(np.float64)
        if values.size:
            found = zip(
                ("min", "p5", "median", "p95", "max"), np.quantile(values, (0, 0.05, 0.5, 0.95, 1)), strict=True
            )
            known = unit if is_bytes or quantity not in ("brightness", "sharpness") else ""
            rows.extend({"key": f"{quantity}_{name}", "value": float(value), "unit": known} for name, value in found)
    return rows


def _first(images: pd.DataFrame, kind: str, is_ascending: bool) -> list[tuple[int, float]]:
    known = images[["id", kind]].dropna().sort_values([kind, "id"], ascending=[is_ascending, True])[:EXTREMES]
    return list(zip(known["id"].tolist(), known[kind].tolist(), strict=True))
