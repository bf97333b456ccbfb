"""Pixels in and out.

Every image becomes an array of height x width x 3 bytes, RGB, whatever it was stored as: the conversions that lose
information (16 bit, CMYK, transparency, animation) are made here, once, and on purpose.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageFile, UnidentifiedImageError

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError
from treeline.io.jpeg import has_exif

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3, RGB."""

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""

EncodedFormat = Literal["jpeg", "png", "gif", "webp", "tiff", "bmp", "avif"]

STRIP_PIXELS = 1024**2
EXIF_ORIENTATION = 0x0112
UPRIGHT = 1
TURNED_BY_A_QUARTER = (5, 6, 7, 8)
PLAIN_JPEG_COLORS = ("Gray", "YCbCr", "RGB")

# Pillow warns at its own limit and raises at twice that; the limit here is ours, and an error.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Header:
    """What an encoded image says of itself before it is decoded.

    Args:
        format: How it is encoded.
        size: Height and width as stored, before any orientation is applied.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
    """

    format: EncodedFormat
    size: Size
    orientation: int

    @property
    def upright_size(self) -> Size:
        """Height and width once the orientation is applied."""
        return self.size[::-1] if self.orientation in TURNED_BY_A_QUARTER else self.size


@dataclass(frozen=True)
class StoredImage:
    """An image as a shard's row holds it.

    Args:
        pixels: Decoded and upright.
        header: What the encoded bytes say of themselves; None for raw pixels.
    """

    pixels: Pixels
    header: Header | None


def sniff_format(data: bytes | memoryview) -> EncodedFormat | None:
    """Tell an encoded image's format by its magic bytes; None for anything else, raw pixels included."""
    head = bytes(data[:16])
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return "tiff"
    if head.startswith(b"BM"):
        return "bmp"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "avif"
    return None


def read_header(data: bytes) -> Header:
    """Read format, size and orientation without decoding the pixels.

    Raises:
        ImageError: The bytes are no image of a known format, or its header is broken.
    """
    encoded_as = sniff_format(data)
    if encoded_as is None:
        raise ImageError(f"not an image of a known format (starts with {data[:12]!r})")
    if encoded_as == "jpeg" and not has_exif(data):
        return Header(encoded_as, jpeg_size(data), UPRIGHT)
    image = _open(data)
    # Pillow turns a TIFF upright of itself while it decodes, and gives its size as it will be then.
    orientation = UPRIGHT if encoded_as == "tiff" else _orientation(image)
    return Header(encoded_as, (image.height, image.width), orientation)


def jpeg_size(data: bytes) -> Size:
    """Read a JPEG's height and width as stored.

    Raises:
        ImageError: Its header is broken.
    """
    with _broken_as("broken JPEG header"):
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    return height, width


def check_pixels(size: Size, max_pixels: int) -> None:
    """Refuse an image by its height and width.

    Raises:
        ImageError: It has more than `max_pixels`, or none.
    """
    if size[0] * size[1] > max_pixels:
        raise ImageError(f"{size[1]} x {size[0]} pixels are more than the limit of {max_pixels}")
    if size[0] * size[1] == 0:
        raise ImageError("the image has no pixels")


def decode(
    data: bytes,
    *,
    upright: bool = True,
    at_least: Size | None = None,
    max_pixels: int = MAX_PIXELS,
    header: Header | None = None,
) -> Pixels:
    """Decode an encoded image.

    16-bit samples are scaled to 8 bit, CMYK and palettes converted, transparency laid over white, and of an animation
    the first frame is taken.

    Args:
        data: The encoded image.
        upright: Apply the EXIF orientation.
        at_least: Height and width (as stored) that are enough: a larger JPEG may come out smaller than it is,
            by the reduction that its format does for free, but not below this.
        max_pixels: Largest height x width that is decoded.
        header: Theirs, where it is read already.

    Raises:
        ImageError: The bytes are no image, are corrupt or truncated, or hold more than `max_pixels`.
    """
    header = header or read_header(data)
    check_pixels(header.size, max_pixels)
    pixels = _decode_jpeg(data, at_least) if header.format == "jpeg" else None
    if pixels is None:
        pixels = _decode_with_pillow(data)
    return turn_upright(pixels, header.orientation) if upright else pixels


