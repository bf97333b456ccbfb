"""When the samples were taken, and how bright they are then."""

from __future__ import annotations

import calendar
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from treeline.io.figures.drawing import Drawing
from treeline.io.figures.style import BLUE, VERMILION, counts_axis, new_figure
from treeline.io.table_sets import Tables

MOST_DAYS = pd.Timedelta(days=400)
"""From the first to the last, of which each has a bar; of more, each month has one."""

PERIODS = {
    "hour": ("Samples by hour of the day", "Hour, by the camera's clock", range(24)),
    "month": ("Samples by month", "Month", range(1, 13)),
    "year": ("Samples by year", "Year", None),
}
"""Title, axis, and all the values that there can be."""


def draw_times(tables: Tables) -> Iterator[Drawing]:
    """Draw how many samples are of each hour, month, year and day, and how bright those of each hour are."""
    times = tables["times"]
    for period in PERIODS:
        rows = times[times["period"] == period]
        if not rows.empty:
            yield _bars(period, rows)
    dates = times[times["period"] == "date"]
    if not dates.empty:
        yield _dates(dates)
    hours = times[times["period"] == "hour"].dropna(subset="brightness")
    if not hours.empty:
        yield _brightness(hours)


def _bars(period: str, rows: pd.DataFrame) -> Drawing:
    title, xlabel, every = PERIODS[period]
    values = rows["value"].astype(int)
    figure, axes = new_figure(title, 2.1)
    axes.bar(values, rows["samples"], 0.85, color=BLUE, alpha=0.85)
    shown = list(every) if every is not None else list(range(values.min(), values.max() + 1))
    if period == "month":
        axes.set_xticks(shown, [calendar.month_abbr[month][:1] for month in shown])
    elif period == "hour":
        axes.set_xticks(shown[::3])
    else:
        axes.set_xticks(shown[:: max(1, len(shown) // 6)])
    axes.set(xlabel=xlabel, ylabel="Samples", xlim=(shown[0] - 0.6, shown[-1] + 0.6))
    counts_axis(axes)
    axes.grid(visible=False, axis="x")
    empty = len(shown) - len(rows)
    caption = f"{rows['samples'].sum():,} samples whose time is known." + (
        f" {empty} of the {len(shown)} {period}s have none." if empty else ""
    )
    return Drawing(f"by_{period}", title, caption, figure, rows[["value", "samples"]])


def _dates(rows: pd.DataFrame) -> Drawing:
    title = "Samples over time"
    days = pd.to_datetime(rows["value"], errors="coerce")
    span = days.max() - days.min()
    is_long = span > MOST_DAYS
    starts = days.dt.to_period("M").dt.start_time if is_long else days
    counts = rows.groupby(starts)["samples"].sum()
    figure, axes = new_figure(title, 2.1)
    axes.bar(_numbers(counts.index), counts, 27 if is_long else 0.9, align="edge", color=BLUE)
    first, last = _numbers(pd.DatetimeIndex([days.min(), days.max()])).tolist()
    room = max(0.03 * span.days, 3.0)
    axes.set_xlim(first - room, last + room)
    locator = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis_date()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    unit = "month" if is_long else "day"
    axes.set(xlabel="Date", ylabel=f"Samples a {unit}", ylim=(0, None))
    counts_axis(axes)
    axes.grid(visible=False, axis="x")
    caption = f"{len(rows):,} days with samples, from {rows['value'].min()} to {rows['value'].max()}, by {unit}."
    table = counts.rename_axis(unit).reset_index()
    return Drawing("by_date", title, caption, figure, table)


def _brightness(rows: pd.DataFrame) -> Drawing:
    title = "Brightness by hour of the day"
    rows = rows.assign(hour=rows["value"].astype(int)).sort_values("hour")
    line = rows.set_index("hour")["brightness"].reindex(range(24))
    figure, axes = new_figure(title, 2.1)
    axes.plot(line.index, line.to_numpy(np.float64), "-o", color=VERMILION, markersize=3.5)
    axes.set_xticks(range(0, 24, 3))
    axes.set(xlabel=PERIODS["hour"][1], ylabel="Mean brightness", xlim=(-0.6, 23.6), ylim=(0, None))
    caption = "A curve that does not rise by day: the clocks are wrong, or day and night are mixed by the flash."
    return Drawing("brightness_by_hour", title, caption, figure, rows[["value", "samples", "brightness"]])


def _numbers(days: pd.Index) -> npt.NDArray[np.float64]:
    """Days as Matplotlib counts them: from 1970."""
    return (pd.DatetimeIndex(days) - pd.Timestamp(0)).days.to_numpy(np.float64)
