"""Draw the example's photos and encode them the ways that real collections hold them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from resources.detector.scenes import scene
from resources.example.collection import Photo
from treeline.io.atomic import write_bytes

THREADS = 2  # drawing and encoding hold no interpreter lock
JPEG_QUALITY = 88

STORED_TURN = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""How to turn an upright picture so that a reader that applies the EXIF orientation sees it upright again."""

Encoder = Callable[[Image.Image, bytes], bytes]
"""Takes an RGB picture and its EXIF block (empty for none), gives the file."""


def render_all(photos: tuple[Photo, ...], folder: Path) -> None:
    """Render the photos that `folder` does not hold yet."""
    missing = [photo for photo in photos if not cached(photo, folder).exists()]
    with ThreadPoolExecutor(THREADS) as pool:
        for photo, file in zip(missing, pool.map(render, missing), strict=True):
            write_bytes(cached(photo, folder), file)


def cached(photo: Photo, folder: Path) -> Path:
    """Where a rendered photo is kept, sound: the name changes with everything the pixels depend on."""
    digest = hashlib.sha256(repr(replace(photo, fault=None)).encode()).hexdigest()[:12]
    return folder / f"{photo.number:04d}-{digest}"


def render(photo: Photo) -> bytes:
    """Draw and encode one photo; the number is the seed, so the bytes are the same every time."""
    pixels, _ = scene(np.random.default_rng(photo.number), photo.width, photo.height)
    picture = Image.fromarray(pixels)
    if photo.orientation in STORED_TURN:
        picture = picture.transpose(STORED_TURN[photo.orientation])
    return ENCODERS[photo.encoding](picture, _exif(photo))


def _exif(photo: Photo) -> bytes:
    if photo.orientation is None and photo.taken is None:
        return b""
    exif = Image.Exif()
    if photo.orientation is not None:
        exif[ExifTags.Base.Orientation] = photo.orientation
    if photo.taken is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{photo.taken:%Y:%m:%d %H:%M:%S}"
    return exif.tobytes()


def _saver(format_name: str, mode: str = "RGB", **options: object) -> Encoder:
    def save(picture: Image.Image, exif: bytes) -> bytes:
        buffer = io.BytesIO()
        extra = {**options, "exif": exif} if exif else options
        picture.convert(mode).save(buffer, format_name, **extra)
        return buffer.getvalue()

    return save


def _png_16_bit(picture: Image.Image, exif: bytes) -> bytes:
    """Greyscale of 16 bits, as scanners and infrared cameras write it."""
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def _png_transparent(picture: Image.Image, exif: bytes) -> bytes:
    """An oval cut-out, as on museum pages."""
    width, height = picture.size
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 255, -1)
    picture = picture.copy()
    picture.putalpha(Image.fromarray(mask))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def _gif_animated(picture: Image.Image, exif: bytes) -> bytes:
    """Three frames, of which the first is the picture."""
    frames = [picture.point([level // darker for level in range(256)] * 3).quantize(64) for darker in (1, 2, 4)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=200)
    return buffer.getvalue()


ENCODERS: dict[str, Encoder] = {
    "jpeg": _saver("JPEG", quality=JPEG_QUALITY),
    "jpeg_progressive": _saver("JPEG", quality=JPEG_QUALITY, progressive=True),
    "jpeg_grey": _saver("JPEG", "L", quality=JPEG_QUALITY),
    "jpeg_cmyk": _saver("JPEG", "CMYK", quality=JPEG_QUALITY),
    "png": _saver("PNG", compress_level=1),
    "png_palette": _saver("PNG", "P"),
    "png_16_bit": _png_16_bit,
    "png_transparent": _png_transparent,
    "gif": _saver("GIF", "P"),
    "gif_animated": _gif_animated,
    "webp": _saver("WEBP", quality=80, method=0),
    "tiff": _saver("TIFF", compression="tiff_lzw"),
}
