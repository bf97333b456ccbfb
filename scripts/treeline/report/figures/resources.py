"""What the work took: time, processors, memory, and disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from treeline.console import format_duration
from treeline.io.figures.drawing import (
    MOST_LABELS,
    Cell,
    Drawing,
    Listing,
    Remark,
    bars,
    height_of_rows,
    legend_below,
    row_axis,
)
from treeline.io.figures.page import size, whole
from treeline.io.figures.style import BLUE, INK, VERMILION, log_axis, new_figure, write_ticks
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import Columns, durations, known, listing, percents, sizes

SECONDS_A_MINUTE = 60.0
STEPS = {"s": (1.0, (0.01, 0.1, 1, 2, 5, 10, 20, 30)), "min": (60.0, (1, 2, 5, 10, 20, 30)), "h": (3600.0, (1, 2, 5))}
TICKS = {
    **{scale * count: f"{count} {unit}" for unit, (scale, counts) in STEPS.items() for count in counts},
    **{36_000.0 * 10**power: f"{10 ** (power + 1):,} h" for power in range(5)},
}
"""Times in seconds that an axis may have a label for."""

MOST_TICKS = 7
"""Of an axis, on which labels are at equal distances or larger ones."""

TIGHT = 0.95
"""Share of what was asked for from which a job is near its end."""

MOST = "The most that any job took"
FAR_APART = "Where they are far apart, ask for less: more jobs fit at once then."
SOURCES = {"benchmark": "a benchmark", "log": "their logs", "slurm": "Slurm"}


def draw_resources(tables: Tables) -> Iterator[Drawing | Listing | Remark]:
    """Draw time and memory of each rule against what its jobs had, and list all of it."""
    rules = tables["rules"].sort_values(["seconds", "rule", "source"], ascending=[False, True, True], kind="stable")
    if rules.empty:
        return
    tight = rules[(rules["memory_share"] >= TIGHT) | (rules["time_share"] >= TIGHT)]
    if not tight.empty:
        names = ", ".join(dict.fromkeys(tight["rule"]))
        yield Remark(f"Jobs came close to what they had asked for, of memory or of time: {names}.", is_warning=True)
    # A rule that both sources know is drawn once: Slurm counts a whole job, with what Snakemake itself takes.
    drawn = rules.drop_duplicates("rule").head(MOST_LABELS)
    yield _times(drawn)
    yield _memory(drawn)
    yield _longest(drawn)
    yield _listing(rules)


def draw_disk(tables: Tables) -> Iterator[Drawing | Listing]:
    """Draw what each stage has on the disk."""
    rows = tables["disk"].sort_values(["bytes", "stage"], ascending=[False, True], kind="stable")
    if not rows["bytes"].sum():
        return
    title = "On the disk"
    figure = bars(rows["stage"].tolist(), rows["bytes"].tolist(), title, "Size")
    write_ticks(figure.axes[0].xaxis, size)
    caption = f"{size(float(rows['bytes'].sum()))} in {rows['files'].sum():,} files. A file with two names counts once."
    yield Drawing("disk", title, caption, figure, rows)
    columns: Columns = {"stage": rows["stage"], "size": sizes(rows["bytes"].tolist()), "files": rows["files"]}
    yield listing("Of each stage", "disk", columns)


def _times(rules: pd.DataFrame) -> Drawing:
    title = "Time of all jobs of a rule"
    names = rules["rule"].tolist()
    figure, axes = new_figure(title, height_of_rows(names) + 0.2)
    for column, colour, marker, label in (
        ("seconds", BLUE, "o", "jobs"),
        ("cpu_seconds", VERMILION, "D", "processors"),
    ):
        _dots(axes, rules[column], label, s=16, linewidths=0, color=colour, marker=marker)
    _time_axis(axes)
    row_axis(axes, names)
    axes.set_xlabel("Time in all")
    legend_below(figure)
    total = format_duration(float(rules["seconds"].sum()))
    caption = f"{total}, had one job run after another. Processors left of the jobs: these waited, as for a server."
    return Drawing("rule_times", title, caption, figure, rules[["rule", "source", "jobs", "seconds", "cpu_seconds"]])


def _memory(rules: pd.DataFrame) -> Drawing:
    title = "Memory of a job"
    figure = _against(rules, title, rules["memory_mib"], rules["asked_memory_mib"])
    log_axis(figure.axes[0])
    figure.axes[0].set_xlabel("Peak of memory (MiB)")
    table = rules[["rule", "source", "memory_mib", "asked_memory_mib"]]
    return Drawing("rule_memory", title, f"{_caption(table['asked_memory_mib'])} {FAR_APART}", figure, table)


def _longest(rules: pd.DataFrame) -> Drawing:
    title = "Longest job"
    figure = _against(rules, title, rules["seconds_max"], SECONDS_A_MINUTE * rules["asked_minutes"])
    _time_axis(figure.axes[0])
    figure.axes[0].set_xlabel("Time of a job")
    table = rules[["rule", "source", "seconds_max", "asked_minutes"]]
    return Drawing("rule_longest", title, _caption(table["asked_minutes"]), figure, table)


def _against(rules: pd.DataFrame, title: str, most: pd.Series, may: pd.Series) -> Figure:
    """Draw the most that a job of each rule took beside what it had."""
    names = rules["rule"].tolist()
    figure, axes = new_figure(title, height_of_rows(names) + 0.2)
    _dots(axes, most, "taken at most", s=20, linewidths=0, color=BLUE, marker="o")
    _dots(axes, may, "asked for", s=40, linewidths=1.4, color=INK, marker="|")
    both = np.flatnonzero((most > 0) & (may > 0))
    axes.hlines(both, most.iloc[both], may.iloc[both], color=BLUE, linewidth=0.8, alpha=0.5)
    row_axis(axes, names)
    legend_below(figure)
    return figure


def _caption(asked: pd.Series) -> str:
    return (
        f"{MOST}, and what it had asked for." if (asked > 0).any() else f"{MOST}; what they had asked for is not known."
    )


def _dots(axes: Axes, values: pd.Series, label: str, **look: Any) -> None:
    places = np.flatnonzero(values > 0)
    if len(places):
        axes.scatter(values.iloc[places], places, label=label, zorder=3, **look)


def _time_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    distance = (high / low) ** (1 / MOST_TICKS)
    shown: list[float] = []
    for seconds in TICKS:
        if low <= seconds <= high and (not shown or seconds >= shown[-1] * distance):
            shown.append(seconds)
    axes.set_xticks(shown, [TICKS[seconds] for seconds in shown])
    axes.minorticks_off()


def _listing(rules: pd.DataFrame) -> Listing:
    columns: Columns = {
        "rule": rules["rule"],
        "measured by": [SOURCES.get(source, source) for source in rules["source"]],
        "jobs": rules["jobs"],
        "time in all": durations(rules["seconds"].tolist()),
        "median": durations(rules["seconds_median"].tolist()),
        "longest": durations(rules["seconds_max"].tolist()),
        "asked for (min)": known(rules["asked_minutes"].tolist()),
        "of the time": percents(rules["time_share"].tolist()),
        "memory (MiB)": [Cell(whole(mebibytes), mebibytes) for mebibytes in rules["memory_mib"]],
        "asked for (MiB)": known(rules["asked_memory_mib"].tolist()),
        "of the memory": percents(rules["memory_share"].tolist()),
        "threads": known(rules["asked_threads"].tolist()),
        "of the threads": percents(rules["threads_share"].tolist()),
    }
    return listing("Every rule", "rules", columns)
