"""Collect what photos say of themselves: when, where and with which camera they were taken."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import ExifTags, Image

from treeline.io.images import EXIF_ORIENTATION
from treeline.io.parquet import parquet_writer
from treeline.io.time_taken import time_taken
from treeline.io.verdicts import stream_kept_rows

EXIF = pa.schema(
    [
        pa.field("uuid", pa.string(), nullable=False),
        pa.field("datetime", pa.string()),
        pa.field("make", pa.string()),
        pa.field("model", pa.string()),
        pa.field("latitude", pa.float64()),
        pa.field("longitude", pa.float64()),
        pa.field("altitude", pa.float64()),
        pa.field("orientation", pa.int64()),
    ]
)
"""`tools/exif/findings/`: one row an image.

`datetime` is `YYYY:MM:DD HH:MM:SS` in the camera's local time, latitude and longitude are degrees (WGS 84, north and
east positive), altitude is meters above the sea, orientation is EXIF's, 1 to 8.
"""

MOST_TEXT = 200
SOUTH_OR_WEST = ("S", "W")
BELOW_SEA = 1


def read_exif(successes: Path, kept_by: Sequence[Path], target: Path) -> None:
    """Write what the images of a shard say of themselves, a row each, in the shard's order; null where nothing is said.

    Raises:
        ShardError: The shard, or a table of verdicts, cannot be read.
    """
    with parquet_writer(target, EXIF) as writer:
        rows = [
            {"uuid": row["uuid"], **exif_of(row["image"] or b"")}
            for batch in stream_kept_rows(successes, ("uuid", "image"), kept_by)
            for row in batch.to_pylist()
        ]
        writer.write_table(pa.Table.from_pylist(rows, EXIF))


def exif_of(data: bytes) -> dict[str, Any]:
    """Read an encoded image's EXIF into the columns of `EXIF` but `uuid`; what cannot be read is left out."""
    try:
        exif = Image.open(io.BytesIO(data)).getexif()
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # parsers raise nearly anything over a broken block, which spoils nothing else
        return {}
    orientation = exif.get(EXIF_ORIENTATION)
    return {
        "datetime": time_taken(data),
        "make": _text(exif.get(ExifTags.Base.Make)),
        "model": _text(exif.get(ExifTags.Base.Model)),
        "latitude": _degrees(place, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, 90),
        "longitude": _degrees(place, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, 180),
        "altitude": _altitude(place),
        "orientation": orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None,
    }


def _text(value: object) -> str | None:
    return value.strip("\0 ")[:MOST_TEXT] or None if isinstance(value, str) else None


def _degrees(place: dict[int, Any], value: int, reference: int, most: int) -> float | None:
    """Degrees, minutes and seconds as one number; None where they are none, or beyond `most`."""
    try:
        degrees, minutes, seconds = map(float, place[value])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    number = degrees + minutes / 60 + seconds / 3600
    if not 0 <= number <= most:  # not a number neither
        return None
    return -number if str(place.get(reference, "")).strip("\0 ").upper() in SOUTH_OR_WEST else number


def _altitude(place: dict[int, Any]) -> float | None:
    try:
        meters = float(place[ExifTags.GPS.GPSAltitude])
        below = place.get(ExifTags.GPS.GPSAltitudeRef) in (BELOW_SEA, bytes([BELOW_SEA]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return None if meters != meters else -meters if below else meters
