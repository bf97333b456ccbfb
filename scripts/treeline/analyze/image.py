"""What is measured of one image."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from treeline.analyze.channel_tables import quantiles_of_counts
from treeline.analyze.channels import ChannelTotals, means_of
from treeline.io.datasets.samples import Bands
from treeline.io.images import decode, sniff_format
from treeline.io.moments import Moments

Grey = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""Height x width."""

LONGEST_GREY_SIDE = 1024
"""Grey images are reduced to it: sharpness that is only seen in larger ones is seldom there, and costs time."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Share of red, green and blue in the brightness that is seen (ITU-R BT.601)."""

# Jobs run one to a core: OpenCV's own threads would only get in each other's way.
cv2.setNumThreads(1)


class ImageFacts(NamedTuple):
    """What is measured of each image.

    Args:
        width: Pixels.
        height: Pixels.
        memory_bytes: Of the decoded image.
        brightness: Photos: mean luma, 0 to 255. Others: mean of all values, in their own units.
        sharpness: Variance of the Laplacian of the grey image (Pech-Pacheco et al.: Diatom autofocusing in brightfield
            microscopy, 2000).
        low: Bytes: 1st percentile of the channel whose is lowest. NaN otherwise.
        high: Bytes: 99th percentile of the channel whose is highest. NaN otherwise.
    """

    width: int
    height: int
    memory_bytes: int
    brightness: float
    sharpness: float
    low: float
    high: float


def decode_with_gaps(data: bytes) -> Bands:
    """Decode an image: a photo as upright RGB; a raster in its own type, masked where it says that nothing is there.

    Raises:
        ImageError: The bytes are no image, or are corrupt.
    """
    if sniff_format(data) != "tiff":
        return decode(data)
    from treeline.io.rasters import read_raster

    return read_raster(data).bands


def fill_gaps(bands: Bands) -> Bands:
    """The same with NaN where it is masked; as it is where nothing is."""
    if not np.ma.is_masked(bands):
        return np.ma.getdata(bands)
    wide = np.float32 if bands.dtype.itemsize <= 2 else np.float64
    return np.ma.filled(np.ma.MaskedArray(bands).astype(wide), np.nan)


def measure_image(image: Bands, totals: ChannelTotals) -> ImageFacts:
    """Measure a decoded image, of which the channels were counted."""
    low, high = _extremes(totals)
    height, width = image.shape[:2]
    return ImageFacts(width, height, image.nbytes, _brightness(image, totals), sharpness(grey_image(image)), low, high)


def grey_image(image: Bands) -> Grey:
    """Grey of an image, at most 1,024 pixels on a side: luma of a photo; the mean of all bands of a raster, as floats.

    Where a raster has no finite value, the mean of those that are stands in.
    """
    if image.dtype == np.uint8 and image.shape[2] == 3:
        grey: Grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(image, np.uint8), cv2.COLOR_RGB2GRAY), np.uint8)
    elif image.dtype == np.uint8 and image.shape[2] == 1:
        grey = np.ascontiguousarray(image[..., 0], np.uint8)
    else:
        grey = _filled(image.mean(2, dtype=np.float32))
    height, width = grey.shape
    if (longest := max(height, width)) <= LONGEST_GREY_SIDE:
        return grey
    target = max(1, width * LONGEST_GREY_SIDE // longest), max(1, height * LONGEST_GREY_SIDE // longest)
    return cv2.resize(grey, target, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]  # as `grey`


def sharpness(grey: Grey) -> float:
    """Variance of the Laplacian: high where edges are sharp, or where there is noise."""
    depth = cv2.CV_16S if grey.dtype == np.uint8 else cv2.CV_32F
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, depth))
    return float(deviation[0, 0] ** 2)


def _filled(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    finite = np.isfinite(grey)
    if finite.all():
        return grey
    return np.where(finite, grey, grey[finite].mean() if finite.any() else 0).astype(np.float32)


def _brightness(image: Bands, totals: ChannelTotals) -> float:
    mean = means_of(totals)
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return float(LUMA @ mean)
    return float(mean[np.isfinite(mean)].mean()) if np.isfinite(mean).any() else float("nan")


def _extremes(totals: ChannelTotals) -> tuple[float, float]:
    if isinstance(totals, Moments):
        return float("nan"), float("nan")
    bounds = np.array([quantiles_of_counts(counts, np.array([0.01, 0.99])) for counts in totals])
    return float(bounds[:, 0].min()), float(bounds[:, 1].max())
