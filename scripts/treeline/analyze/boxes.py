"""How large boxes are, and where in the image they lie."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.analyze.dataset import Dataset
from treeline.analyze.labels import named
from treeline.io.disk_tables import read_pieces

CELLS = 20
"""Of a histogram, on each side."""

MOST_HALVINGS = 20
"""Boxes with a smaller share of the image's area than 2 ** -20 are counted with those that have it."""

BIN = ["kind", "label_idx", "x_low", "x_high", "y_low", "y_high"]
"""What tells a bin from others."""

_BOXES = """
    SELECT label_idx, x, y, boxes.width, boxes.height, images.width AS image_width, images.height AS image_height
    FROM boxes JOIN images USING (id)
"""

_Places: TypeAlias = npt.NDArray[np.int64]
_Shares: TypeAlias = npt.NDArray[np.float64]


def box_histograms(dataset: Dataset) -> pd.DataFrame:
    """Rows of the table `boxes`, of those in images that could be read."""
    if not dataset.count("boxes"):
        return pd.DataFrame()
    rows = pd.DataFrame()
    for boxes in read_pieces(dataset.database, _BOXES):
        rows = pd.concat([rows, *_histograms(boxes)]).groupby(BIN, as_index=False)[["count"]].sum()
    rows = rows.sort_values(["label_idx", "kind", "x_low", "y_low"], kind="stable")
    return rows.assign(label=named(dataset, rows["label_idx"]))


def _histograms(boxes: pd.DataFrame) -> list[pd.DataFrame]:
    across, down = boxes["image_width"].to_numpy(float), boxes["image_height"].to_numpy(float)
    width, height = boxes["width"].to_numpy(float) / across, boxes["height"].to_numpy(float) / down
    x, y = boxes["x"].to_numpy(float) / across + width / 2, boxes["y"].to_numpy(float) / down + height / 2
    label_idx = boxes["label_idx"].to_numpy(np.int64)
    return [
        _counted("centre", label_idx, _cells(x), _cells(y)),
        _counted("size", label_idx, _cells(width), _cells(height)),
        _by_area(label_idx, width * height),
    ]


def _counted(kind: str, label_idx: _Places, x: _Places, y: _Places) -> pd.DataFrame:
    cells = pd.DataFrame({"label_idx": label_idx, "x": x, "y": y}).value_counts().reset_index()
    return pd.DataFrame(
        {
            "kind": kind,
            "label_idx": cells["label_idx"],
            "count": cells["count"],
            "x_low": cells["x"] / CELLS,
            "x_high": (cells["x"] + 1) / CELLS,
            "y_low": cells["y"] / CELLS,
            "y_high": (cells["y"] + 1) / CELLS,
        }
    )


def _by_area(label_idx: _Places, share: _Shares) -> pd.DataFrame:
    halvings = np.floor(-np.log2(np.clip(share, 2.0**-MOST_HALVINGS, 1))).astype(np.int64)
    bins = pd.DataFrame({"label_idx": label_idx, "halvings": halvings}).value_counts().reset_index()
    high = 2.0 ** -bins["halvings"].to_numpy(float)
    bounds = {"x_low": high / 2, "x_high": high, "y_low": 0.0, "y_high": 1.0}
    return pd.DataFrame({"kind": "area", "label_idx": bins["label_idx"], "count": bins["count"], **bounds})


def _cells(share: _Shares) -> _Places:
    return np.clip(np.floor(share * CELLS), 0, CELLS - 1).astype(np.int64)
