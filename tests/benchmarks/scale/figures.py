"""The figures of docs/scale.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.scale.breaks import Limit
from tests.benchmarks.scale.costs import Costs
from tests.benchmarks.scale.show import DAY
from treeline.io.figures.style import BLUE, MARKERS, QUIET, VERMILION, WIDTH, as_svg, log_axis, looks, series_look

LAST = 1e10
"""URLs at the end of the axis."""

POINTS: dict[str, Any] = {"linestyle": "none", "markersize": 4}
STATES = (("nothing downloaded", BLUE, MARKERS[0]), ("everything there", VERMILION, MARKERS[1]))


def draw_plans(costs: Costs) -> bytes:
    """Draw CPU time and memory of Snakemake's plans over the number of shards: points, and lines through them."""
    with looks():
        figure = Figure(figsize=(2 * WIDTH, 2.8), layout="constrained")
        times, memories = figure.subplots(1, 2)
        figure.suptitle("What a plan takes Snakemake", x=0.01, ha="left", fontsize=8, fontweight="bold")
        for axes, cost, label in ((times, "cpu_seconds", "CPU time (s)"), (memories, "peak_gb", "Memory (GB)")):
            for state, colour, marker in STATES:
                rows = costs.rows("plans", state=state)
                shards = [row["shards"] for row in rows]
                line = costs.line("plans", "shards", cost, state=state)
                axes.plot(shards, [line.at(number) for number in shards], color=colour, linewidth=0.8)
                axes.plot(shards, [row[cost] for row in rows], color=colour, marker=marker, label=state, **POINTS)
            log_axis(axes, "x")
            log_axis(axes, "y")
            axes.set(xlabel="Shards", ylabel=label)
        times.legend()
        return as_svg(figure)


def draw_download(days: Mapping[float, Mapping[int, tuple[float, float]]]) -> bytes:
    """Draw how long a download takes over the number of URLs, a line a rate limit.

    Args:
        days: By requests a second and number of URLs: seconds of the schedule played through, and of the slowest server
            alone.
    """
    with looks():
        figure = Figure(figsize=(2 * WIDTH, 3.0), layout="constrained")
        axes = figure.subplots()
        figure.suptitle("How long the servers are asked", x=0.01, ha="left", fontsize=8, fontweight="bold")
        for place, (rate, by_urls) in enumerate(days.items()):
            colour, _ = series_look(place)
            label = f"{rate:g} requests a second"
            seconds = list(by_urls.values())
            axes.plot(
                list(by_urls),
                [both / DAY for both, _ in seconds],
                color=colour,
                marker=MARKERS[place],
                markersize=4,
                label=label,
            )
            axes.plot(list(by_urls), [alone / DAY for _, alone in seconds], color=colour, linestyle=":")
        axes.plot([], [], color=QUIET, linestyle=":", label="the slowest server alone")
        log_axis(axes, "x")
        log_axis(axes, "y")
        axes.set(xlabel="URLs", ylabel="Download (days)")
        axes.legend()
        return as_svg(figure)


def draw_breaks(found: Sequence[tuple[Limit, float]], sizes: Sequence[int]) -> bytes:
    """Draw from how many URLs on each limit is exceeded, the first at the top.

    Args:
        found: Limits with numbers of URLs.
        sizes: Numbers of URLs to mark.
    """
    with looks():
        figure = Figure(figsize=(2 * WIDTH, 0.6 + 0.22 * len(found)), layout="constrained")
        axes: Axes = figure.subplots()
        figure.suptitle(
            "What breaks first, with the default settings", x=0.01, ha="left", fontsize=8, fontweight="bold"
        )
        rows = sorted(found, key=lambda row: row[1])
        for place, (_, urls) in enumerate(rows):
            axes.plot([urls, LAST], [place, place], color=VERMILION, linewidth=4, alpha=0.35, solid_capstyle="butt")
            axes.plot([urls], [place], color=VERMILION, marker=MARKERS[0], **POINTS)
        axes.set_yticks(range(len(rows)), [limit.label.replace("`", "") for limit, _ in rows])
        axes.set_xlim(min(sizes) / 2, LAST)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        for size in sizes:
            axes.axvline(size, color=QUIET, linewidth=0.8, linestyle="--", zorder=0)
        log_axis(axes, "x")
        axes.set(xlabel="URLs")
        return as_svg(figure)
