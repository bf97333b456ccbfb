"""How large the images are, how bright, and how sharp."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from treeline.io.figures.drawing import Drawing, histogram, legend_below
from treeline.io.figures.style import BLUE, QUIET, log_axis, new_figure, short_number
from treeline.io.table_sets import Tables

DISTRIBUTIONS = {
    "shorter_side": ("Shorter side of the images", "Shorter side (pixels)"),
    "megapixels": ("Pixels of the images", "Size (megapixels)"),
    "file_bytes": ("Size of the files", "Size (bytes)"),
    "brightness": ("Brightness of the images", "Mean brightness (levels, 0 to 255)"),
    "sharpness": ("Sharpness of the images", "Variance of the Laplacian (squared levels)"),
    "target": ("Values to be learned", "Target"),
}
"""Title and axis of each quantity of the space `images` and of `target`."""

MOST_BINS = 64
LINEAR = ("brightness", "target")
QUANTILES = {"5 %": "p5", "median": "median", "95 %": "p95"}
MOST_DOTS = 500
"""Of more, an SVG holds one picture, for it would be large."""

LARGEST_DOT = 90.0
"""Square points."""


def draw_images(tables: Tables) -> Iterator[Drawing]:
    """Draw sizes, brightness and sharpness; and the targets, where there are any."""
    if not tables["dimensions"].empty:
        yield _dimensions(tables["dimensions"])
    summary = dict(zip(tables["summary"]["key"], tables["summary"]["value"], strict=True))
    histograms = tables["histograms"]
    is_raster = bool(summary.get("raster"))
    for quantity, (title, xlabel) in DISTRIBUTIONS.items():
        rows = histograms[(histograms["channel"] == quantity) & histograms["space"].isin(("images", "target"))]
        if not rows["count"].sum():
            continue
        marks = {
            f"{name}: {short_number(value)}": value
            for name, part in QUANTILES.items()
            if np.isfinite(value := summary.get(f"{quantity}_{part}", np.nan))
        }
        unit = "Mean value of all channels" if quantity == "brightness" and is_raster else xlabel
        rows = _merged(rows) if quantity in LINEAR else rows
        figure = histogram(rows, title, unit, is_log=quantity not in LINEAR, marks=marks)
        caption = f"{rows['count'].sum():,} images."
        if quantity == "sharpness":
            caption += " Those far to the left are blurred, or have nothing in them."
        yield Drawing(quantity, title, caption, figure, rows[["bin_low", "bin_high", "count"]])


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """Put bins together, so that those of few images are no mere spikes: about 2 sqrt(n) of n images, 64 at most."""
    wanted = min(MOST_BINS, max(8.0, 2 * np.sqrt(rows["count"].sum())))
    group = np.arange(len(rows)) // max(1, round(len(rows) / wanted))
    return rows.groupby(group).agg({"bin_low": "first", "bin_high": "last", "count": "sum"})


def _dimensions(rows: pd.DataFrame) -> Drawing:
    title = "Width and height of the images"
    figure, axes = new_figure(title, 3.2)
    sides = rows[["image_width", "image_height"]]
    low, high = float(sides.min().min()), float(sides.max().max())
    limits = (low / 1.3, high * 1.3) if low > 0 and high / low > 8 else (0, high * 1.1)
    axes.set(xlim=limits, ylim=limits, xlabel="Width (pixels)", ylabel="Height (pixels)", aspect="equal")
    if limits[0] > 0:
        for which in ("x", "y"):
            log_axis(axes, which)
    _draw_aspects(figure, limits)
    is_many = len(rows) > MOST_DOTS
    area = (LARGEST_DOT / 6 if is_many else LARGEST_DOT) * rows["count"] / rows["count"].max()
    axes.scatter(
        *(rows["image_width"], rows["image_height"]),
        s=np.maximum(area, 2 if is_many else 5),
        color=BLUE,
        alpha=0.7,
        linewidths=0,
        zorder=3,
        rasterized=is_many,
    )
    common = rows.sort_values("count", ascending=False, kind="stable").iloc[0]
    sizes = "1 size" if len(rows) == 1 else f"{len(rows):,} sizes"
    caption = (
        f"{rows['count'].sum():,} images of {sizes}; a dot's area is how many have it. The most common is "
        f"{int(common['image_width']):,} x {int(common['image_height']):,} with {int(common['count']):,}."
    )
    return Drawing("dimensions", title, caption, figure, rows)


def _draw_aspects(figure: Figure, limits: tuple[float, float]) -> None:
    axes = figure.axes[0]
    ends = np.array([max(limits[0], 1e-9), limits[1]])
    for (across, down), dashes in {(16, 9): ":", (4, 3): "--", (1, 1): "-"}.items():
        axes.plot(ends, ends * down / across, color=QUIET, linewidth=0.7, linestyle=dashes, label=f"{across} : {down}")
    legend_below(figure)
