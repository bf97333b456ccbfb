"""What is counted of each channel over all pixels, in parts that can be put together.

Of bytes, a histogram says everything exactly. Of other types moments are kept, and what else is asked is answered by
the sampled pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.io.histograms import BINS, Counts, PerChannel, histograms_of
from treeline.io.moments import Moments

Floats = npt.NDArray[np.float64]
ChannelTotals: TypeAlias = Counts | Moments
"""What was counted of each channel: of bytes how many have each value."""

_LEVELS = np.arange(BINS)


def count_channels(bands: npt.NDArray[np.generic]) -> ChannelTotals:
    """Count the channels of an image of height x width x channels, by its type; what is masked does not count."""
    return histograms_of(bands) if bands.dtype == np.uint8 else Moments.of(bands)


def together(one: ChannelTotals, other: ChannelTotals) -> ChannelTotals:
    """Put two counts together, of channels of one kind."""
    if isinstance(one, Moments) and isinstance(other, Moments):
        return one.merge(other)
    assert not isinstance(one, Moments) and not isinstance(other, Moments)
    return one + other


def all_together(totals: Mapping[str, ChannelTotals]) -> ChannelTotals:
    """Put the counts of all splits together; the same in whatever order they come."""
    return reduce(together, (totals[split] for split in sorted(totals)))


def moments_of(totals: ChannelTotals) -> Moments:
    """Moments of what was counted."""
    return totals if isinstance(totals, Moments) else Moments.of_histograms(totals)


def means_of(totals: ChannelTotals) -> PerChannel:
    """Mean of each channel; NaN where it has no value."""
    if isinstance(totals, Moments):
        return np.where(totals.count > 0, totals.mean, np.nan)
    pixels = totals.sum(1)
    return totals @ _LEVELS / np.where(pixels > 0, pixels, np.nan)


def channels_of(totals: ChannelTotals) -> int:
    """How many channels were counted."""
    return len(totals.count if isinstance(totals, Moments) else totals)


def kind_of(totals: ChannelTotals) -> str:
    """What is alike in all counts that can be put together, in words: `3 channels of 8 bits`."""
    return f"{channels_of(totals)} channels of {'more than 8' if isinstance(totals, Moments) else '8'} bits"