def read_stored(data: bytes, sizes: Iterable[Size], *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode the `image` column of a shard: the pixels of `open_stored`, which says more."""
    return open_stored(data, sizes, max_pixels=max_pixels).pixels


def open_stored(data: bytes, sizes: Iterable[Size], *, max_pixels: int = MAX_PIXELS) -> StoredImage:
    """Decode the `image` column of a shard: an encoded image, or the upstream downloader's raw pixels.

    Raw pixels have no header: height x width x 3 bytes in BGR order. They are recognised by the exact size alone,
    and only where the bytes are not a readable encoded image (raw pixels can begin like one by chance).

    Args:
        data: The stored bytes.
        sizes: Heights and widths that the row gives, in the order to try: `original_size`, then `resized_size`.
        max_pixels: Largest height x width that is decoded.

    Raises:
        ImageError: Neither reading fits; the text says what was found.
    """
    raw = next((size for size in sizes if min(size) > 0 and len(data) == 3 * size[0] * size[1]), None)
    if sniff_format(data) is not None:
        try:
            header = read_header(data)
            return StoredImage(decode(data, max_pixels=max_pixels, header=header), header)
        except ImageError:
            if raw is None:
                raise
    if raw is None:
        raise ImageError(f"{len(data)} bytes are neither an encoded image nor raw pixels of the row's size")
    check_pixels(raw, max_pixels)
    bgr = np.frombuffer(data, np.uint8).reshape(*raw, 3)
    return StoredImage(np.ascontiguousarray(bgr[:, :, ::-1]), None)


def is_plain_jpeg(data: bytes) -> bool:
    """Whether readable bytes are an upright JPEG in grey or colour, that is, need no conversion to be used as RGB."""
    header = read_header(data)
    if header.format != "jpeg" or header.orientation != UPRIGHT:
        return False
    return simplejpeg.decode_jpeg_header(data, strict=False)[2] in PLAIN_JPEG_COLORS


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation (1 to 8; anything else is taken as upright)."""
    turned = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: p[::-1].transpose(1, 0, 2),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: p[:, ::-1].transpose(1, 0, 2),
    }.get(orientation)
    return pixels if turned is None else np.ascontiguousarray(turned(pixels))


def _open(data: bytes) -> ImageFile.ImageFile:
    with _broken_as("broken image header"):
        try:
            return Image.open(io.BytesIO(data))
        except UnidentifiedImageError:  # whose own text holds an address in memory, another one each time
            raise ValueError("it cannot be identified") from None


@contextmanager
def _broken_as(problem: str) -> Iterator[None]:
    """Turn whatever a decoder raises over hostile bytes into an `ImageError`: they raise nearly anything."""
    try:
        yield
    except Exception as error:
        raise ImageError(f"{problem}: {str(error) or type(error).__name__}") from error


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, UPRIGHT)
    except Exception:  # whatever the parser stumbled over: a broken EXIF block does not spoil the pixels
        return UPRIGHT
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else UPRIGHT


def _decode_jpeg(data: bytes, at_least: Size | None) -> Pixels | None:
    """Decode a greyscale or colour JPEG; None for the kinds that the library does not convert to RGB."""
    min_height, min_width = at_least or (0, 0)
    with _broken_as("corrupt JPEG"):
        if simplejpeg.decode_jpeg_header(data)[2] not in PLAIN_JPEG_COLORS:
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_height=min_height, min_width=min_width))


def _decode_with_pillow(data: bytes) -> Pixels:
    image = _open(data)
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # some libraries set it for the whole process
    with _broken_as(f"corrupt {image.format}"):
        image.load()
        return _to_rgb_in_strips(image)


def _to_rgb_in_strips(image: Image.Image) -> Pixels:
    """Convert to RGB some rows at a time: conversions make several copies of what they are given."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = np.asarray(_to_rgb(strip))
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _scale_to_8_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _scale_to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit or wider greyscale by its range: integers by their top 8 of 16 bits, floats from [0, 1]."""
    samples = np.asarray(image)
    if image.mode == "F":
        scaled = np.rint(np.clip(samples, 0, 1) * 255)
    else:
        scaled = (np.clip(samples, 0, 65_535).astype(np.uint32) + 128) // 257
    return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
