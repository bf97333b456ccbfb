"""The plot of the forms: the metric over the size of the file, and over the time of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from treeline.io.figures.style import MARKERS, QUIET, SERIES, WIDTH, as_png, as_svg, log_axis, looks
from treeline.models.optimisation.names import FORM_NAMES, FormName

HEIGHT = 3.6
LEGEND_COLUMNS = 5
FRONT: dict[str, Any] = {"color": QUIET, "linewidth": 0.8, "linestyle": "--", "zorder": 1}

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
        _explain(figure, found["forms"])
        return as_svg(figure), as_png(figure)


def _draw(axes: Axes, rows: Sequence[Row], costs: Sequence[float], metrics: Sequence[float | None]) -> None:
    """Draw points, those that nothing beats filled and joined by a line."""
    known = [(row, cost, metric) for row, cost, metric in zip(rows, costs, metrics, strict=True) if metric is not None]
    front = sorted((cost, metric) for row, cost, metric in known if row["is_on_front"])
    axes.plot([cost for cost, _ in front], [metric for _, metric in front], **FRONT)
    for row, cost, metric in known:
        fill: dict[str, Any] = {} if row["is_on_front"] else {"markerfacecolor": "none"}
        axes.plot([cost], [metric], **_look(row["form"]), **fill)
    log_axis(axes)


def _explain(figure: Figure, rows: Sequence[Row]) -> None:
    points = [Line2D([], [], label=row["form"], markerfacecolor="none", **_look(row["form"])) for row in rows]
    handles = [Line2D([], [], label="not beaten, and filled", **FRONT), *points]
    figure.legend(handles=handles, loc="outside lower left", ncols=LEGEND_COLUMNS)


def _look(form: FormName) -> dict[str, Any]:
    """How a form is drawn: the same in every plot."""
    place = FORM_NAMES.index(form)
    marker = MARKERS[place // len(SERIES) % len(MARKERS)]
    return {"color": SERIES[place % len(SERIES)], "marker": marker, "markersize": 5, "linestyle": "none"}
