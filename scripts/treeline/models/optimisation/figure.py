"""The plot of the forms: the metric over the size of the file, and over the time of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from treeline.io.figures.style import MARKERS, QUIET, SERIES, WIDTH, as_png, as_svg, log_axis, looks

HEIGHT = 3.6
Row = dict[str, Any]


def draw_forms(found: Row) -> tuple[bytes, bytes]:
    """Draw `optimise.json` as SVG and PNG.

    Args:
        found: Its content; what has no metric is left out.
    """
    metric = found["metric"]["name"].replace("_", " ")
    with looks():
        figure = Figure(figsize=(2 * WIDTH, HEIGHT), layout="constrained")
        sizes, times = figure.subplots(1, 2, sharey=True)
        title = f"{found['run']}: {metric} of {found['images']:,} images of {found['split']}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=8, fontweight="bold")
        metrics = [row["metric"] for row in found["forms"]]
        _draw(sizes, found["forms"], [row["bytes"] / 1e6 for row in found["forms"]], metrics)
        timed = found["latency"]["forms"]
        _draw(times, timed, [row["median_ms_1"] for row in timed], metrics)
        better = "more" if found["metric"]["more_is_better"] else "less"
        sizes.set(xlabel="File (MB)", ylabel=f"{metric[0].upper()}{metric[1:]} ({better} is better)")
        times.set(xlabel="One image, one thread (ms, median)")
        figure.legend(*sizes.get_legend_handles_labels(), loc="outside lower left", ncols=4)
        return as_svg(figure), as_png(figure)


def _draw(axes: Axes, rows: Sequence[Row], costs: Sequence[float], metrics: Sequence[float | None]) -> None:
    """Draw points, each form with a look of its own, those that nothing beats joined by a line."""
    known = [point for point in zip(rows, costs, metrics, strict=True) if point[2] is not None]
    front = sorted((cost, metric) for row, cost, metric in known if row["is_on_front"])
    axes.plot(*zip(*front, strict=True), color=QUIET, linewidth=0.8, linestyle="--", zorder=1, label="not beaten")
    for place, (row, cost, metric) in enumerate(known):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place // len(SERIES) % len(MARKERS)]
        face = colour if row["is_on_front"] else "none"
        axes.plot([cost], [metric], marker, color=colour, markerfacecolor=face, markersize=5, label=row["form"])
    log_axis(axes)
