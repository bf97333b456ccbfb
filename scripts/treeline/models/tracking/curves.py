"""Curves of a run: the loss of both splits and each metric, over the epochs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from treeline.io.atomic import atomic_folder, write_bytes
from treeline.io.figures import style

COLOURS = {"train": style.BLUE, "val": style.VERMILION}
NOT_DRAWN = ("epoch", "step", "split")


def write_curves(folder: Path, table: pd.DataFrame) -> None:
    """Draw each column of a run's `metrics.csv` as `<column>.svg` and `<column>.png`; the same bytes each time."""
    with style.looks(), atomic_folder(folder) as target:
        for column in table.columns.drop([*NOT_DRAWN]):
            figure, axes = _new_figure(column)
            for split, colour in COLOURS.items():
                rows = table[(table["split"] == split) & table[column].notna()]
                if len(rows):
                    axes.plot(rows["epoch"], rows[column], marker=".", color=colour, label=split)
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if axes.lines:
                axes.legend()
            (target / f"{column}.svg").write_bytes(style.as_svg(figure))
            (target / f"{column}.png").write_bytes(style.as_png(figure))


def write_rates(target: Path, rates: list[float], losses: list[float], advised: float | None) -> None:
    """Draw the loss of each rate that the learning-rate finder has tried, as the one SVG `target`."""
    with style.looks():
        figure, axes = _new_figure("loss")
        axes.plot(rates, losses, color=COLOURS["train"])
        axes.set_xscale("log")
        axes.set_xlabel("Learning rate")
        if advised is not None:
            axes.axvline(advised, color=COLOURS["val"], linestyle="--", label=f"advised: {advised:.2g}")
            axes.legend()
        write_bytes(target, style.as_svg(figure))


def _new_figure(column: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(style.WIDTH, 2.5), layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(column.replace("_", " ").capitalize())
    return figure, axes
