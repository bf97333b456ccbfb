"""What is counted of each channel over all pixels, in parts that can be put together.

Of bytes, a histogram says everything exactly. Of other types, moments are kept, and merged by the formulas of Pebay
(Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical moments, Sandia
2008); their percentiles and histograms are those of the sampled pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVELS = 256
_MOST_COUNTED = 2**22
"""Pixels that OpenCV counts at once: it counts in 32-bit floats, exact to 2 ** 24."""


@dataclass
class ByteCounts:
    """Pixels of each value.

    Args:
        counts: Channels x 256.
    """

    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, image: npt.NDArray[np.uint8]) -> ByteCounts:
        """Count an image of height x width x channels."""
        rows = max(1, _MOST_COUNTED // image.shape[1])
        counts = np.zeros((image.shape[2], LEVELS), np.int64)
        for top in range(0, image.shape[0], rows):
            strip = np.ascontiguousarray(image[top : top + rows])
            for channel, counted in enumerate(counts):
                counted += cv2.calcHist([strip], [channel], None, [LEVELS], [0, LEVELS]).ravel().astype(np.int64)
        return cls(counts)

    def add(self, other: ByteCounts) -> None:
        """Count what another has counted, too."""
        self.counts += other.counts


@dataclass
class Moments:
    """Moments of each channel's finite values.

    Args:
        count: Values.
        low: Least value; infinity where there is none.
        high: Greatest value.
        mean: Mean.
        powers: 3 x channels: sums of the second, third and fourth powers of what differs from the mean.
    """

    count: npt.NDArray[np.int64]
    low: Floats
    high: Floats
    mean: Floats
    powers: Floats

    @classmethod
    def of(cls, image: npt.NDArray[np.generic]) -> Moments:
        """Take the moments of an image of height x width x channels, a channel at a time."""
        channels = [_finite(image[..., channel]) for channel in range(image.shape[2])]
        mean = np.array([values.mean() if values.size else 0.0 for values in channels])
        powers = np.zeros((3, len(channels)))
        for channel, values in enumerate(channels):
            difference = values - mean[channel]
            square = difference * difference
            powers[:, channel] = square.sum(), (square * difference).sum(), (square * square).sum()
        return cls(
            np.array([values.size for values in channels], np.int64),
            np.array([values.min(initial=np.inf) for values in channels]),
            np.array([values.max(initial=-np.inf) for values in channels]),
            mean,
            powers,
        )

    def add(self, other: Moments) -> None:
        """Take another's values in, too."""
        one, two = self.count.astype(float), other.count.astype(float)
        total = np.maximum(one + two, 1)
        step = other.mean - self.mean
        (a2, a3, a4), (b2, b3, b4) = self.powers, other.powers
        self.powers = np.stack(
            [
                a2 + b2 + step**2 * one * two / total,
                a3 + b3 + step**3 * one * two * (one - two) / total**2 + 3 * step * (one * b2 - two * a2) / total,
                a4
                + b4
                + step**4 * one * two * (one**2 - one * two + two**2) / total**3
                + 6 * step**2 * (one**2 * b2 + two**2 * a2) / total**2
                + 4 * step * (one * b3 - two * a3) / total,
            ]
        )
        self.mean = self.mean + step * two / total
        self.count = self.count + other.count
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)


ChannelTotals: TypeAlias = ByteCounts | Moments


def count_channels(image: npt.NDArray[np.generic]) -> ChannelTotals:
    """Count the channels of an image of height x width x channels, by its type."""
    return ByteCounts.of(image.view(np.uint8)) if image.dtype == np.uint8 else Moments.of(image)


def mean_and_variance(totals: ChannelTotals) -> tuple[Floats, Floats]:
    """Mean and population variance of each channel; NaN where it has no value."""
    if isinstance(totals, ByteCounts):
        levels = np.arange(LEVELS)
        pixels = totals.counts.sum(1).astype(float)
        pixels[pixels == 0] = np.nan
        mean = totals.counts @ levels / pixels
        return mean, (totals.counts * (levels - mean[:, None]) ** 2).sum(1) / pixels
    pixels = np.where(totals.count > 0, totals.count, np.nan)
    return totals.mean * pixels / pixels, totals.powers[0] / pixels


def _finite(values: npt.NDArray[np.generic]) -> Floats:
    plain = values.astype(np.float64).ravel()
    finite = np.isfinite(plain)
    return plain if finite.all() else plain[finite]
