"""How sure a number is that was measured on some images: intervals of 95 %.

They take the images to be drawn independently. Those of one camera or one burst are not: then the truth is less sure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.io.sampling import scramble

Floats: TypeAlias = npt.NDArray[np.float64]
Totals: TypeAlias = Mapping[str, Floats]
"""Sums over images, by name: any dimensions."""

LEVEL = 0.95
NORMAL = 1.959963984540054
"""Quantile of the normal distribution at 0.975."""

RESAMPLES = 1000
MOST_BLOCKS = 2000
"""Images that are drawn one by one; where there are more, blocks of them are."""

SEED = 0


class Estimate(NamedTuple):
    """A number, or several, with the ends of its interval; NaN where it is not defined."""

    value: Floats
    low: Floats
    high: Floats


def wilson(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Estimate:
    """Estimate proportions, with Wilson's score interval.

    Wilson (1927), `Probable inference, the law of succession, and statistical inference`, JASA 22, 209-212; it is the
    one that Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133, advise for few trials, and it is right
    near 0 and 1, too.

    Args:
        successes: Of each proportion.
        trials: Of each; 0 gives NaN.
    """
    count = np.asarray(trials, np.float64)
    share = np.divide(successes, count, out=np.full(count.shape, np.nan), where=count > 0)
    size = np.where(count > 0, count, np.nan)
    centre = (share + NORMAL**2 / (2 * size)) / (1 + NORMAL**2 / size)
    half = NORMAL / (1 + NORMAL**2 / size) * np.sqrt(share * (1 - share) / size + NORMAL**2 / (4 * size**2))
    # Rounding may put an end beyond the share itself, at 0 and 1.
    return Estimate(share, np.clip(centre - half, 0, share), np.clip(centre + half, share, 1))


def block_of(count: int) -> npt.NDArray[np.int64]:
    """Number of each image's block: its own, or, where the images are more than 2,000, one that it shares.

    They are shuffled: in the order of their ids, what comes again and again would come into the same block.
    """
    places = np.arange(count)
    if count > MOST_BLOCKS:
        places[np.argsort(scramble(places), kind="stable")] = np.arange(count)
    return places % MOST_BLOCKS


def sum_blocks(values: npt.ArrayLike, blocks: npt.NDArray[np.int64]) -> Floats:
    """Sum numbers over blocks: blocks (x columns).

    Args:
        values: Images, or images x columns.
        blocks: Of each image.
    """
    numbers = np.asarray(values, np.float64)
    count = int(blocks.max()) + 1
    if numbers.ndim == 1:
        return np.bincount(blocks, numbers, minlength=count).astype(np.float64)
    sums = np.zeros((count, numbers.shape[1]))
    np.add.at(sums, blocks, numbers)
    return sums


def bootstrap(sums: Totals, statistics: Callable[[Totals], Mapping[str, Floats]]) -> dict[str, Estimate]:
    """Estimate statistics of sums over images, with the percentile interval of the bootstrap.

    Efron and Tibshirani (1993), `An Introduction to the Bootstrap`, chapter 13; 1,000 resamples of images, or of blocks
    of images, with a fixed seed. Of a single block there is nothing to draw: its intervals are NaN.

    Args:
        sums: By name: blocks x ... .
        statistics: From totals, resamples x ... each, to numbers, resamples (x columns) each.
    """
    blocks = len(next(iter(sums.values())))
    whole = statistics({name: values.sum(0, keepdims=True) for name, values in sums.items()})
    drawn = np.random.default_rng(SEED).multinomial(blocks, np.full(blocks, 1 / blocks), RESAMPLES).astype(np.float64)
    resampled = statistics({name: np.tensordot(drawn, values, 1) for name, values in sums.items()})
    return {name: _estimate(value[0], resampled[name], blocks) for name, value in whole.items()}


def _estimate(value: Floats, resampled: Floats, blocks: int) -> Estimate:
    defined = np.isfinite(resampled)
    ends = np.full((2, *value.shape), np.nan)
    if blocks > 1 and defined.any():
        tail = 100 * (1 - LEVEL) / 2
        some = np.where(defined.any(0), resampled, 0.0)
        ends = np.where(defined.any(0), np.nanpercentile(some, (tail, 100 - tail), axis=0), np.nan)
    return Estimate(np.asarray(value), ends[0], ends[1])
