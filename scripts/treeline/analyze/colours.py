"""How the channels of the sampled pixels hang together, and their colours in other spaces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.analyze.channel_tables import bin_rows
from treeline.analyze.channels import Floats

BINS = 32
"""Of a channel, for mutual information."""

NEARLY_SINGULAR = 1e12
"""Condition of a matrix of correlations above which a channel is a mixture of others."""

SPACES = {
    "hsv": (cv2.COLOR_RGB2HSV, (("hue", 0, 360, 180), ("saturation", 0, 1, 100), ("value", 0, 1, 100))),
    "lab": (cv2.COLOR_RGB2Lab, (("L", 0, 100, 100), ("a", -128, 128, 128), ("b", -128, 128, 128))),
}
"""Conversion, and range and bins of each channel."""


def correlations(values: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `correlations`.

    Args:
        values: Pixels x channels; pixels that lack a value are left out.
        names: Of the channels.
    """
    there = values[np.isfinite(values).all(1)]
    found = {
        "pearson": pearson(there),
        "spearman": pearson(pd.DataFrame(there).rank().to_numpy()),
        "mutual_information": mutual_information(there),
    }
    if len(names) > 2:
        found["partial"] = partial(found["pearson"])
    return [
        {"kind": kind, "first": names[one], "second": names[other], "value": float(matrix[one, other])}
        for kind, matrix in found.items()
        for one, other in combinations(range(len(names)), 2)
    ]


def pearson(values: Floats) -> Floats:
    """Product-moment correlations, channels x channels; NaN with a channel that has one value only."""
    if len(values) < 2:
        return np.full((values.shape[1],) * 2, np.nan)
    centred = values - values.mean(0)
    length = np.linalg.norm(centred, axis=0)
    scaled = centred / np.where(length > 0, length, np.nan)
    return np.asarray(np.clip(scaled.T @ scaled, -1, 1))


def partial(correlation: Floats) -> Floats:
    """Correlation of two channels given all others, from the inverse P: -P_ij / sqrt(P_ii P_jj).

    (Whittaker: Graphical models in applied multivariate statistics, 1990.) NaN where a channel is a mixture of others.
    """
    if not np.isfinite(correlation).all() or np.linalg.cond(correlation) > NEARLY_SINGULAR:
        return np.full_like(correlation, np.nan)
    inverse = np.linalg.inv(correlation)
    scale = np.sqrt(np.diag(inverse))
    return np.asarray(-inverse / np.outer(scale, scale))


def mutual_information(values: Floats) -> Floats:
    """Mutual information of each two channels, channels x channels, in nats.

    The estimator is the plug-in: shares of the joint histogram of 32 x 32 bins, of equal width between the least and
    the greatest value of each channel, stand for probabilities. It is too high by about 31 ** 2 / (2 x pixels)
    (Miller: Note on the bias of information estimates, 1955): 0.004 of the 131,072 pixels that are sampled.
    """
    channels = values.shape[1]
    found = np.full((channels, channels), np.nan)
    if len(values):
        codes = bin_codes(values)
        for one, other in combinations(range(channels), 2):
            joint = np.bincount(codes[:, one] * BINS + codes[:, other], minlength=BINS**2).reshape(BINS, BINS)
            found[one, other] = found[other, one] = _information(joint / len(values))
    return found


def bin_codes(values: Floats) -> npt.NDArray[np.int64]:
    """Number of the bin of each value: 0 to 31 between the least and the greatest of its channel."""
    low, high = values.min(0), values.max(0)
    scaled = (values - low) / np.where(high > low, high - low, 1) * BINS
    return np.asarray(np.minimum(scaled, BINS - 1), np.int64)


def colour_histograms(values: Floats) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the spaces `hsv` and `lab`, of pixels x red, green, blue from 0 to 255."""
    rows: list[dict[str, Any]] = []
    pixels = (values / 255).astype(np.float32)[None]
    for space, (conversion, channels) in SPACES.items():
        converted = cv2.cvtColor(pixels, conversion)[0]
        for channel, (name, low, high, bins) in enumerate(channels):
            # Rounding may lead out of the range by a hair.
            inside = np.clip(converted[:, channel], low, high)
            counts, edges = np.histogram(inside, bins, (low, high))
            rows.extend(bin_rows(space, name, edges, counts))
    return rows


def _information(joint: Floats) -> float:
    independent = np.outer(joint.sum(1), joint.sum(0))
    there = joint > 0
    return max(0.0, float((joint[there] * np.log(joint[there] / independent[there])).sum()))
