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

from treeline.analyze.channels import LEVELS, ByteCounts, ChannelTotals, Floats, Moments
from treeline.analyze.tables import PERCENTILES

QUANTILES = np.array([50, *PERCENTILES]) / 100


def channel_rows(totals: ChannelTotals, sampled: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `channels`.

    Args:
        totals: What was counted.
        sampled: Pixels x channels: values of the sampled pixels, for types of which no histogram is kept.
        names: Of the channels.
    """
    rows = []
    for channel, name in enumerate(names):
        facts = _of_bytes(totals, channel) if isinstance(totals, ByteCounts) else _of_moments(totals, sampled, channel)
        rows.append({"channel": channel, "name": name, **facts, **_spread(_histogram(totals, sampled, channel)[1])})
    return rows


def histogram_rows(totals: ChannelTotals, sampled: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the space `channels`."""
    rows = []
    for channel, name in enumerate(names):
        edges, counts = _histogram(totals, sampled, channel)
        rows.extend(bin_rows("channels", name, edges, counts))
    return rows


def bin_rows(space: str, channel: str, edges: Floats, counts: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """Rows of the table `histograms`, of a distribution that has bins between these edges."""
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    return [
        {"space": space, "channel": channel, "bin_low": low, "bin_high": high, "count": count}
        for low, high, count in bins
    ]


def _of_bytes(totals: ByteCounts, channel: int) -> dict[str, float]:
    counts = totals.counts[channel]
    levels = np.flatnonzero(counts)
    if not levels.size:
        return _facts(0, np.nan, np.nan, np.nan, (np.nan,) * 3, np.full(len(QUANTILES), np.nan))
    weights = counts[levels]
    count = int(weights.sum())
    mean = float(levels @ weights / count)
    difference = levels - mean
    moments = tuple(float((difference**power * weights).sum() / count) for power in (2, 3, 4))
    ranks = QUANTILES * (count - 1)
    below, above = np.floor(ranks).astype(np.int64), np.ceil(ranks).astype(np.int64)
    upto = np.cumsum(weights)
    low, high = (levels[np.searchsorted(upto, rank, side="right")] for rank in (below, above))
    return _facts(count, levels[0], levels[-1], mean, moments, low + (high - low) * (ranks - below))


def _of_moments(totals: Moments, sampled: Floats, channel: int) -> dict[str, float]:
    values = _finite_column(sampled, channel)
    count = int(totals.count[channel])
    if count == 0:
        return _facts(0, np.nan, np.nan, np.nan, (np.nan,) * 3, np.full(len(QUANTILES), np.nan))
    quantiles = np.quantile(values, QUANTILES) if values.size else np.full(len(QUANTILES), np.nan)
    moments = tuple((totals.powers[:, channel] / count).tolist())
    return _facts(count, totals.low[channel], totals.high[channel], totals.mean[channel], moments, quantiles)


def _facts(
    count: int, low: float, high: float, mean: float, moments: tuple[float, ...], quantiles: Floats
) -> dict[str, float]:
    variance, third, fourth = moments
    # One value only: neither is defined, and SciPy says NaN too.
    is_flat = not variance > 0
    return {
        "count": count,
        "min": float(low),
        "max": float(high),
        "mean": float(mean),
        "variance": variance,
        "skewness": np.nan if is_flat else third / variance**1.5,
        "kurtosis": np.nan if is_flat else fourth / variance**2 - 3,
        "median": float(quantiles[0]),
        **{f"p{percent}": float(value) for percent, value in zip(PERCENTILES, quantiles[1:], strict=True)},
    }


def _histogram(totals: ChannelTotals, sampled: Floats, channel: int) -> tuple[Floats, np.ndarray[Any, Any]]:
    if isinstance(totals, ByteCounts):
        return np.arange(LEVELS + 1.0), totals.counts[channel]
    counts, edges = np.histogram(_finite_column(sampled, channel), LEVELS)
    return edges, counts


def _spread(counts: np.ndarray[Any, Any]) -> dict[str, float]:
    shares = counts[counts > 0] / max(1, counts.sum())
    return {"entropy": float(-(shares * np.log2(shares)).sum()) + 0.0, "energy": float((shares**2).sum())}


def _finite_column(sampled: Floats, channel: int) -> Floats:
    column = sampled[:, channel]
    return column[np.isfinite(column)]
