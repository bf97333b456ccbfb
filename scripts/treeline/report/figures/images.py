"""What the images are: their formats and sizes, and which of them are the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.io.figures.drawing import LEAST_RANGE, Drawing, Listing, Remark, legend_below, runs
from treeline.io.figures.page import size, whole
from treeline.io.figures.style import BLUE, VERMILION, counts_axis, log_axis, new_figure, write_ticks
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import MISSING, Columns, listing, sizes

ORIGINAL, STORED = "original", "stored"
NAMES = {ORIGINAL: "as served", STORED: "as kept"}
OF_FORMATS = {ORIGINAL: "ending of the URL", STORED: "as kept"}
QUANTITIES = {
    "width": ("Width of the images", "Width (pixels)"),
    "height": ("Height of the images", "Height (pixels)"),
    "megapixels": ("Pixels of the images", "Size (megapixels)"),
    "bytes": ("Bytes of the images", "Size of a file"),
}
SAME = {
    ORIGINAL: "the same bytes as served",
    STORED: "the same bytes as kept",
    "near": "alike (near duplicates)",
}


def draw_images(tables: Tables) -> Iterator[Drawing | Listing]:
    """Draw how large images are as they were served and as they are kept, and list their formats."""
    for quantity, (title, xlabel) in QUANTITIES.items():
        rows = tables["sizes"][tables["sizes"]["quantity"] == quantity]
        if rows["images"].sum():
            yield _sizes(rows, quantity, title, xlabel)
    formats = tables["formats"].sort_values(["image", "images", "format"], ascending=[True, False, True])
    if not formats.empty:
        yield _formats(formats)


def draw_duplicates(tables: Tables) -> Iterator[Listing | Remark]:
    """Say which images are there more than once."""
    rows = tables["duplicates"]
    if rows.empty:
        return
    more = {kind: groups for kind, groups in zip(rows["kind"], rows["groups"], strict=True) if groups}
    if not more:
        yield Remark("No image is there twice.")
        return
    columns: Columns = {
        "images that have": [SAME.get(kind, kind) for kind in rows["kind"]],
        "groups": rows["groups"],
        "images": rows["images"],
        "more than one a group": rows["images"] - rows["groups"],
    }
    yield listing("Images that are there more than once", "duplicates", columns)


def _sizes(rows: pd.DataFrame, quantity: str, title: str, xlabel: str) -> Drawing:
    figure, axes = new_figure(title)
    for image, colour, dashes in ((ORIGINAL, VERMILION, "--"), (STORED, BLUE, "-")):
        part = rows[rows["image"] == image].sort_values("bin_low", kind="stable")
        for place, piece in enumerate(runs(part, "bin_low", "bin_high")):
            edges = np.append(piece["bin_low"], piece["bin_high"].iloc[-1:])
            label = NAMES[image] if place == 0 else None
            axes.stairs(piece["images"].to_numpy(), edges, color=colour, linestyle=dashes, linewidth=1.2, label=label)
    low, high = rows.loc[rows["bin_low"] > 0, "bin_low"].min(), rows["bin_high"].max()
    if high > LEAST_RANGE * low:
        axes.set_xlim(low / 1.2, high * 1.2)
        log_axis(axes)
    if quantity == "bytes":
        write_ticks(axes.xaxis, size)
    counts_axis(axes)
    axes.set(xlabel=xlabel, ylabel="Images", ylim=(0, None))
    axes.grid(visible=False, axis="x")
    legend_below(figure)
    counts = rows.groupby("image")["images"].sum()
    known = ", ".join(f"{whole(counts[image])} {NAMES[image]}" for image in NAMES if image in counts)
    return Drawing(f"size_{quantity}", title, f"Images whose size is known: {known}.", figure, rows)


def _formats(formats: pd.DataFrame) -> Listing:
    means = [
        sizes([count / images])[0] if count >= 0 and images else MISSING
        for count, images in zip(formats["bytes"], formats["images"], strict=True)
    ]
    columns: Columns = {
        "format": [name or "not known" for name in formats["format"]],
        "images": formats["images"],
        "which": [OF_FORMATS.get(image, image) for image in formats["image"]],
        "all of them": sizes(formats["bytes"].tolist()),
        "one on average": means,
    }
    return listing("Formats", "formats", columns)
