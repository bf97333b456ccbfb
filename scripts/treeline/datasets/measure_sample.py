"""What one sample's bytes and pixels say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError
from treeline.io.datasets.samples import Sample, read_mask
from treeline.io.histograms import energy, entropy, histograms_of, homogeneity
from treeline.io.images import Pixels, decode, sniff_format
from treeline.io.jpeg import has_exif
from treeline.io.moments import Moments
from treeline.io.pdq import pdq
from treeline.io.time_taken import time_taken

NOWHERE = ("", np.nan, np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Expected:
    """What every sample of a dataset has in common.

    Args:
        channels: Number of channels.
        classes: Number of classes, which a mask's values are below.
        max_pixels: Largest height x width that is decoded.
    """

    channels: int
    classes: int
    max_pixels: int = MAX_PIXELS


class Measured(NamedTuple):
    """What a sample's pixels say.

    Args:
        width: In pixels, upright.
        height: In pixels, upright.
        ground: Crs, x and y of the upper left corner, width and height of a pixel on the ground; of a raster.
        statistics: Channels x statistics, in the order of `SPECTRAL`.
        pdq: Perceptual hash, hexadecimal.
        quality: Its quality, 0 to 100.
    """

    width: int
    height: int
    ground: tuple[str, float, float, float, float]
    statistics: npt.NDArray[np.float64]
    pdq: str
    quality: int


class Findings(NamedTuple):
    """What a sample says.

    Args:
        sha256: Of the image's bytes, hexadecimal.
        format: How the image is encoded; empty for none that is known.
        file_bytes: Length of the encoded image.
        time: `YYYY:MM:DD HH:MM:SS` of its EXIF, or None.
        measured: What the pixels say, or the reason why they say nothing.
    """

    sha256: str
    format: str
    file_bytes: int
    time: str | None
    measured: Measured | str


def measure_sample(sample: Sample, expected: Expected) -> Findings:
    """Measure an image; one that cannot be read, or whose mask does not fit, has its reason instead."""
    encoded_as = sniff_format(sample.data) or ""
    measured: Measured | str
    try:
        measured = _measure(sample, encoded_as, expected)
    except ImageError as error:
        measured = str(error)
    has_no_exif = encoded_as == "jpeg" and not has_exif(sample.data)
    return Findings(
        hashlib.sha256(sample.data).hexdigest(),
        encoded_as,
        len(sample.data),
        None if has_no_exif else time_taken(sample.data),
        measured,
    )


def _measure(sample: Sample, encoded_as: str, expected: Expected) -> Measured:
    ground, bands = _read(sample.data, encoded_as, expected.max_pixels)
    height, width, channels = bands.shape
    if channels != expected.channels:
        raise ImageError(f"it has {channels} channels, and not {expected.channels} as the dataset")
    if sample.mask is not None:
        read_mask(sample.mask, (height, width), expected.classes)
    counts = histograms_of(bands)
    moments = Moments.of_histograms(counts) if bands.dtype == np.uint8 else Moments.of(bands)
    there = moments.count > 0
    statistics = (
        *(np.where(there, value, np.nan) for value in (moments.min, moments.max, moments.mean)),
        *(moments.variance, moments.skewness, moments.kurtosis),
        *(entropy(counts), energy(counts), homogeneity(counts)),
    )
    hashed, quality = pdq(_as_rgb(bands))
    return Measured(width, height, ground, np.column_stack(statistics), hashed.hex(), quality)


def _read(
    data: bytes, encoded_as: str, max_pixels: int
) -> tuple[tuple[str, float, float, float, float], npt.NDArray[Any]]:
    if encoded_as != "tiff":
        return NOWHERE, decode(data, max_pixels=max_pixels)
    from treeline.io.rasters import read_raster

    header, bands = read_raster(data, max_pixels=max_pixels)
    return header[:5], bands


def _as_rgb(bands: npt.NDArray[Any]) -> Pixels:
    """A photo as it is; of a raster the first bands, scaled to bytes: the hash says how it looks."""
    if bands.dtype == np.uint8 and bands.shape[2] == 3:
        return np.ma.getdata(bands)
    first = bands[..., :3] if bands.shape[2] >= 3 else bands[..., :1].repeat(3, axis=2)
    chosen = np.ma.masked_invalid(first.astype(np.float64))
    values = chosen.compressed()
    low, spread = (values.min(), np.ptp(values)) if values.size else (0.0, 0.0)
    scaled = np.ma.filled(chosen - low, 0) * (255 / spread if spread else 0)
    return np.asarray(np.rint(scaled), np.uint8)
