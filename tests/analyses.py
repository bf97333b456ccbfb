"""A made-up analysis of a dataset, for tests of what reads one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.tables import (
    COLUMNS,
    MOMENTS,
    PERCENTILES,
    REASONS,
    TEXTURE_MEASURES,
    write_tables,
)
from treeline.io.atomic import write_text

PHOTO_CHANNELS = ("red", "green", "blue")
RASTER_CHANNELS = ("B02", "B03", "B04", "B08")
CLASSES = ("deer", "fox", "wild boar")
SPLITS = ("train", "val", "test")
SAMPLES = 300
QUANTITIES = {"width": "pixels", "height": "pixels", "shorter_side": "pixels", "brightness": "levels", "sharpness": ""}


def make_analysis(folder: Path, *, is_raster: bool = False) -> dict[str, pd.DataFrame]:
    """Write an analysis of 300 samples that do not exist, with all of its tables.

    Args:
        folder: Where it is written.
        is_raster: Whether the samples are rasters of four bands, which have tables that photos have not, or photos.
    """
    random = np.random.default_rng(1)
    channels = RASTER_CHANNELS if is_raster else PHOTO_CHANNELS
    made = {
        **_of_images(random, channels),
        **_of_labels(random),
        **_of_rasters(random, channels if is_raster else ()),
    }
    made["summary"].append({"key": "raster", "value": float(is_raster), "unit": ""})
    tables = {name: pd.DataFrame(made.get(name, []), columns=list(columns)) for name, columns in COLUMNS.items()}
    write_tables(tables, folder)
    write_text(folder / "recommendations.json", RECOMMENDATIONS)
    return tables


RECOMMENDATIONS = """{
  "crop_size": {"value": [448, 448], "reason": "95 % of the images are at least that large.", "basis": {"shorter_side_p5": 470.0}},
  "normalisation": {"value": {"mean": [0.4, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}, "reason": "Of the training images.", "basis": {"pixels": 100000}},
  "class_weights": {"value": {"deer": 0.6, "fox": 1.1, "wild boar": 2.3}, "reason": "Classes are not balanced.", "basis": {"imbalance": 3.8}},
  "suspicious": {"value": {"black": [3, 8], "blurred": [5]}, "reason": "Look at them before training.", "basis": {"black": 2, "blurred": 1}}
}
"""  # noqa: E501  (as it is written: an object a line)


def _of_images(random: np.random.Generator, channels: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    summary = [{"key": "samples", "value": float(SAMPLES), "unit": ""}]
    for quantity, unit in QUANTITIES.items():
        values = zip(("min", "p5", "median", "p95", "max"), np.sort(random.uniform(10, 900, 5)), strict=True)
        summary.extend({"key": f"{quantity}_{name}", "value": value, "unit": unit} for name, value in values)
    summary.extend({"key": f"suspicious_{reason}", "value": 2.0, "unit": ""} for reason in REASONS)
    names = [f"p{p}" for p in PERCENTILES]
    sizes = [(640, 480), (480, 640), (1024, 768), (4000, 3000)]
    bins = np.arange(256)
    return {
        "summary": summary,
        "dimensions": [
            {"image_width": width, "image_height": height, "aspect": width / height, "count": 75}
            | {"megapixels": width * height / 1e6, "file_bytes": width * height / 8, "memory_bytes": 3 * width * height}
            for width, height in sizes
        ],
        "channels": [
            {"channel": number, "name": name, "count": 10**6, "entropy": 7.0, "energy": 0.01}
            | dict(zip(MOMENTS, (0, 255, 110, 105, 2500, 0.4, -0.3), strict=True))
            | dict(zip(names, (5, 20, 70, 150, 210, 250), strict=True))
            for number, name in enumerate(channels)
        ],
        "histograms": [
            {"space": space, "channel": channel, "bin_low": low, "bin_high": low + step, "count": int(count)}
            for space, channel, start, step in _spaces(channels)
            for low, count in zip(
                start + bins * step, random.poisson(900 * np.exp(-(((bins - 110) / 60) ** 2))), strict=True
            )
        ],
        "correlations": [
            {"kind": kind, "first": first, "second": second, "value": random.uniform(0, 1)}
            for kind in ("pearson", "spearman", "mutual_information", "partial")
            for place, first in enumerate(channels)
            for second in channels[place + 1 :]
        ],
        "texture": [
            {"id": number} | dict(zip(TEXTURE_MEASURES, random.uniform(0, 1, 4), strict=True)) for number in range(100)
        ],
        "components": [
            {"kind": "channels", "component": number + 1, "explained": share, "channel": name, "x": -1, "y": -1}
            | {"loading": random.uniform(-1, 1)}
            for number, share in enumerate((0.8, 0.15, 0.05))
            for name in channels
        ]
        + [
            {
                "kind": "thumbnails",
                "component": number + 1,
                "explained": 0.5 / 2**number,
                "channel": name,
                "x": x,
                "y": y,
            }
            | {"loading": np.sin(x * number / 5) / 16}
            for number in range(4)
            for name in channels
            for y in range(16)
            for x in range(16)
        ],
        "extremes": [
            {
                "kind": kind,
                "end": end,
                "rank": rank,
                "id": rank,
                "image_path": f"photos/{rank}.jpg",
                "value": 10.0 * rank,
            }
            for kind in ("brightness", "sharpness")
            for end in ("lowest", "highest")
            for rank in range(1, 9)
        ],
        "suspicious": [
            {"id": number, "image_path": f"photos/{number}.jpg", "reason": reason}
            | {"value": np.nan if reason == "unreadable" else 3.5}
            for reason in REASONS
            for number in (3, 8)
        ],
    }


def _spaces(channels: tuple[str, ...]) -> list[tuple[str, str, float, float]]:
    """Space, channel, lowest value, width of a bin."""
    of_photos = [("hsv", "hue", 0.0, 2.0), ("hsv", "saturation", 0.0, 1 / 256), ("lab", "a", -128.0, 1.0)]
    of_images = [("images", "brightness", 0.0, 1.0), ("images", "file_bytes", 1000.0, 100.0)]
    return [
        *(("channels", name, 0.0, 1.0) for name in channels),
        *(of_photos if channels == PHOTO_CHANNELS else ()),
        *of_images,
    ]


def _of_labels(random: np.random.Generator) -> dict[str, list[dict[str, Any]]]:
    samples = (180, 90, 30)
    shares = {"train": 0.8, "val": 0.1, "test": 0.1}
    cells = [(x / 20, y / 20) for x in range(20) for y in range(20)]
    hours = range(24)
    return {
        "classes": [
            {"label": label, "split": split, "samples": int(count * share), "share": count / SAMPLES}
            | {"boxes": int(1.4 * count * share), "pixels": 0}
            for split, share in shares.items()
            for label, count in zip(CLASSES, samples, strict=True)
        ],
        "cooccurrence": [
            {"first": "deer", "second": "fox", "count": 12, "lift": 0.2},
            {"first": "deer", "second": "wild boar", "count": 9, "lift": 0.5},
        ],
        "boxes": [
            {"label": label, "kind": kind, "x_low": x, "x_high": x + 0.05, "y_low": y, "y_high": y + 0.05}
            | {"count": int(random.integers(1, 9))}
            for label in CLASSES
            for kind in ("centre", "size")
            for x, y in cells[::3]
        ]
        + [
            {
                "label": label,
                "kind": "area",
                "x_low": 2.0**-power,
                "x_high": 2.0 ** (1 - power),
                "y_low": 0,
                "y_high": 1,
            }
            | {"count": 10 * power}
            for label in CLASSES
            for power in range(1, 9)
        ],
        "times": [
            {"period": "hour", "value": str(hour), "samples": 12, "brightness": 20 + 100 * np.sin(np.pi * hour / 24)}
            for hour in hours
        ]
        + [{"period": "month", "value": str(month), "samples": 25, "brightness": 90.0} for month in range(1, 13)]
        + [{"period": "year", "value": str(year), "samples": 150, "brightness": 90.0} for year in (2024, 2025)]
        + [{"period": "date", "value": f"2025-06-{day:02}", "samples": 5, "brightness": 90.0} for day in range(1, 31)],
        "places": [
            {"crs": "EPSG:4326", "x": x, "y": y, "count": 10}
            for x, y in zip(random.uniform(5, 15, 30), random.uniform(47, 55, 30), strict=True)
        ],
    }


def _of_rasters(random: np.random.Generator, bands: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    if not bands:
        return {}
    return {
        "moran": [
            {"id": number, "band": band, "moran": random.uniform(0.6, 0.9), "expected": -0.0001, "z": 150.0}
            for number in range(20)
            for band in bands
        ],
        "variogram": [
            {"band": band, "lag": float(lag), "semivariance": 900 * (1 - np.exp(-lag / 8)), "pairs": 10_000 * lag}
            for band in bands
            for lag in range(1, 33)
        ],
        "anomalies": [
            {
                "id": number,
                "image_path": f"rasters/{number}.tif",
                "rank": rank,
                "x": 4 * rank,
                "y": 9,
                "score": 90.0 / rank,
            }
            for number in range(20)
            for rank in range(1, 6)
        ],
        "endmembers": [
            {
                "rank": rank,
                "id": rank,
                "x": 3,
                "y": 7,
                "hits": 100 // rank,
                "band": band,
                "value": random.uniform(0, 3000),
            }
            for rank in range(1, 11)
            for band in bands
        ],
    }
