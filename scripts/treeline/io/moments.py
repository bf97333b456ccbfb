"""Minimum, maximum and the first four moments of channels, of any number of pixels in constant memory.

Parts are measured by themselves and merged by Pebay's formulas (Formulas for robust, one-pass parallel computation of
covariances and arbitrary-order statistical moments, 2008), which lose no precision to the number of pixels, as sums of
powers would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from treeline.io.histograms import BINS, Counts, PerChannel, byte_histograms

VALUES_AT_ONCE = 2**20


@dataclass(frozen=True)
class Moments:
    """What is known of the pixels of each channel so far.

    Args:
        count: Pixels.
        min: Least value; infinity where there is no pixel.
        max: Greatest value; minus infinity where there is no pixel.
        mean: Mean; 0 where there is no pixel.
        sum2: Sum of squared differences from the mean.
        sum3: Sum of the third powers of these.
        sum4: Sum of the fourth powers.
    """

    count: PerChannel
    min: PerChannel
    max: PerChannel
    mean: PerChannel
    sum2: PerChannel
    sum3: PerChannel
    sum4: PerChannel

    @classmethod
    def nothing(cls, channels: int) -> Moments:
        """Those of no pixels."""
        zeros = np.zeros(channels)
        return cls(zeros, zeros + np.inf, zeros - np.inf, zeros, zeros, zeros, zeros)

    @classmethod
    def of(cls, bands: npt.NDArray[Any]) -> Moments:
        """Those of an image, height x width x channels; what is not finite, or masked, does not count."""
        if bands.dtype == np.uint8 and not isinstance(bands, np.ma.MaskedArray):
            return cls.of_histograms(byte_histograms(bands))
        channels = bands.shape[2]
        rows = bands.reshape(-1, channels)
        moments = cls.nothing(channels)
        step = max(1, VALUES_AT_ONCE // max(channels, 1))
        for start in range(0, len(rows), step):
            part = rows[start : start + step].T
            values = np.ma.getdata(part).astype(np.float64)
            moments = moments.merge(_of_values(values, np.isfinite(values) & ~np.ma.getmaskarray(part)))
        return moments

    @classmethod
    def of_histograms(cls, counts: Counts) -> Moments:
        """Those of bytes of which each value was counted."""
        levels = np.broadcast_to(np.arange(BINS, dtype=np.float64), counts.shape)
        return _weighted(levels, counts.astype(np.float64))

    def update(self, bands: npt.NDArray[Any]) -> Moments:
        """These and an image's, height x width x channels."""
        return self.merge(Moments.of(bands))

    def merge(self, other: Moments) -> Moments:
        """Those of both together."""
        count = self.count + other.count
        either = np.maximum(count, 1)
        delta = other.mean - self.mean
        n, m = self.count, other.count
        share = delta / either
        product = n * m * share
        sum2 = self.sum2 + other.sum2 + product * delta
        sum3 = self.sum3 + other.sum3 + product * share * (n - m) * delta + 3 * share * (n * other.sum2 - m * self.sum2)
        sum4 = (
            self.sum4
            + other.sum4
            + product * share * share * (n * n - n * m + m * m) * delta
            + 6 * share**2 * (n * n * other.sum2 + m * m * self.sum2)
            + 4 * share * (n * other.sum3 - m * self.sum3)
        )
        mean = np.where(n == 0, other.mean, self.mean + share * m)
        return Moments(count, np.minimum(self.min, other.min), np.maximum(self.max, other.max), mean, sum2, sum3, sum4)

    @property
    def variance(self) -> PerChannel:
        """Of the population: divided by the number of pixels; NaN where there is none."""
        return self._per_pixel(self.sum2)

    @property
    def skewness(self) -> PerChannel:
        """Third moment by the standard deviation's third power; NaN where all pixels are alike."""
        return self._per_pixel(self.sum3) / self._spread() ** 1.5

    @property
    def kurtosis(self) -> PerChannel:
        """Fourth moment by the squared variance, less 3, which a normal distribution has; NaN where all are alike."""
        return self._per_pixel(self.sum4) / self._spread() ** 2 - 3

    def _spread(self) -> PerChannel:
        """The variance, or NaN where it is no more than the mean's rounding."""
        variance = self.variance
        alike = variance <= (np.finfo(np.float64).eps * self.mean) ** 2
        return np.where(alike, np.nan, variance)

    def _per_pixel(self, total: PerChannel) -> PerChannel:
        return np.where(self.count > 0, total / np.maximum(self.count, 1), np.nan)


def _of_values(values: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]) -> Moments:
    """Channels x pixels."""
    return _weighted(np.where(present, values, 0), present.astype(np.float64))


def _weighted(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> Moments:
    """Channels x values, each as often as its weight says."""
    count = weights.sum(axis=1)
    mean = (values * weights).sum(axis=1) / np.maximum(count, 1)
    differences = values - mean[:, None]
    # A mean is rounded: what is left of it is taken out of the differences, or it would be in each power.
    rest = (differences * weights).sum(axis=1) / np.maximum(count, 1)
    differences -= rest[:, None]
    squares = differences**2
    return Moments(
        count,
        np.where(weights > 0, values, np.inf).min(axis=1, initial=np.inf),
        np.where(weights > 0, values, -np.inf).max(axis=1, initial=-np.inf),
        mean + rest,
        (squares * weights).sum(axis=1),
        (squares * differences * weights).sum(axis=1),
        (squares * squares * weights).sum(axis=1),
    )
