"""Images to look at before anything is learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

BLACK = 16
"""Levels: 99 % of the pixels of every channel are no brighter."""

WHITE = 239
"""Levels: 99 % of the pixels of every channel are no darker."""

TINY = 32
"""Pixels of the shorter side; smaller ones are tiny."""

ODD_ASPECT = 3.0
"""Longer / shorter side; larger is odd."""

OUTLIER = 3.5
"""Modified z-score: median and median absolute deviation stand for mean and standard deviation.

(Iglewicz, Hoaglin: How to detect and handle outliers, 1993.)
"""

DEVIATIONS = 0.6745
"""Median absolute deviation of a normal distribution whose standard deviation is 1."""

MOST_OF_A_REASON = 1000


def suspicious(images: pd.DataFrame, unreadable: Mapping[int, str]) -> pd.DataFrame:
    """Find all suspicious images.

    Args:
        images: What was measured, with quantities.
        unreadable: Ids of those that could not be.

    Returns:
        Rows id, reason, value: the worst first, by reason in the order of `tables.REASONS`.
    """
    brightness, sharpness = images["brightness"], images["sharpness"]
    elongation = images["longer_side"] / images["shorter_side"]
    is_black, is_white = images["high"] <= BLACK, images["low"] >= WHITE
    is_blurred = is_much_lower(sharpness) & ~is_black & ~is_white
    found = [
        pd.DataFrame({"id": list(unreadable), "reason": "unreadable", "value": np.nan}),
        _rows(images["id"], "black", brightness[is_black].sort_values(kind="stable")),
        _rows(images["id"], "white", brightness[is_white].sort_values(kind="stable", ascending=False)),
        _rows(images["id"], "blurred", sharpness[is_blurred].sort_values(kind="stable")),
        _rows(images["id"], "tiny", images["shorter_side"][images["shorter_side"] < TINY].sort_values(kind="stable")),
        _rows(
            images["id"], "odd_aspect", elongation[elongation > ODD_ASPECT].sort_values(kind="stable", ascending=False)
        ),
        _duplicated(images),
    ]
    return pd.concat([rows for rows in found if len(rows)] or found, ignore_index=True)


def is_much_lower(sharpness: pd.Series[Any]) -> pd.Series[bool]:
    """Whether images are far less sharp than most: their logarithm is an outlier; so is all that has no edge."""
    positive = sharpness > 0
    logarithm = np.log2(sharpness.where(positive))
    difference = logarithm - logarithm.median()
    spread = difference.abs().median()
    score = DEVIATIONS * difference / spread if spread > 0 else difference * 0
    return pd.Series((score < -OUTLIER) | ~positive)


def listed(rows: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    """Rows of the table `suspicious`: the worst 1,000 of each reason, with the names of the images by id."""
    worst = rows.groupby("reason", sort=False).head(MOST_OF_A_REASON)
    return worst.assign(image_path=[names[number] for number in worst["id"].tolist()])


def _rows(ids: pd.Series[int], reason: str, values: pd.Series[Any]) -> pd.DataFrame:
    return pd.DataFrame({"id": ids[values.index], "reason": reason, "value": values.astype(np.float64)})


def _duplicated(images: pd.DataFrame) -> pd.DataFrame:
    first = images.groupby("digest")["id"].transform("min")
    return _rows(images["id"], "duplicated", first[first != images["id"]])
