"""How alike the pixels of a band are, by how far they are from one another.

Both look at a window of at most 128 x 128 pixels in the middle of a raster, at its own resolution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Band = npt.NDArray[np.float64]
"""Height x width; NaN where there is no value."""

WINDOW = 128
MOST_LAG = 32
"""Pixels: the variogram's classes end at 1, 2, ... up to it, a quarter of the window."""


class Moran(NamedTuple):
    """Moran's I of a band.

    Args:
        moran: I: 1 where neighbours are alike, 0 where they are independent, negative where they differ.
        expected: I without autocorrelation, -1 / (pixels - 1).
        z: Standard score under the assumption of normality.
    """

    moran: float
    expected: float
    z: float


class Pairs(NamedTuple):
    """Pairs of pixels by their distance: bin k has those further apart than k, and at most k + 1 pixels.

    Args:
        squares: Sums of the squared differences.
        counts: Pairs.
    """

    squares: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def middle(image: npt.NDArray[np.generic], side: int = WINDOW) -> npt.NDArray[np.generic]:
    """The middle of an image of height x width x channels, at most `side` pixels on a side."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def moran(band: Band) -> Moran:
    """Moran's I (Notes on continuous stochastic phenomena, 1950), where the four next pixels are neighbours, weight 1.

    Its variance is that of Cliff, Ord: Spatial processes, 1981. NaN for a band with gaps of which all pixels are the
    same, or that has less than 3.
    """
    there = np.isfinite(band)
    pixels = int(there.sum())
    if pixels < 3:
        return Moran(np.nan, np.nan, np.nan)
    difference = np.where(there, band - band[there].mean(), 0.0)
    neighbours = np.zeros(band.shape, np.int64)
    neighbours[:, 1:] += there[:, :-1]
    neighbours[:, :-1] += there[:, 1:]
    neighbours[1:] += there[:-1]
    neighbours[:-1] += there[1:]
    neighbours[~there] = 0
    products = (difference[:, 1:] * difference[:, :-1]).sum() + (difference[1:] * difference[:-1]).sum()
    weights = float(neighbours.sum())
    squares = float((difference**2).sum())
    if weights == 0 or squares == 0:
        return Moran(np.nan, np.nan, np.nan)
    expected = -1 / (pixels - 1)
    first, second = 2 * weights, 4.0 * float((neighbours**2).sum())
    variance = (pixels**2 * first - pixels * second + 3 * weights**2) / ((pixels**2 - 1) * weights**2) - expected**2
    found = pixels / weights * 2 * products / squares
    return Moran(float(found), expected, float((found - expected) / np.sqrt(variance)) if variance > 0 else np.nan)


def variogram_pairs(band: Band) -> Pairs:
    """Sum squared differences by distance: what Matheron's estimator is made of (Principles of geostatistics, 1963).

    All pairs of the band are taken that are at most 32 pixels apart; by the Fourier transform, as products are
    (Marcotte: Fast variogram computation with FFT, 1996).
    """
    there = np.isfinite(band)
    centre = band[there].mean() if there.any() else 0.0
    values = np.where(there, band - centre, 0.0)
    room = [side + MOST_LAG for side in band.shape]
    weight, value, square = (np.fft.rfft2(plane, room) for plane in (there.astype(float), values, values**2))
    # Of pixels x and x + h, the sum of (z(x) - z(x + h)) ** 2 is that of z(x) ** 2 + z(x + h) ** 2 - 2 z(x) z(x + h).
    cross = square * weight.conj()
    sums = np.fft.irfft2(cross + cross.conj() - 2 * value * value.conj(), room)
    counts = np.rint(np.fft.irfft2(weight * weight.conj(), room))
    down, right = (_offsets(side) for side in room)
    distance = np.hypot(down[:, None], right[None, :])
    # Of each pair only one direction counts.
    is_wanted = (distance > 0) & (distance <= MOST_LAG) & ((down[:, None] > 0) | ((down[:, None] == 0) & (right > 0)))
    place = np.ceil(distance[is_wanted]).astype(np.int64) - 1
    pairs = np.bincount(place, counts[is_wanted], MOST_LAG).astype(np.int64)
    squares = np.bincount(place, sums[is_wanted], MOST_LAG)
    return Pairs(np.where(pairs > 0, np.maximum(squares, 0), 0), pairs)


def semivariance(pairs: Pairs) -> npt.NDArray[np.float64]:
    """Half the mean squared difference of each class; NaN where it has no pairs."""
    return pairs.squares / np.where(pairs.counts > 0, 2 * pairs.counts, np.nan)


def _offsets(length: int) -> npt.NDArray[np.int64]:
    """How far the places of a cyclic correlation are moved: 0, 1, ..., -2, -1."""
    places = np.arange(length)
    return np.where(places > length // 2, places - length, places)
