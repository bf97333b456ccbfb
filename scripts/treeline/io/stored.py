"""What a shard stores of one image, and the one kind of image that is stored without a decoder."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from treeline.errors import ImageError
from treeline.io.images import Size, check_pixels, jpeg_size, sniff_format

if TYPE_CHECKING:  # decoders start without the configuration's models, which take as long as all else together
    from treeline.config_download import DownloaderParameters

JPEG_END = b"\xff\xd9"
JPEG_TAIL_BYTES = 65_536  # cameras pad and append
MESSAGE_BYTES = 65_536
"""Longest message between a decoder and the process that asks it."""


class ImageParameters(NamedTuple):
    """The parameters that decide what is stored of an image; their meaning is that of `DownloaderParameters`."""

    image_size: int | None
    image_format: str
    jpeg_quality: int
    exif_orientation: str
    max_image_pixels: int

    @classmethod
    def of(cls, parameters: DownloaderParameters) -> ImageParameters:
        """Take them out of all that the downloader is told."""
        return cls._make(getattr(parameters, name) for name in cls._fields)


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


def is_kept_jpeg(body: bytes, parameters: ImageParameters) -> bool:
    """Whether a body is stored as it is, and of a format that is checked without decoding it."""
    return parameters.image_format == "original" and sniff_format(body) == "jpeg"


def keep_jpeg(body: bytes, max_pixels: int) -> ProcessedImage:
    """Store a JPEG as it is, once its header can be read and its end is there.

    Raises:
        ImageError: Its header is broken, it was cut off, or it has more than `max_pixels`.
    """
    size = jpeg_size(body)
    check_pixels(size, max_pixels)
    if not body.endswith(JPEG_END) and JPEG_END not in body[-JPEG_TAIL_BYTES:]:
        raise ImageError("truncated JPEG: it has no end marker")
    hashsum = md5(body)
    return ProcessedImage(body, hashsum, hashsum, size, size)


def md5(data: bytes) -> str:
    """MD5 of `data`, hexadecimal."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
