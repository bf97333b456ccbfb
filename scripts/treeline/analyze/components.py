"""Principal components: of the channels of the sampled pixels, and of thumbnails, as eigenfaces are of faces.

Components are the eigenvectors of the covariance matrix (Jolliffe: Principal component analysis, 2002); of the two
directions that each has, that is taken in which its largest loading is positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from treeline.analyze.channels import Floats
from treeline.analyze.detail import THUMBNAIL, Detail

MOST_OF_THUMBNAILS = 8
"""Components that are kept."""


class Components(NamedTuple):
    """Principal components.

    Args:
        explained: Share of the variance of each; the largest first.
        loadings: Components x variables, each of length 1.
    """

    explained: Floats
    loadings: Floats


def principal_components(values: Floats, most: int) -> Components:
    """Find the principal components of observations x variables, at most so many; none where nothing varies."""
    if len(values) < 2:
        return Components(np.empty(0), np.empty((0, values.shape[1])))
    _, strength, loadings = np.linalg.svd(values - values.mean(0), full_matrices=False)
    variance = strength**2
    if not variance.sum() > 0:
        return Components(np.empty(0), np.empty((0, values.shape[1])))
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(1)[:, None], 1)
    return Components((variance / variance.sum())[:most], (loadings * np.sign(largest))[:most])


def channel_components(values: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `components` of the kind `channels`, of pixels x channels."""
    found = principal_components(values[np.isfinite(values).all(1)], len(names))
    return [
        {"kind": "channels", "component": number, "explained": float(share), "channel": name, "x": -1, "y": -1}
        | {"loading": float(loading)}
        for number, (share, loadings) in enumerate(zip(*found, strict=True), start=1)
        for name, loading in zip(names, loadings, strict=True)
    ]


def thumbnail_components(details: Sequence[Detail], names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `components` of the kind `thumbnails`; those that lack a value are left out."""
    if not details:
        return []
    flat = np.array([detail.thumbnail.ravel() for detail in details], np.float64)
    found = principal_components(flat[np.isfinite(flat).all(1)], MOST_OF_THUMBNAILS)
    side = range(THUMBNAIL)
    variables = [{"channel": name, "x": x, "y": y} for y in side for x in side for name in names]
    return [
        {"kind": "thumbnails", "component": number, "explained": float(share), "loading": float(loading), **variable}
        for number, (share, loadings) in enumerate(zip(*found, strict=True), start=1)
        for variable, loading in zip(variables, loadings, strict=True)
    ]
