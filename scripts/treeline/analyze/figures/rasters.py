"""How rasters hang together in space and over their bands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.io.figures.drawing import Drawing, height_of_legend, height_of_rows, label_ticks, legend_below
from treeline.io.figures.style import (
    BLUE,
    INK,
    MOST_SERIES,
    QUIET,
    SHARES,
    VERMILION,
    counts_axis,
    log_axis,
    new_figure,
    series_look,
    short_number,
)
from treeline.io.table_sets import Tables

MOST_TICKS = 12


def draw_rasters(tables: Tables) -> Iterator[Drawing]:
    """Draw variograms, Moran's I, anomalies and endmembers; of photos there are none."""
    if not tables["variogram"].empty:
        yield _variogram(tables["variogram"])
    if not (moran := tables["moran"].dropna(subset="moran")).empty:
        yield _moran(moran)
    if not tables["anomalies"].empty:
        yield _anomaly_scores(tables["anomalies"])
        yield _anomaly_places(tables["anomalies"])
    if not tables["endmembers"].empty:
        yield _endmembers(tables["endmembers"])


def _variogram(rows: pd.DataFrame) -> Drawing:
    title = "Semivariogram of the bands"
    bands = list(dict.fromkeys(rows["band"]))[:MOST_SERIES]
    figure, axes = new_figure(title, 2.3 + height_of_legend(bands))
    for place, band in enumerate(bands):
        part = rows[rows["band"] == band].sort_values("lag")
        sill = part["semivariance"].max()
        colour, dashes = series_look(place)
        axes.plot(part["lag"], part["semivariance"] / (sill or 1), color=colour, linestyle=dashes, label=band)
    axes.set(xlabel="Distance (pixels)", ylabel="Semivariance (relative)", ylim=(0, 1.05), xlim=(0, None))
    legend_below(figure)
    caption = (
        "How much two pixels differ, by how far apart they are. Where a curve becomes flat, pixels know nothing of "
        "each other any more: a crop should be larger than that. Each band is drawn to its own largest value; the "
        "table has squared units."
    )
    return Drawing("variogram", title, caption, figure, rows[rows["band"].isin(bands)])


def _moran(rows: pd.DataFrame) -> Drawing:
    title = "Spatial autocorrelation (Moran's I)"
    bands = list(dict.fromkeys(rows["band"]))
    figure, axes = new_figure(title, height_of_rows(bands) + 0.2)
    for place, band in enumerate(bands):
        values = rows.loc[rows["band"] == band, "moran"].to_numpy()
        low, first, middle, third, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
        axes.hlines(place, low, high, color=QUIET, linewidth=0.8)
        axes.hlines(place, first, third, color=BLUE, linewidth=5)
        axes.plot(middle, place, "|", color=INK, markersize=9, markeredgewidth=1.4)
    axes.axvline(rows["expected"].mean(), color=VERMILION, linewidth=1, linestyle="--", label="no autocorrelation")
    label_ticks(axes.yaxis, bands)
    axes.set(xlabel="Moran's I", ylim=(len(bands) - 0.4, -0.6))
    legend_below(figure)
    caption = (
        f"Of {rows['id'].nunique():,} sampled rasters: the line is all of them, the bar half of them, the tick the "
        "median. Near 1: pixels are like their neighbours. Near 0: noise."
    )
    return Drawing("moran", title, caption, figure, rows)


def _anomaly_scores(rows: pd.DataFrame) -> Drawing:
    title = "Most anomalous pixel of each raster"
    first = rows[rows["rank"] == 1]
    figure, axes = new_figure(title, 2.1)
    scores = first["score"].to_numpy()
    positive = scores[scores > 0]
    is_log = positive.size > 0 and positive.max() / positive.min() > 30
    bins = np.geomspace(positive.min(), positive.max(), 25) if is_log else np.linspace(0, scores.max() or 1, 25)
    counts, edges = np.histogram(scores, bins)
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.85)
    if is_log:
        log_axis(axes)
    axes.set(xlabel="RX score (squared Mahalanobis distance)", ylabel="Rasters")
    counts_axis(axes)
    axes.grid(visible=False, axis="x")
    top = first.sort_values("score", ascending=False, kind="stable").iloc[0]
    caption = f"{len(first):,} sampled rasters. The highest is {short_number(top['score'])}, in {top['image_path']}."
    return Drawing("anomaly_scores", title, caption, figure, first)


def _anomaly_places(rows: pd.DataFrame) -> Drawing:
    title = "Where anomalous pixels lie"
    figure, axes = new_figure(title, 3.0)
    part = rows.sort_values("score", kind="stable")
    scores = np.log10(part["score"].clip(lower=1e-3))
    dots = axes.scatter(part["x"], part["y"], 16, scores, cmap=SHARES, edgecolors=QUIET, linewidths=0.4, zorder=3)
    side = float(max(rows["x"].max(), rows["y"].max())) + 1
    axes.set(xlabel="Column (pixels)", ylabel="Row (pixels)", aspect="equal")
    axes.set(xlim=(-0.03 * side, 1.03 * side), ylim=(1.03 * side, -0.03 * side))
    bar = figure.colorbar(dots, ax=axes, label="log₁₀ of the RX score", shrink=0.9, pad=0.03)
    bar.outline.set_visible(False)
    caption = (
        f"The five most anomalous pixels of each of {rows['id'].nunique():,} rasters, laid on each other. Those in a "
        "row or in a corner are faults of the sensor or of the edges; the rest may be worth a look."
    )
    return Drawing("anomaly_places", title, caption, figure, rows)


def _endmembers(rows: pd.DataFrame) -> Drawing:
    title = "Spectra of the purest pixels"
    bands = list(dict.fromkeys(rows["band"]))
    figure, axes = new_figure(title, 3.0)
    for place, (rank, part) in enumerate(rows.groupby("rank")):
        colour, dashes = series_look(place)
        values = part.set_index("band")["value"].reindex(bands)
        hits = int(part["hits"].iloc[0])
        axes.plot(
            range(len(bands)),
            values,
            color=colour,
            linestyle=dashes,
            marker="o",
            markersize=2.5,
            label=f"{rank} ({hits:,})",
        )
    step = -(-len(bands) // MOST_TICKS)
    shown = bands[::step]
    axes.set_xticks(range(0, len(bands), step), shown, rotation=90 if max(map(len, shown)) > 4 else 0)
    axes.set(xlabel="Band", ylabel="Value (units of the band)")
    legend_below(figure, "Rank (hits)")
    caption = (
        "Pixels that lie at the ends of most random directions through all spectra (pixel purity index): candidates "
        "for what the others are mixtures of."
    )
    return Drawing("endmembers", title, caption, figure, rows)
