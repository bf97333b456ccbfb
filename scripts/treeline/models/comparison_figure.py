"""The curves of several runs in one figure."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from treeline.io.figures import style
from treeline.models.results import RunResult

PANEL_INCHES = 1.7
LEGEND_INCHES = 0.15
"""Of a line."""
LEGEND_COLUMNS = 3


def draw_curves(results: Sequence[RunResult]) -> tuple[bytes, bytes]:
    """Draw the loss on `val`, and below it the metric that chooses the best epoch, over the epochs; a dot marks that.

    Of more runs than can be told apart, the best ones are drawn.

    Args:
        results: Of one task.

    Returns:
        SVG and PNG; the same bytes each time.
    """
    metric = next((name for name in results[0].metrics if all(name in result.metrics for result in results)), None)
    drawn = _best_of(results, metric)
    panels = ["loss", metric] if metric else ["loss"]
    with style.looks():
        height = len(panels) * PANEL_INCHES + LEGEND_INCHES * (2 + -(-len(drawn) // LEGEND_COLUMNS))
        figure = Figure(figsize=(style.WIDTH, height), layout="constrained")
        figure.suptitle(_title(drawn, results), x=0.02, ha="left", fontsize=8, fontweight="bold")
        axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        for panel, name in zip(axes, panels, strict=True):
            _draw_panel(panel, drawn, name)
        axes[-1].set_xlabel("Epoch")
        axes[-1].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=LEGEND_COLUMNS, handlelength=2.5)
        return style.as_svg(figure), style.as_png(figure)


def _draw_panel(axes: Axes, results: Sequence[RunResult], name: str) -> None:
    for place, result in enumerate(results):
        colour, dashes = style.series_look(place)
        axes.plot(result.val["epoch"], result.val[name], linestyle=dashes, color=colour, label=result.name)
        axes.plot(result.best["epoch"], result.best[name], "o", markersize=3.5, color=colour)
    axes.set_ylabel(f"{name.replace('_', ' ').capitalize()} on val")


def _best_of(results: Sequence[RunResult], metric: str | None) -> list[RunResult]:
    """As many runs as can be told apart, the best ones by a metric, in their order."""
    if len(results) <= style.MOST_SERIES:
        return list(results)
    from treeline.models.metrics import is_better_higher

    by = metric or "loss"
    is_higher = metric is not None and is_better_higher(results[0].experiment.task, metric)
    values = pd.Series([float(result.best[by]) for result in results])
    best = values.sort_values(ascending=not is_higher, na_position="last", kind="stable").index[: style.MOST_SERIES]
    return [results[place] for place in sorted(best)]


def _title(drawn: Sequence[RunResult], results: Sequence[RunResult]) -> str:
    return f"{len(drawn)} runs" if len(drawn) == len(results) else f"The best {len(drawn)} of {len(results)} runs"
