"""Principal components of the channels and of thumbnails; textures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.analyze.tables import TEXTURE_MEASURES
from treeline.io.figures.drawing import Drawing, Matrix, matrix
from treeline.io.figures.style import BLUE, SIGNED, WIDTH, counts_axis, new_figure
from treeline.io.table_sets import Tables

SIDE = 16
"""Pixels of a thumbnail."""

COLUMNS = 4
BINS = 24
PHOTO = ["red", "green", "blue"]
MEASURES = {
    "energy": "Energy",
    "homogeneity": "Homogeneity",
    "contrast": "Contrast (levels²)",
    "entropy": "Entropy (bits)",
}


def draw_components(tables: Tables) -> Iterator[Drawing]:
    """Draw the loadings of the principal components, of channels and of thumbnails."""
    rows = tables["components"]
    if not (channels := rows[rows["kind"] == "channels"]).empty:
        yield _of_channels(channels)
    if not (thumbnails := rows[rows["kind"] == "thumbnails"]).empty:
        yield _of_thumbnails(thumbnails)


def draw_textures(tables: Tables) -> Iterator[Drawing]:
    """Draw how the measures of texture are distributed over the sampled images."""
    rows = tables["texture"]
    measured = rows.dropna(subset=list(TEXTURE_MEASURES))
    if measured.empty:
        return
    title = "Textures of the images"
    figure, first = new_figure(title, 3.4)
    first.remove()
    panels = np.ravel(figure.subplots(2, 2))
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        axes.hist(measured[measure], BINS, color=BLUE, alpha=0.8)
        axes.set_xlabel(label)
        axes.set_ylabel("Images")
        counts_axis(axes)
        axes.grid(visible=False, axis="x")
    caption = (
        f"{len(measured):,} sampled images, by their grey level co-occurrence matrix. Much energy and homogeneity: "
        "even ground; much contrast and entropy: fine, irregular structure."
    )
    yield Drawing("textures", title, caption, figure, rows)


def _of_channels(rows: pd.DataFrame) -> Drawing:
    title = "Principal components of the channels"
    names = list(dict.fromkeys(rows["channel"]))
    numbers = sorted(set(rows["component"]))
    loadings = rows.pivot(index="component", columns="channel", values="loading").loc[numbers, names]
    explained = rows.groupby("component")["explained"].first()
    labels = [f"{number} ({100 * explained[number]:.1f} %)" for number in numbers]
    figure, axes = new_figure(title, min(WIDTH, 1.5 + 0.3 * len(numbers)))
    values: Matrix = loadings.to_numpy(np.float64)
    matrix(figure, axes, values, labels, names, colours=SIGNED, limits=(-1.0, 1.0), unit="Loading")
    caption = "Of sampled pixels; in brackets, the share of the variance that a component explains."
    return Drawing(
        "components_of_channels", title, caption, figure, rows[["component", "explained", "channel", "loading"]]
    )


def _of_thumbnails(rows: pd.DataFrame) -> Drawing:
    """Photos' loadings are drawn as colours around grey, those of rasters as the mean of their bands."""
    title = "Principal components of thumbnails"
    numbers = sorted(set(rows["component"]))
    channels = list(dict.fromkeys(rows["channel"]))
    lines = -(-len(numbers) // COLUMNS)
    figure, first = new_figure(title, 0.35 + lines * 1.0)
    first.remove()
    panels = np.ravel(figure.subplots(lines, COLUMNS))
    for axes in panels:
        axes.set_axis_off()
    for axes, number in zip(panels, numbers, strict=False):
        part = rows[rows["component"] == number].sort_values(["y", "x"], kind="stable")
        planes = [part.loc[part["channel"] == name, "loading"].to_numpy().reshape(SIDE, SIDE) for name in channels]
        cube = np.stack(planes, axis=-1)
        largest = np.abs(cube).max() or 1.0
        if channels == PHOTO:
            axes.imshow(0.5 + 0.5 * cube / largest, interpolation="none")
        else:
            axes.imshow(cube.mean(-1), cmap=SIGNED, vmin=-largest, vmax=largest, interpolation="none")
        share = part["explained"].iloc[0]
        axes.set_title(f"{number}: {100 * share:.1f} %", fontsize=7, fontweight="normal", loc="center")
    how = "bright where a loading is positive, in its colour" if channels == PHOTO else "mean loading of the bands"
    caption = (
        f"Each image is roughly the mean image and a mixture of these ({how}); with the share of the variance that "
        "each explains. What is in the first of them is in most images: sky above ground, the light of a flash."
    )
    columns = ["component", "explained", "channel", "x", "y", "loading"]
    return Drawing("components_of_thumbnails", title, caption, figure, rows[columns])
