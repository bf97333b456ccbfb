"""From what was counted of the channels to the tables `channels` and `histograms`.

Moments are those of the population, as SciPy gives them: skewness m3 / m2 ** 1.5, excess kurtosis m4 / m2 ** 2 - 3, of
central moments m (Joanes, Gill: Comparing measures of sample skewness and kurtosis, 1998). Percentiles are interpolated
between the two nearest values, as NumPy's `linear` does (method 7 of Hyndman, Fan: Sample quantiles in statistical
packages, 1996). Entropy is Shannon's, and energy the sum of the squared shares, of the histogram's 256 bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from treeline.analyze.channels import ChannelTotals, Floats, means_of, moments_of
from treeline.analyze.tables import PERCENTILES
from treeline.io.histograms import BINS, energy, entropy
from treeline.io.moments import Moments

QUANTILES = np.array([50, *PERCENTILES]) / 100
QUANTILE_NAMES = ("median", *(f"p{percent}" for percent in PERCENTILES))


def channel_rows(totals: ChannelTotals, sampled: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `channels`.

    Args:
        totals: What was counted.
        sampled: Pixels x channels: values of the sampled pixels, for types of which no histogram is kept.
        names: Of the channels.
    """
    moments = moments_of(totals)
    counts = np.stack([_histogram(totals, sampled, channel)[1] for channel in range(len(names))])
    columns = {
        "count": moments.count,
        "min": np.where(moments.count > 0, moments.min, np.nan),
        "max": np.where(moments.count > 0, moments.max, np.nan),
        "mean": means_of(totals),
        "variance": moments.variance,
        "skewness": moments.skewness,
        "kurtosis": moments.kurtosis,
        "entropy": entropy(counts),
        "energy": energy(counts),
    }
    return [
        {"channel": channel, "name": name}
        | {column: float(values[channel]) for column, values in columns.items()}
        | dict(zip(QUANTILE_NAMES, _quantiles(totals, sampled, channel).tolist(), strict=True))
        for channel, name in enumerate(names)
    ]


def histogram_rows(totals: ChannelTotals, sampled: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the space `channels`."""
    rows = []
    for channel, name in enumerate(names):
        rows.extend(bin_rows("channels", name, *_histogram(totals, sampled, channel)))
    return rows


def bin_rows(space: str, channel: str, edges: Floats, counts: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Rows of the table `histograms`, of a distribution that has bins between these edges."""
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    return [
        {"space": space, "channel": channel, "bin_low": low, "bin_high": high, "count": count}
        for low, high, count in bins
    ]


def quantiles_of_counts(counts: npt.NDArray[np.int64], quantiles: Floats) -> Floats:
    """Quantiles of the values 0, 1, 2, ... of which there are so many; NaN where there are none."""
    upto = np.cumsum(counts)
    if upto[-1] == 0:
        return np.full(len(quantiles), np.nan)
    ranks = quantiles * (upto[-1] - 1)
    below, above = np.floor(ranks), np.ceil(ranks)
    low, high = np.searchsorted(upto, below, side="right"), np.searchsorted(upto, above, side="right")
    return np.asarray(low + (high - low) * (ranks - below))


def _quantiles(totals: ChannelTotals, sampled: Floats, channel: int) -> Floats:
    if not isinstance(totals, Moments):
        return quantiles_of_counts(totals[channel], QUANTILES)
    values = _finite_column(sampled, channel)
    return np.quantile(values, QUANTILES) if values.size else np.full(len(QUANTILES), np.nan)


def _histogram(totals: ChannelTotals, sampled: Floats, channel: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    if not isinstance(totals, Moments):
        return np.arange(BINS + 1.0), totals[channel]
    counts, edges = np.histogram(_finite_column(sampled, channel), BINS)
    return edges, counts.astype(np.int64)


def _finite_column(sampled: Floats, channel: int) -> Floats:
    column = sampled[:, channel]
    return column[np.isfinite(column)]
