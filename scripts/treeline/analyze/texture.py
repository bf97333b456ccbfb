"""Texture of an image: its grey level co-occurrence matrix (Haralick, Shanmugam, Dinstein: Textural features, 1973).

Grey is reduced to 32 levels; pairs are of neighbours at a distance of 1 pixel, at 0, 45, 90 and 135 degrees, in both
directions. Each measure is the mean of those of the four angles, each from its own matrix of probabilities p(i, j):
energy sqrt(sum p ** 2), homogeneity sum p / (1 + (i - j) ** 2), contrast sum p (i - j) ** 2, entropy -sum p log2 p.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVELS = 32

_LEVEL = np.arange(LEVELS)
_SQUARED = (_LEVEL[:, None] - _LEVEL[None, :]) ** 2


def texture(grey: npt.NDArray[np.generic]) -> dict[str, float]:
    """Measure a grey image: bytes as they are, other values between the least and the greatest of the image.

    Returns:
        By the names of `tables.TEXTURE_MEASURES`; NaN where the image has no two pixels side by side.
    """
    levels = reduce_levels(grey)
    matrices = [
        _matrix(levels[:, :-1], levels[:, 1:]),
        _matrix(levels[1:, :-1], levels[:-1, 1:]),
        _matrix(levels[:-1], levels[1:]),
        _matrix(levels[1:, 1:], levels[:-1, :-1]),
    ]
    measures = np.array([_measure(matrix) for matrix in matrices if matrix is not None]).reshape(-1, 4)
    means = measures.mean(0) if len(measures) else np.full(4, np.nan)
    return dict(zip(("energy", "homogeneity", "contrast", "entropy"), means.tolist(), strict=True))


def reduce_levels(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Reduce a grey image to 32 levels."""
    if grey.dtype == np.uint8:
        return grey.astype(np.int64) * LEVELS // 256
    values = grey.astype(np.float64)
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low) * LEVELS if high > low else np.zeros_like(values)
    return np.minimum(scaled, LEVELS - 1).astype(np.int64)


def _matrix(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.float64] | None:
    if one.size == 0:
        return None
    counts = np.bincount((one * LEVELS + other).ravel(), minlength=LEVELS**2).reshape(LEVELS, LEVELS)
    both = (counts + counts.T).astype(np.float64)
    both /= both.sum()
    return both


def _measure(matrix: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    there = matrix[matrix > 0]
    return (
        float(np.sqrt((matrix**2).sum())),
        float((matrix / (1 + _SQUARED)).sum()),
        float((matrix * _SQUARED).sum()),
        float(-(there * np.log2(there)).sum()) + 0.0,
    )
