"""From a response's body to what a shard stores: checked, reduced, turned upright, hashed."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from treeline.config import DownloaderParameters
from treeline.errors import ImageError
from treeline.io.encode import encode_jpeg, encode_png, encode_raw_bgr
from treeline.io.exif import kept_exif
from treeline.io.images import (
    UPRIGHT,
    Header,
    Size,
    decode,
    read_header,
    turn_upright,
)
from treeline.io.resize import enough_for, fit, reduce

JPEG_END = b"\xff\xd9"


class ProcessedImage(NamedTuple):
    """One image as a shard stores it.

    Args:
        image: The stored bytes.
        hashsum_original: MD5 of the body, hexadecimal.
        hashsum_resized: MD5 of `image`, hexadecimal.
        original_size: Height and width of the image as served, upright if the orientation is applied.
        resized_size: Height and width of the stored image.
    """

    image: bytes
    hashsum_original: str
    hashsum_resized: str
    original_size: Size
    resized_size: Size


def process_image(body: bytes, parameters: DownloaderParameters) -> ProcessedImage:
    """Make what is stored of an image out of a response's body.

    Raises:
        ImageError: The body is no whole, readable image, or has too many pixels.
    """
    if not body:
        raise ImageError("the body is empty")
    header = read_header(body)
    upright = parameters.exif_orientation == "apply"
    size = header.upright_size if upright and parameters.image_format != "original" else header.size
    if parameters.image_format == "original":
        _check_whole(body, header, parameters.max_image_pixels)
        image, target = body, size
    else:
        target = fit(size, parameters.image_size)
        image = _convert(body, header, target, parameters)
    original_hash = _md5(body)
    stored_hash = original_hash if image is body else _md5(image)
    return ProcessedImage(image, original_hash, stored_hash, size, target)


def _convert(body: bytes, header: Header, target: Size, parameters: DownloaderParameters) -> bytes:
    """Decode, reduce, turn and encode; the body itself where nothing of that changes it."""
    upright = parameters.exif_orientation == "apply"
    turned = target[::-1] if upright and header.upright_size != header.size else target
    unchanged = turned == header.size
    pixels = decode(
        body,
        upright=False,
        at_least=None if unchanged else enough_for(turned),
        max_pixels=parameters.max_image_pixels,
    )
    keeps_orientation = header.orientation == UPRIGHT or not upright
    if unchanged and keeps_orientation and header.format == parameters.image_format:
        return body
    pixels = reduce(pixels, turned)
    if upright:
        pixels = turn_upright(pixels, header.orientation)
    if parameters.image_format == "raw_bgr":
        return encode_raw_bgr(pixels)
    exif = kept_exif(body, UPRIGHT if upright else header.orientation)
    if parameters.image_format == "png":
        return encode_png(pixels, exif)
    return encode_jpeg(pixels, parameters.jpeg_quality, exif)


def _check_whole(body: bytes, header: Header, max_pixels: int) -> None:
    """Check that nothing of the body is missing: a JPEG by its end, any other, as they are rare, by decoding it."""
    if header.format != "jpeg":
        decode(body, upright=False, max_pixels=max_pixels)
        return
    if header.size[0] * header.size[1] > max_pixels:
        raise ImageError(f"{header.size[1]} x {header.size[0]} pixels are more than the limit of {max_pixels}")
    # Cameras pad and append; a body without any end marker was cut off.
    if JPEG_END not in body[-65_536:]:
        raise ImageError("truncated JPEG: it has no end marker")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
