"""Images of every kind that a shard may hold, and shards that other software would write."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from treeline.io.images import Pixels

EXIF_ORIENTATION = 0x0112
EXIF_DATE_TIME = 0x0132

# The schema of the downloader before, written down anew: what it wrote must stay readable whatever ours becomes.
UPSTREAM_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("uuid", "source_id", "identifier")),
        ("is_license_full", pa.bool_()),
        *((name, pa.string()) for name in ("license", "source", "title", "hashsum_original", "hashsum_resized")),
        ("original_size", pa.list_(pa.int64())),
        ("resized_size", pa.list_(pa.int64())),
        ("image", pa.binary()),
    ]
)


def picture(height: int = 24, width: int = 36) -> Pixels:
    """Smooth, so that lossy formats change little, and different in each corner, so that a turn or flip shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = (rows * 200 / height + 20, columns * 200 / width + 20, (rows + columns) * 100 / (height + width))
    return np.stack(channels, axis=2).astype(np.uint8)


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def exif(orientation: int = 1, taken: str | None = None) -> Image.Exif:
    block = Image.Exif()
    block[EXIF_ORIENTATION] = orientation
    if taken is not None:
        block[EXIF_DATE_TIME] = taken
    return block


def encoded_kinds() -> dict[str, bytes]:
    """An encoded image of every kind, by a name that begins with its format."""
    image = Image.fromarray(picture())
    half_clear = image.convert("RGBA")
    half_clear.putalpha(128)
    frames = [Image.fromarray(picture()[::-1])] * 2
    sixteen_bits = Image.fromarray((picture()[:, :, 0].astype(np.uint16) << 8) + 7)
    return {
        "jpeg": encode(image, "JPEG", quality=95),
        "jpeg progressive": encode(image, "JPEG", quality=95, progressive=True),
        "jpeg grey": encode(image.convert("L"), "JPEG", quality=95),
        "jpeg cmyk": encode(image.convert("CMYK"), "JPEG", quality=95),
        "jpeg turned": encode(image, "JPEG", quality=95, exif=exif(6)),
        "png": encode(image, "PNG"),
        "png grey 16 bit": encode(sixteen_bits, "PNG"),
        "png rgba": encode(half_clear, "PNG"),
        "png palette": encode(image.convert("P"), "PNG", transparency=0),
        "png black and white": encode(image.convert("1"), "PNG"),
        "gif": encode(image, "GIF"),
        "gif animated": encode(image, "GIF", save_all=True, append_images=frames, duration=100),
        "webp": encode(image, "WEBP", lossless=True),
        "webp rgba": encode(half_clear, "WEBP", lossless=True),
        "tiff": encode(image, "TIFF"),
        "tiff lzw": encode(image, "TIFF", compression="tiff_lzw"),
        "bmp": encode(image, "BMP"),
        "avif": encode(image, "AVIF", quality=90),
    }


def raw_bgr(pixels: Pixels) -> bytes:
    return np.ascontiguousarray(pixels[..., ::-1]).tobytes()


def shard_row(number: int, image: bytes | None, size: tuple[int, int] | None = None, **values: Any) -> dict[str, Any]:
    """A row of the upstream layout; its uuid is `image-<number>`."""
    return {
        "uuid": f"image-{number}",
        "source_id": str(number),
        "identifier": f"https://example.org/{number}",
        "is_license_full": False,
        "license": "CC0",
        "source": "Museé d’été",
        "title": None,
        "hashsum_original": "0" * 32,
        "hashsum_resized": "0" * 32,
        "original_size": list(size) if size else None,
        "resized_size": list(size) if size else None,
        "image": image,
        **values,
    }


def write_shard(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema = UPSTREAM_SCHEMA) -> Path:
    """Write rows with plain pyarrow, as other software does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path
