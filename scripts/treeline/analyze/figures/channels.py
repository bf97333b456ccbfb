"""What the channels of the images hold, and how they hang together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.analyze.tables import MOMENTS, PERCENTILES
from treeline.io.figures.drawing import (
    Drawing,
    Listing,
    height_of_legend,
    height_of_rows,
    label_ticks,
    legend_below,
    matrix,
)
from treeline.io.figures.style import (
    BLUE,
    GREEN,
    INK,
    MOST_SERIES,
    QUIET,
    SHARES,
    SIGNED,
    VERMILION,
    WIDTH,
    new_figure,
    series_look,
)
from treeline.io.table_sets import Tables

OF_PHOTOS = {"red": (VERMILION, "-"), "green": (GREEN, "--"), "blue": (BLUE, ":")}
"""Colour and dashes of the channels of a photo."""

SPACES = {
    "hsv": {"hue": "Hue (degrees)", "saturation": "Saturation (0 to 1)", "value": "Value (0 to 1)"},
    "lab": {"L": "L* (lightness)", "a": "a* (green to red)", "b": "b* (blue to yellow)"},
}
TITLES = {"hsv": "Hue, saturation and value", "lab": "Lightness and colour (CIE L*a*b*)"}

CORRELATIONS = {
    "pearson": ("Pearson correlation of the channels", "Near 1 or -1: one channel tells nearly all of the other."),
    "spearman": ("Spearman correlation of the channels", "Correlation of ranks: what rises together, however bent."),
    "partial": ("Partial correlation of the channels", "What is left once all other channels are known."),
    "mutual_information": ("Mutual information of the channels", "0: neither channel tells anything of the other."),
}
"""Title and how to read each."""

MOST_SAID = 6
LONG_TAIL = 2.0
"""Length of an axis, as a multiple of what most values need, from which it is cut off."""

SPIKE = 3.0
"""Bins at either end that are so many times as high as all others are cut off, and said in the caption."""


def draw_channels(tables: Tables) -> Iterator[Drawing | Listing]:
    """Draw distributions, percentiles and correlations of channels, and list their statistics."""
    channels, histograms = tables["channels"], tables["histograms"]
    if channels.empty:
        return
    of_channels = histograms[histograms["space"] == "channels"]
    if of_channels["count"].sum():
        yield _distributions(of_channels, channels)
    for space in SPACES:
        of_space = histograms[histograms["space"] == space]
        if of_space["count"].sum():
            yield _colour_space(space, of_space)
    yield _percentiles(channels)
    yield from _correlations(tables["correlations"], list(channels["name"]))
    columns = ["name", "count", *MOMENTS, *(f"p{percent}" for percent in PERCENTILES), "entropy", "energy"]
    yield Listing("Statistics of the channels, over all pixels", channels[columns])


def _distributions(rows: pd.DataFrame, channels: pd.DataFrame) -> Drawing:
    title = "Distribution of the channels"
    shown = list(channels["name"])[:MOST_SERIES]
    figure, axes = new_figure(title, 2.3 + height_of_legend(shown))
    tops, cut = [], []
    for place, name in enumerate(shown):
        part = rows[rows["channel"] == name]
        share = 100 * part["count"].to_numpy() / max(1, part["count"].sum())
        colour, dashes = OF_PHOTOS.get(name, series_look(place))
        edges = np.append(part["bin_low"].to_numpy(), part["bin_high"].iloc[-1:])
        axes.stairs(share, edges, color=colour, linestyle=dashes, linewidth=1.2, label=name)
        top, spikes = _without_spikes(share, name)
        tops.append(top)
        cut += spikes
    axes.set(xlabel="Value", ylabel="Share of the pixels (%)", ylim=(0, 1.1 * max(tops)))
    axes.grid(visible=False, axis="x")
    legend_below(figure)
    caption = "Each channel's bins add up to 100 %." + _said(cut)
    drawn = _without_tails(channels, (float(rows["bin_low"].min()), float(rows["bin_high"].max())))
    if drawn:
        axes.set_xlim(*drawn)
        caption += f" Drawn from {drawn[0]:,.4g} to {drawn[1]:,.4g}; values beyond are in the table."
    if len(channels) > len(shown):
        caption += f" The first {len(shown)} of {len(channels)} channels."
    table = rows[rows["channel"].isin(shown)][["channel", "bin_low", "bin_high", "count"]]
    return Drawing("channel_histograms", title, caption, figure, table)


def _colour_space(space: str, rows: pd.DataFrame) -> Drawing:
    names = [name for name in SPACES[space] if (rows["channel"] == name).any()]
    cut: list[str] = []
    figure, first = new_figure(TITLES[space], 0.4 + 1.15 * len(names))
    first.remove()
    for axes, name in zip(np.ravel(figure.subplots(len(names), 1)), names, strict=True):
        part = rows[rows["channel"] == name]
        share = 100 * part["count"].to_numpy() / max(1, part["count"].sum())
        edges = np.append(part["bin_low"].to_numpy(), part["bin_high"].iloc[-1:])
        axes.stairs(share, edges, fill=True, color=BLUE, alpha=0.8)
        top, spikes = _without_spikes(share, name)
        cut += spikes
        filled = edges[:-1][share > 0]
        axes.set(xlabel=SPACES[space][name], ylabel="Pixels (%)", ylim=(0, 1.1 * top))
        axes.set_xlim(*((filled.min() - 1, filled.max() + 2) if space == "lab" else (edges[0], edges[-1])))
        axes.grid(visible=False, axis="x")
    caption = "Sampled pixels." + (" Grey pixels have the hue 0." if space == "hsv" else "") + _said(cut)
    return Drawing(space, TITLES[space], caption, figure, rows[["channel", "bin_low", "bin_high", "count"]])


def _without_spikes(share: npt.NDArray[np.float64], name: str) -> tuple[float, list[str]]:
    """Height to be drawn, in per cent, and what is said of the first or last bin where that is cut off."""
    inner = float(share[1:-1].max(initial=0))
    if not inner > 0:
        return float(share.max(initial=0)) or 1.0, []
    ends = {"lowest": float(share[0]), "highest": float(share[-1])}
    spikes = {end: value for end, value in ends.items() if value > SPIKE * inner}
    shown = [value for end, value in ends.items() if end not in spikes]
    return max(inner, *shown, 0), [f"{value:.1f} % of {name} are in the {end} bin" for end, value in spikes.items()]


def _without_tails(channels: pd.DataFrame, whole: tuple[float, float]) -> tuple[float, float] | None:
    """Where 98 % of the values are, with room to either side; None where all of the axis is not much more."""
    low, high = float(channels["p1"].min()), float(channels["p99"].max())
    room = (high - low) / 2
    drawn = max(whole[0], low - room), min(whole[1], high + room)
    return drawn if room > 0 and whole[1] - whole[0] > LONG_TAIL * (drawn[1] - drawn[0]) else None


def _said(cut: list[str]) -> str:
    return f" Cut off: {'; '.join(cut[:MOST_SAID])}." if cut else ""


def _percentiles(channels: pd.DataFrame) -> Drawing:
    title = "Spread of the channels"
    names = list(channels["name"])
    figure, axes = new_figure(title, height_of_rows(names))
    rows = np.arange(len(names))
    axes.hlines(rows, channels["p1"], channels["p99"], color=QUIET, linewidth=0.8)
    axes.hlines(rows, channels["p5"], channels["p95"], color=BLUE, linewidth=2)
    axes.hlines(rows, channels["p25"], channels["p75"], color=BLUE, linewidth=5)
    axes.plot(channels["median"], rows, "|", color=INK, markersize=9, markeredgewidth=1.4, label="median")
    axes.plot(channels["mean"], rows, "D", color=VERMILION, markersize=4, label="mean")
    label_ticks(axes.yaxis, names)
    axes.set(xlabel="Value", ylim=(len(names) - 0.4, -0.6))
    legend_below(figure)
    caption = "Bars from thin to thick: 98, 90 and 50 % of the pixels of a channel."
    columns = ["name", "p1", "p5", "p25", "median", "mean", "p75", "p95", "p99"]
    return Drawing("channel_spread", title, caption, figure, channels[columns])


def _correlations(rows: pd.DataFrame, names: list[str]) -> Iterator[Drawing]:
    places = {name: place for place, name in enumerate(names)}
    for kind, (title, caption) in CORRELATIONS.items():
        part = rows[rows["kind"] == kind]
        if part.empty:
            continue
        values = np.full((len(names), len(names)), np.nan)
        at = part["first"].map(places).to_numpy(), part["second"].map(places).to_numpy()
        values[at] = values[at[::-1]] = part["value"]
        is_signed = kind != "mutual_information"
        if is_signed:
            np.fill_diagonal(values, 1.0)
        figure, axes = new_figure(title, min(WIDTH, 1.7 + 0.3 * len(names)))
        top = float(np.nanmax(values, initial=0.0)) or 1.0
        look = (SIGNED, (-1.0, 1.0), "Correlation") if is_signed else (SHARES, (0.0, top), "Nats")
        matrix(figure, axes, values, names, names, colours=look[0], limits=look[1], unit=look[2])
        table = part[["first", "second", "value"]]
        yield Drawing(f"correlation_{kind}", title, f"Of sampled pixels. {caption}", figure, table)
