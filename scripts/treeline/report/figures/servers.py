"""How fast the servers gave their images, and what was asked of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from treeline.console import format_duration
from treeline.io.figures.drawing import Drawing, Listing, labels_of, stacked_bars
from treeline.io.figures.page import size
from treeline.io.figures.style import BLUE, QUIET, VERMILION, WIDTH, short_number, write_ticks
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import Columns, durations, listing, sizes

MOST_BARS = 20
MOST_PANELS = 12
"""Servers with a plot of their own."""

PANEL = 0.95
"""Inches."""

UNITS = ((2.0, "s", 1.0), (120.0, "min", 60.0), (7200.0, "h", 3600.0), (172_800.0, "days", 86_400.0))
"""From so many seconds on, time is counted in this unit of so many seconds."""

PARTS = {"images": ("images", BLUE), "errors": ("errors", VERMILION), "not_done": ("not done", QUIET)}
RATES = {
    "requests_per_second": "Requests a second",
    "images_per_second": "Images a second",
    "bytes_per_second": "Bytes a second",
}


def draw_servers(tables: Tables) -> Iterator[Drawing | Listing]:
    """Draw what came of the servers' rows, the rates of all and of the busiest over time, and list every server."""
    servers = tables["servers"].sort_values(["rows", "server"], ascending=[False, True], kind="stable")
    rates = tables["rates"]
    if servers.empty:
        return
    together = rates[rates["server"] == ""]
    if not together.empty:
        yield _together(together)
    yield _outcomes(servers)
    single = rates[rates["server"] != ""]
    if not single.empty:
        yield _busiest(single, len(servers))
    yield _listing(servers)


def _outcomes(servers: pd.DataFrame) -> Drawing:
    title = "Rows of the servers"
    shown = servers.head(MOST_BARS)
    parts = {label: (shown[column].tolist(), colour) for column, (label, colour) in PARTS.items()}
    figure = stacked_bars(shown["server"].tolist(), parts, title, "Rows")
    caption = _leading(len(shown), len(servers), "rows")
    return Drawing("servers", title, caption, figure, servers[["server", "rows", *PARTS]])


def _leading(shown: int, every: int, what: str) -> str:
    if shown < every:
        return f"The {shown} of {every:,} servers with the most {what}."
    return f"All {every} servers, those with the most {what} first." if every > 1 else "The only server."


def _together(rates: pd.DataFrame) -> Drawing:
    title = "All servers together"
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", fontsize=8, fontweight="bold")
    begin, unit, scale = _clock(rates)
    for axes, (column, label) in zip(figure.subplots(3, sharex=True), RATES.items(), strict=True):
        axes.plot(*_steps(rates, column, begin, scale), color=BLUE)
        axes.set(ylabel=label, ylim=(0, None))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        write_ticks(axes.yaxis, size if column == "bytes_per_second" else short_number)
    figure.axes[-1].set_xlabel(f"Time since {_written(begin)} ({unit})")
    caption = f"Means of {format_duration(float(rates['seconds'].median()))} each, of all servers that were asked then."
    return Drawing("rates", title, caption, figure, rates[["time", "seconds", *RATES]])


def _busiest(rates: pd.DataFrame, every: int) -> Drawing:
    """A small plot a server: its requests, and the pace that it was allowed."""
    title = "Requests a second of the busiest servers"
    sent = (rates["requests_per_second"] * rates["seconds"]).groupby(rates["server"], sort=True).sum()
    names = sent.sort_values(ascending=False, kind="stable").index[:MOST_PANELS].tolist()
    rates = rates[rates["server"].isin(names)]
    lines = math.ceil(len(names) / 2)
    figure = Figure(figsize=(WIDTH, 0.75 + lines * PANEL), layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", fontsize=8, fontweight="bold")
    begin, unit, scale = _clock(rates)
    panels = figure.subplots(lines, min(2, len(names)), sharex=True, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, rates[rates["server"] == name], begin, scale)
        axes.set_title(labels_of([name], 0)[0], fontsize=7, fontweight="normal", pad=2)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(names) - 2) : len(names)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(f"Time ({unit})")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2, handlelength=2)
    caption = (
        f"{_leading(len(names), every, 'requests')} Time counts from {_written(begin)}. What is allowed falls when "
    )
    caption += "a server asks for it, and rises again."
    return Drawing(
        "server_rates",
        title,
        caption,
        figure,
        rates[["server", "time", "seconds", "requests_per_second", "rate_limit"]],
    )


def _panel(axes: Axes, rates: pd.DataFrame, begin: float, scale: float) -> None:
    axes.plot(*_steps(rates, "requests_per_second", begin, scale), color=BLUE, linewidth=0.9, label="sent")
    look: dict[str, Any] = {"color": VERMILION, "linewidth": 0.9, "linestyle": "--"}
    axes.plot(*_steps(rates, "rate_limit", begin, scale), label="allowed", **look)
    axes.set_ylim(0, None)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    write_ticks(axes.yaxis, short_number)
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _clock(rates: pd.DataFrame) -> tuple[float, str, float]:
    """When the first stretch begins, and the unit of time with its seconds."""
    begin = float(rates["time"].min())
    span = float((rates["time"] + rates["seconds"]).max()) - begin
    unit, scale = next(((unit, scale) for least, unit, scale in reversed(UNITS) if span >= least), ("s", 1.0))
    return begin, unit, scale


def _written(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _steps(rates: pd.DataFrame, column: str, begin: float, scale: float) -> npt.NDArray[np.float64]:
    """X and y of a line that is level within each stretch, and broken where none follows at once."""
    rates = rates.sort_values("time", kind="stable")
    starts, values = rates["time"].to_numpy(), rates[column].to_numpy()
    ends = starts + rates["seconds"].to_numpy()
    breaks = np.flatnonzero(starts[1:] - ends[:-1] > 1e-3) + 1
    times = np.insert(np.column_stack([starts, ends]).ravel(), 2 * breaks, np.nan)
    return np.array([(times - begin) / scale, np.insert(np.repeat(values, 2), 2 * breaks, np.nan)])


def _listing(servers: pd.DataFrame) -> Listing:
    names = zip(servers["server"], servers["ignored"], strict=True)
    columns: Columns = {
        "server": [f"{name} (ignored)" if ignored else name for name, ignored in names],
        **{name.replace("_", " "): servers[name] for name in ("rows", "images", "errors", "not_done", "requests")},
        "received": sizes(servers["bytes"].tolist()),
        "asked during": durations(servers["seconds"].tolist()),
        "images/s": servers["images_per_second"],
        "limit (requests/s)": servers["rate_limit"],
        "learned (requests/s)": servers["learned_rate"],
    }
    return listing("Every server", "servers", columns)
