"""Small pictures of the images that a report shows."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.errors import ImageError, InputError
from treeline.io.datasets.metadata import ID, Metadata
from treeline.io.datasets.samples import Bands, decode_bands
from treeline.io.datasets.stored_images import load_images
from treeline.io.encode import encode_jpeg
from treeline.io.images import Pixels, sniff_format
from treeline.io.resize import decode_reduced, fit, reduce

log = logging.getLogger(__name__)

Pictures: TypeAlias = dict[int, str]
"""Addresses (`data:`) of JPEGs by the id of their image."""

LONGEST_SIDE = 192
"""Pixels: twice as many as are shown, for sharp screens."""

QUALITY = 70
STRETCHED = (2, 98)
"""Percentiles of a raster's values that become black and white."""


def load_pictures(dataset: Path, metadata: Metadata, ids: Iterable[int]) -> Pictures:
    """Make small pictures of some images; those that cannot be read have none.

    Args:
        dataset: `metadata.h5`, or an encoding's file or folder.
        metadata: Its tables.
        ids: Of the images that are wanted; those that the dataset does not hold are left out.
    """
    wanted = metadata.only(metadata.index.loc[metadata.index[ID].isin(set(ids)), ID])
    pictures: Pictures = {}
    try:
        for sample in load_images(dataset, wanted):
            try:
                pictures[sample.id] = as_address(small_picture(sample.data))
            except ImageError:
                continue  # the report says of it that it is unreadable
    except InputError as error:
        log.warning("images are shown without their pictures: %s", error)
    return pictures


def small_picture(data: bytes | Bands) -> Pixels:
    """Decode an image to at most 192 pixels a side: a photo as it is, a raster's first bands stretched.

    Raises:
        ImageError: It cannot be decoded.
    """
    if isinstance(data, bytes):
        if sniff_format(data) != "tiff":
            return decode_reduced(data, LONGEST_SIDE)
        data = decode_bands(data)
    is_photo = data.dtype == np.uint8 and data.shape[2] == 3
    # A raster may be vast; every so many pixels are enough for so small a picture of it.
    step = max(1, max(data.shape[:2]) // (4 * LONGEST_SIDE))
    colours = data.view(np.uint8) if is_photo else stretch(data[::step, ::step])
    return reduce(np.ascontiguousarray(colours), fit((colours.shape[0], colours.shape[1]), LONGEST_SIDE))


def stretch(bands: npt.NDArray[Any]) -> Pixels:
    """Make the first three bands, or the first one, red, green and blue; each from its own darkest to its brightest."""
    chosen = bands[..., :3] if bands.shape[2] >= 3 else bands[..., :1].repeat(3, axis=2)
    values = chosen.astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    values[..., np.isnan(values).all(axis=(0, 1))] = 0
    low, high = np.nanpercentile(values, STRETCHED, axis=(0, 1))
    scaled = (values - low) / np.where(high > low, high - low, 1)
    return np.asarray(np.rint(255 * np.nan_to_num(np.clip(scaled, 0, 1))), np.uint8)


def as_address(pixels: Pixels) -> str:
    """Write a picture as a JPEG that stands in the page itself."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(pixels, QUALITY)).decode()
