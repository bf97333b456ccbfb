"""Curves of a run: the loss of both splits and each metric, over the epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from treeline.io.atomic import atomic_folder, atomic_path

COLOURS = {"train": "#0072b2", "val": "#d55e00"}
"""Okabe's and Ito's, which the colour-blind can tell apart (Color Universal Design, 2008)."""
LOOKS: dict[Any, Any] = {
    "svg.hashsalt": "treeline",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 8,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dcdcd6",
    "lines.linewidth": 1.2,
}
NOT_DRAWN = ("epoch", "step", "split")


def write_curves(folder: Path, table: pd.DataFrame) -> None:
    """Draw each column of a run's `metrics.csv` as `<column>.svg` and `<column>.png`; the same bytes each time."""
    with matplotlib.rc_context(LOOKS), atomic_folder(folder) as target:
        for column in table.columns.drop([*NOT_DRAWN]):
            figure, axes = _new_figure(column)
            for split, colour in COLOURS.items():
                rows = table[(table["split"] == split) & table[column].notna()]
                if len(rows):
                    axes.plot(rows["epoch"], rows[column], marker=".", color=colour, label=split)
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if axes.lines:
                axes.legend(frameon=False)
            _save(figure, target / column)


def write_rates(target: Path, rates: list[float], losses: list[float], advised: float | None) -> None:
    """Draw the loss of each rate that the learning-rate finder has tried, as the one SVG `target`."""
    with matplotlib.rc_context(LOOKS):
        figure, axes = _new_figure("loss")
        axes.plot(rates, losses, color=COLOURS["train"])
        axes.set_xscale("log")
        axes.set_xlabel("Learning rate")
        if advised is not None:
            axes.axvline(advised, color=COLOURS["val"], linestyle="--", label=f"advised: {advised:.2g}")
            axes.legend(frameon=False)
        with atomic_path(target) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _new_figure(column: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3.5, 2.5), layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(column.replace("_", " ").capitalize())
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path.with_name(path.name + ".svg"), format="svg", metadata={"Date": None})
    figure.savefig(path.with_name(path.name + ".png"), format="png", dpi=300, metadata={"Software": None})
