"""Maps of the embeddings, coloured by what is known of the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from treeline.io.figures.drawing import Drawing, height_of_legend, labels_of, legend_below
from treeline.io.figures.style import MARKERS, QUIET, SERIES, SHARES, new_figure
from treeline.models.understanding.embedding_map import PCA, TSNE
from treeline.models.understanding.figures.names import file_name
from treeline.models.understanding.findings import Findings
from treeline.models.understanding.groups import in_order

MOST_SERIES = 16
"""Values that colours and shapes tell apart; the others are grey."""
NAMES = {PCA: "Principal components", TSNE: "t-SNE"}
GROUP = "group_"


def draw_maps(findings: Findings) -> Iterator[Drawing]:
    """Draw both maps by label and by whether the model is right, and that of t-SNE by each column of groups."""
    table = findings.tables["map"]
    if table.empty:
        return
    task = findings.about["task"]
    for kind in (PCA, TSNE):
        if table[f"{kind}_x"].notna().any():
            if task == "regression":
                yield _by_number(findings, kind, table)
            elif task != "segmentation":
                yield _by_value(findings, kind, table, "label", "label")
            yield _by_value(findings, kind, _named_right(table, task), "right", "whether the model is right")
    best = TSNE if table["tsne_x"].notna().any() else PCA
    for column in table.columns[table.columns.str.startswith(GROUP)]:
        yield _by_value(findings, best, table, column, column.removeprefix(GROUP).replace("_", " "))


def _named_right(table: pd.DataFrame, task: str) -> pd.DataFrame:
    names = ("right", "wrong") if task in ("multiclass", "multilabel") else ("better half", "worse half")
    return table.assign(right=np.where(table["right"], *names))


def _by_value(findings: Findings, kind: str, table: pd.DataFrame, column: str, told: str) -> Drawing:
    common = table[column].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    shown = sorted(common.index[:MOST_SERIES], key=in_order)
    names = labels_of(shown, 0)
    title = f"{NAMES[kind]}, by {told}"
    figure, axes = new_figure(title, 3.0 + height_of_legend([*names, "others"]))
    axes.grid(visible=False)
    x, y = f"{kind}_x", f"{kind}_y"
    rest = table[~table[column].isin(shown)]
    if len(rest):
        others = f"{len(common) - len(shown)} others"
        axes.scatter(rest[x], rest[y], color=QUIET, s=7, linewidths=0, alpha=0.5, label=others)
    for place, (value, name) in enumerate(zip(shown, names, strict=True)):
        part = table[table[column] == value]
        marker = MARKERS[place // 4 if len(shown) > 4 else place]
        look: dict[str, Any] = {"color": SERIES[place % 4], "marker": marker}
        axes.scatter(part[x], part[y], s=9, linewidths=0, alpha=0.75, label=name, **look)
    _name_axes(axes, kind)
    legend_below(figure)
    name = f"{kind}_{file_name(column)}"
    caption = _caption(findings, kind, table)
    return Drawing(name, title, caption, figure, table[["id", x, y, column]])


def _by_number(findings: Findings, kind: str, table: pd.DataFrame) -> Drawing:
    title = f"{NAMES[kind]}, by target"
    figure, axes = new_figure(title, 3.2)
    axes.grid(visible=False)
    x, y = f"{kind}_x", f"{kind}_y"
    dots = axes.scatter(table[x], table[y], c=table["label"].astype(float), cmap=SHARES, s=9, linewidths=0)
    _name_axes(axes, kind)
    bar = figure.colorbar(dots, ax=axes, label="Target", shrink=0.9, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(width=0.5, length=2)
    caption = _caption(findings, kind, table)
    return Drawing(f"{kind}_label", title, caption, figure, table[["id", x, y, "label"]])


def _name_axes(axes: Axes, kind: str) -> None:
    names = ("First component", "Second component") if kind == PCA else ("First coordinate", "Second coordinate")
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.tick_params(labelbottom=False, labelleft=False, length=0)


def _caption(findings: Findings, kind: str, table: pd.DataFrame) -> str:
    whole = findings.numbers["images"] or 0
    drawn = f"{len(table):,} images, drawn by their ids." if len(table) < whole else "All images."
    if kind == TSNE:
        return f"{drawn} Who is near to whom says something; distances between clusters, and their sizes, do not."
    shares = [findings.numbers.get(f"explained_by_component_{number}") or 0 for number in (1, 2)]
    return f"{drawn} The components explain {100 * shares[0]:.1f} % and {100 * shares[1]:.1f} % of the variance."
