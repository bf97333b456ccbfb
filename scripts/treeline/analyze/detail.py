"""What takes long, and is measured of a sample of the images."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from treeline.analyze.autocorrelation import Moran, Pairs, middle, moran, variogram_pairs
from treeline.analyze.image import grey_image
from treeline.analyze.spectra import anomaly_scores
from treeline.analyze.texture import texture
from treeline.io.datasets.samples import Bands

THUMBNAIL = 16
"""Pixels on a side."""

ANOMALY_WINDOW = 512
"""Pixels on a side of a raster's middle in which anomalies are looked for."""

ANOMALIES = 5
"""Pixels of a raster."""


class Anomaly(NamedTuple):
    """A pixel that stands out.

    Args:
        x: Column in the raster.
        y: Row.
        score: Squared Mahalanobis distance from the mean.
    """

    x: int
    y: int
    score: float


class Detail(NamedTuple):
    """What is measured of one image of the sample.

    Args:
        id: Of the image.
        texture: Measures by name.
        thumbnail: 16 x 16 x channels.
        moran: A band each; none of photos.
        pairs: A band each; none of photos.
        anomalies: The most anomalous first; none of photos.
    """

    id: int
    texture: dict[str, float]
    thumbnail: npt.NDArray[np.float32]
    moran: list[Moran]
    pairs: list[Pairs]
    anomalies: list[Anomaly]


def measure_detail(number: int, image: Bands, *, is_raster: bool) -> Detail:
    """Measure an image of height x width x channels."""
    bands = np.moveaxis(middle(image).astype(np.float64), -1, 0) if is_raster else np.empty(0)
    return Detail(
        number,
        texture(grey_image(image)),
        thumbnail(image),
        [moran(band) for band in bands],
        [variogram_pairs(band) for band in bands],
        _anomalies(image) if is_raster else [],
    )


def thumbnail(image: Bands) -> npt.NDArray[np.float32]:
    """Shrink an image to 16 x 16 pixels, each the mean of what it covers; NaN where a value is missing there."""
    target = (THUMBNAIL, THUMBNAIL)
    channels = [np.ascontiguousarray(image[..., channel], np.float32) for channel in range(image.shape[2])]
    return np.stack([cv2.resize(channel, target, interpolation=cv2.INTER_AREA) for channel in channels], axis=-1)


def _anomalies(image: Bands) -> list[Anomaly]:
    window = middle(image, ANOMALY_WINDOW)
    height, width, bands = window.shape
    scores = anomaly_scores(window.reshape(-1, bands).astype(np.float64))
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    order = np.argsort(-scores, kind="stable")[:ANOMALIES]
    return [
        Anomaly(int(left + place % width), int(top + place // width), float(scores[place]))
        for place in order.tolist()
        if np.isfinite(scores[place])
    ]
