"""The tables of an analysis, and their files.

    <folder>/tables/<table>.parquet   every table, also one without rows
    <folder>/analysis.h5              the same, without those that have no rows
    <folder>/recommendations.json     what they advise (`recommendations.py`)

A row of each table is:

- `summary`: a number of the whole dataset: `key`, `value`, `unit` (empty: a count or a ratio). Keys below.
- `dimensions`: a size of images; where sizes are many, those up to the next. Width and height in pixels of the upright
  image, `aspect` = width / height, mean bytes of a file (NaN: not known), bytes of the decoded image, and how many
  images have it.
- `channels`: a channel, over all pixels: `count` of pixels, moments (population variance, skewness, excess kurtosis,
  which is 0 of a normal distribution), percentiles; `entropy` in bits and `energy` of its histogram.
- `histograms`: a bin of a distribution, `bin_low` <= value < `bin_high`. Spaces and channels below.
- `correlations`: a pair of channels, `first` before `second`; `kind` is `pearson`, `spearman`, `mutual_information`
  (nats) or `partial` (given all other channels).
- `texture`: a sampled image: energy, homogeneity, contrast and entropy (bits) of its grey level co-occurrence matrix.
- `components`: a variable's loading on a principal component (from 1), which explains a share of the variance. `kind`
  `channels`: a variable is a channel, `x` and `y` are -1. `thumbnails`: it is the pixel `x`, `y` of a channel of the
  image shrunk to 16 x 16 pixels.
- `classes`: a class in a split (empty where there are none; no row where there are no samples), in order of
  `label_idx`: samples that have it, their `share` of the split's samples, its `boxes`, and its `pixels` in masks.
- `cooccurrence`: a pair of classes in the same sample, `first` before `second`: in how many samples; `lift` = how many
  times as often as if they were independent.
- `boxes`: a cell of a class's histogram that is not empty. `kind` `centre`: x, y of the centre; `size`: x width, y
  height; all as shares of the image's sides, in 20 x 20 cells. `area`: x = share of the image's area, in bins of a
  factor of 2; y is 0 to 1.
- `times`: a time of capture: `period` is `hour` (0 to 23), `month` (1 to 12), `year` or `date` (`2026-05-31`), `value`
  its text, with samples and their mean brightness.
- `places`: a place, or where there are many, a cell's centre: `x`, `y` in units of `crs`, and how many samples it has.
- `extremes`: an image with an extreme value: `kind` `brightness` or `sharpness`, `end` `lowest` or `highest`, `rank`
  from 1.
- `suspicious`: an image, and the `reason` with the `value` that gives it away: `unreadable` (NaN), `black`, `white`
  (brightness), `blurred` (sharpness), `tiny` (shorter side in pixels), `odd_aspect` (longer / shorter side),
  `duplicated` (id of the earlier image). The 1,000 worst of a reason: `summary` counts all.
- `moran`: a band of a sampled raster: Moran's I, what it is expected to be without autocorrelation, its z score.
- `variogram`: a class of distances in a band, over the sampled rasters: `lag` is its upper bound in pixels;
  semivariance in squared units of the band; pairs of pixels.
- `anomalies`: one of the five most anomalous pixels of a sampled raster, `rank` from 1: its `x`, `y`, and `score`, the
  squared Mahalanobis distance from the raster's mean (RX).
- `endmembers`: a band of the spectrum of one of the ten purest pixels, `rank` from 1: raster, `x`, `y`, `hits` of the
  pixel purity index, `value` in the band.

Keys of `summary`: `samples`, `unreadable`, `channels`; `raster` (1: the images are rasters); `<quantity>_p5`,
`_median`, `_p95`, `_min`, `_max` of the quantities `width`, `height`, `shorter_side`, `longer_side` (pixels),
`megapixels`, `aspect`, `file_bytes`, `brightness`, `sharpness`; `file_bytes_total`, `memory_bytes_total` (bytes);
`pixels_sampled`, `images_sampled`; `texture_<measure>_mean`, `texture_<measure>_deviation`; `suspicious_<reason>`;
`imbalance` (samples of the most common class / of the rarest).

`histograms`: the channels of the images have the space `channels`, whose 8-bit values each have a bin. Of photos, `hsv`
has `hue` (degrees), `saturation`, `value` (0 to 1), and `lab` has `L`, `a`, `b` (CIE 1976). `images` has `file_bytes`,
`sharpness`, `megapixels` (bins of a factor of 2 ** 1/8), `brightness` (levels), `shorter_side` and `longer_side`.
`target` has `target`, where the task is a regression.

Text that is missing is empty; a number that is missing is NaN.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from treeline.io import table_sets
from treeline.io.atomic import atomic_folder, atomic_path
from treeline.io.hdf_tables import put_table
from treeline.io.table_sets import Columns, Tables, columns_of

HDF5_FILE = "analysis.h5"
PARQUET_FOLDER = "tables"
RECOMMENDATIONS_FILE = "recommendations.json"

TEXTURE_MEASURES = ("energy", "homogeneity", "contrast", "entropy")
PERCENTILES = (1, 5, 25, 75, 95, 99)
MOMENTS = ("min", "max", "mean", "median", "variance", "skewness", "kurtosis")
REASONS = ("unreadable", "black", "white", "blurred", "tiny", "odd_aspect", "duplicated")
"""Why an image is suspicious."""


COLUMNS: dict[str, Columns] = {
    "summary": columns_of("key unit", real="value"),
    "dimensions": columns_of("", "image_width image_height count memory_bytes", "aspect megapixels file_bytes"),
    "channels": columns_of(
        "name", "channel count", f"{' '.join(MOMENTS)} {' '.join(f'p{p}' for p in PERCENTILES)} entropy energy"
    ),
    "histograms": columns_of("space channel", "count", "bin_low bin_high"),
    "correlations": columns_of("kind first second", real="value"),
    "texture": columns_of("", "id", " ".join(TEXTURE_MEASURES)),
    "components": columns_of("kind channel", "component x y", "explained loading"),
    "classes": columns_of("label split", "samples boxes pixels", "share"),
    "cooccurrence": columns_of("first second", "count", "lift"),
    "boxes": columns_of("label kind", "count", "x_low x_high y_low y_high"),
    "times": columns_of("period value", "samples", "brightness"),
    "places": columns_of("crs", "count", "x y"),
    "extremes": columns_of("kind end image_path", "rank id", "value"),
    "suspicious": columns_of("image_path reason", "id", "value"),
    "moran": columns_of("band", "id", "moran expected z"),
    "variogram": columns_of("band", "pairs", "lag semivariance"),
    "anomalies": columns_of("image_path", "id rank x y", "score"),
    "endmembers": columns_of("band", "rank id x y hits", "value"),
}
"""Type of each column of each table; their order is not promised."""


def make_table(name: str, rows: pd.DataFrame | list[dict[str, object]]) -> pd.DataFrame:
    """Give rows the columns of a table, in order and type.

    Raises:
        KeyError: The rows lack a column.
    """
    return table_sets.make_table(COLUMNS[name], rows)


def write_tables(tables: Tables, folder: Path) -> None:
    """Write an analysis's tables into a folder, each file as a whole; the same bytes for the same tables."""
    made = {name: make_table(name, tables[name]).reset_index(drop=True) for name in COLUMNS}
    with atomic_folder(folder / PARQUET_FOLDER) as parquet:
        table_sets.write_parquet(made, parquet)
    with atomic_path(folder / HDF5_FILE) as temporary, pd.HDFStore(temporary, mode="w") as store:
        for name, table in made.items():
            put_table(store, name, table)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Read an analysis's tables.

    Raises:
        InputError: The folder holds no analysis, or not the whole of one.
    """
    return table_sets.read_parquet(
        folder / PARQUET_FOLDER, COLUMNS, origin="an analysis", command="treeline analyze measure"
    )
