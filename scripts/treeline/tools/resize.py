"""Make new, smaller images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from treeline.config_tools import Resize
from treeline.errors import ImageError
from treeline.io.encode import encode_raw_bgr
from treeline.io.images import open_stored, sniff_format
from treeline.io.parquet import row_sizes
from treeline.io.process import process_image
from treeline.io.resize import fit, reduce
from treeline.io.stored import ImageParameters, md5

Row = dict[str, Any]


def resize(row: Row, parameters: Resize, max_pixels: int) -> Iterator[Row]:
    """Give a row with its image reduced, as the downloader would have stored it.

    A JPEG or PNG stays one, raw pixels stay raw, any other format becomes JPEG; an image that is small enough already
    keeps its bytes if its format stays.

    Args:
        row: Of `schemas.SUCCESSES`; becomes the new one but for `image`, `hashsum_resized` and `resized_size`.
        parameters: How small, and how JPEGs are encoded.
        max_pixels: Largest height x width that is decoded.

    Raises:
        ImageError: The row holds no readable image.
    """
    if not row["image"]:
        raise ImageError("the row holds no image bytes")
    image, size = _reduce(row, parameters, max_pixels)
    yield {**row, "image": image, "hashsum_resized": md5(image), "resized_size": list(size)}


def _reduce(row: Row, parameters: Resize, max_pixels: int) -> tuple[bytes, tuple[int, int]]:
    data, longest = row["image"], parameters.new_resize_size
    stored = open_stored(data, row_sizes(row), max_pixels=max_pixels)
    if stored.header is None:
        target = fit(stored.pixels.shape[:2], longest)
        return encode_raw_bgr(reduce(stored.pixels, target)), target
    image_format = "png" if sniff_format(data) == "png" else "jpeg"
    made = process_image(data, ImageParameters(longest, image_format, parameters.jpeg_quality, "apply", max_pixels))
    return made.image, made.resized_size
