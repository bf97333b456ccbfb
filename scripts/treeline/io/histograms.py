"""Histograms of bytes, and what they say of an image."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

BINS = 256
EXACT_IN_SINGLE_PRECISION = 2**24
"""Pixels that OpenCV counts without a mistake: its counts are of single precision."""

Counts: TypeAlias = npt.NDArray[np.int64]
"""Channels x 256: pixels that have each value."""
PerChannel: TypeAlias = npt.NDArray[np.float64]
"""A number a channel."""


def byte_histograms(pixels: npt.NDArray[np.uint8]) -> Counts:
    """Count the values of each channel.

    Args:
        pixels: Height x width x channels.
    """
    height, width, channels = pixels.shape
    counts = np.zeros((channels, BINS), np.int64)
    rows = max(1, EXACT_IN_SINGLE_PRECISION // max(width, 1))
    for top in range(0, height, rows):
        strip = np.ascontiguousarray(pixels[top : top + rows])
        for channel in range(channels):
            counted = cv2.calcHist([strip], [channel], None, [BINS], [0, BINS])
            counts[channel] += counted.ravel().astype(np.int64)
    return counts


def histograms_of(bands: npt.NDArray[Any]) -> Counts:
    """Count the values of each channel in 256 bins: bytes as they are, others between their least and greatest.

    Args:
        bands: Height x width x channels, of any type; what is not finite, or masked, is not counted.
    """
    if bands.dtype == np.uint8 and not isinstance(bands, np.ma.MaskedArray):
        return byte_histograms(bands)
    counts = np.zeros((bands.shape[2], BINS), np.int64)
    for channel in range(bands.shape[2]):
        values = np.ma.compressed(np.ma.masked_invalid(bands[..., channel]))
        if values.size:
            ends = (0, BINS) if values.dtype == np.uint8 else (values.min(), values.max())
            counts[channel] = np.histogram(values, BINS, ends)[0]
    return counts


def entropy(counts: Counts) -> PerChannel:
    """Shannon's entropy in bits, 0 to 8: -sum p log2 p; NaN where nothing was counted."""
    shares = _shares(counts)
    return np.asarray(-(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1))


def energy(counts: Counts) -> PerChannel:
    """The sum of squared shares, 1/256 to 1: 1 where all pixels are alike."""
    return np.asarray((_shares(counts) ** 2).sum(axis=1))


def homogeneity(counts: Counts) -> PerChannel:
    """Inverse difference moment of two pixels that are drawn independently, 0 to 1: 1 where all pixels are alike.

    Haralick, Shanmugam, Dinstein: Textural features for image classification (1973), of the co-occurrence that the
    histogram alone implies: sum p_i p_j / (1 + (i - j)^2).
    """
    levels = np.arange(BINS)
    nearness = 1 / (1 + np.subtract.outer(levels, levels) ** 2.0)
    shares = _shares(counts)
    return np.asarray(np.einsum("ci,ij,cj->c", shares, nearness, shares, optimize=True))


def _shares(counts: Counts) -> PerChannel:
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
