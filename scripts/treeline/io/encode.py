"""Pixels into stored bytes."""

from __future__ import annotations

import io

import simplejpeg
from PIL import Image

from treeline.errors import ImageError
from treeline.io.images import Pixels


def encode_jpeg(pixels: Pixels, quality: int, exif: bytes = b"") -> bytes:
    """Encode as JPEG with full colour resolution (4:4:4).

    Args:
        pixels: What to encode.
        quality: libjpeg's, 1 to 100.
        exif: A block of `treeline.io.exif`; none is written where it is empty.

    Raises:
        ImageError: A side is longer than the 65,500 pixels that JPEG libraries write.
    """
    try:
        jpeg = bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="444"))
    except ValueError as error:
        raise ImageError(f"cannot be written as JPEG: {error}") from error
    if not exif:
        return jpeg
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def encode_png(pixels: Pixels, exif: bytes = b"") -> bytes:
    """Encode as PNG, lossless, with a block of `treeline.io.exif` where it is not empty."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **({"exif": exif} if exif else {}))
    return buffer.getvalue()


def encode_raw_bgr(pixels: Pixels) -> bytes:
    """The upstream downloader's layout: the pixels in BGR order, without any header."""
    return pixels[:, :, ::-1].tobytes()
