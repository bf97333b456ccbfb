"""How training went, how sure the model is, and how far its numbers are off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from treeline.io.figures.drawing import Drawing, histogram, legend_below
from treeline.io.figures.style import BLUE, MARKERS, QUIET, counts_axis, new_figure, series_look
from treeline.models.understanding.figures.names import file_name, metric_title
from treeline.models.understanding.findings import Findings


def draw_curves(findings: Findings) -> Iterator[Drawing]:
    """Draw each metric over the epochs, those of `train` and `val` in one figure."""
    for metric, rows in findings.tables["curves"].groupby("metric", sort=False):
        name = metric_title(str(metric))
        title = f"{name} over the epochs"
        figure, axes = new_figure(title, 2.2)
        for place, (split, part) in enumerate(rows.groupby("split", sort=True)):
            colour, dashes = series_look(place)
            look: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": MARKERS[place % 4], "markersize": 3}
            axes.plot(part["epoch"], part["value"], label=str(split), **look)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(xlabel="Epoch", ylabel=name)
        legend_below(figure)
        caption = "At the end of each epoch."
        if metric == "loss":
            caption += " Where that of val rises while that of train falls, the model learns its images by heart."
        yield Drawing(f"curve_{file_name(str(metric))}", title, caption, figure, rows)


def draw_calibration(findings: Findings) -> Iterator[Drawing]:
    """Draw how often the model is right against how sure it is, and how many entries there are of each."""
    table = findings.tables.get("calibration", pd.DataFrame())
    if table.empty:
        return
    of_labels = findings.about["task"] == "multilabel"
    error = findings.numbers["expected_calibration_error"]
    title = "Is it as often right as it says?"
    figure, axes = new_figure(title, 2.8)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9, linestyle="--", label="As it says")
    axes.vlines(table["confidence"], table["low"], table["high"], color=BLUE, linewidth=1.0)
    axes.scatter(table["confidence"], table["accuracy"], color=BLUE, s=16, zorder=3, linewidths=0, label="Measured")
    is_what = "Share of labels that are true" if of_labels else "Share that is right"
    axes.set(xlabel="Probability" if of_labels else "Confidence", ylabel=is_what, xlim=(0, 1), ylim=(-0.03, 1.03))
    legend_below(figure)
    caption = f"Below the line, the model is surer than it should be. Expected calibration error: {error:.4f}."
    yield Drawing("calibration", title, caption, figure, table)

    title = "How sure it is"
    figure = histogram(table, title, "Probability of a label" if of_labels else "Confidence of the predicted class")
    if of_labels:
        figure.axes[0].set_ylabel("Labels of images")
    yield Drawing("confidence", title, "In the same bins.", figure, table)


def draw_residuals(findings: Findings) -> Iterator[Drawing]:
    """Draw predicted against true numbers, the errors over the true numbers, and how the errors are distributed."""
    points = findings.tables.get("points", pd.DataFrame())
    if points.empty:
        return
    look: dict[str, Any] = {"color": BLUE, "s": 8, "linewidths": 0, "alpha": 0.6}
    is_part = len(points) < (findings.numbers["images"] or 0)
    drawn = f"{len(points):,} images, drawn by their ids." if is_part else "All images."
    title = "Predicted and true"
    figure, axes = new_figure(title, 2.8)
    ends = [float(points[["target", "predicted"]].min().min()), float(points[["target", "predicted"]].max().max())]
    axes.plot(ends, ends, color=QUIET, linewidth=0.9, linestyle="--", label="All right")
    axes.scatter(points["target"], points["predicted"], label="Image", **look)
    axes.set(xlabel="Target", ylabel="Predicted")
    legend_below(figure)
    yield Drawing("predicted", title, f"{drawn} Below the line, the model says too little.", figure, points)

    title = "Errors over the range of targets"
    figure, axes = new_figure(title, 2.5)
    axes.axhline(0, color=QUIET, linewidth=0.9, linestyle="--")
    axes.scatter(points["target"], points["error"], **look)
    axes.set(xlabel="Target", ylabel="Predicted - target")
    caption = f"{drawn} A slope: high targets are said to be lower than they are, and low ones higher."
    yield Drawing("errors_over_targets", title, caption, figure, points)

    rows = findings.tables["residuals"]
    title = "How far it is off"
    mean = findings.score("mean_error")
    figure = histogram(rows, title, "Predicted - target", marks={"mean": mean})
    counts_axis(figure.axes[0])
    yield Drawing("residuals", title, "The errors of all images.", figure, rows)
