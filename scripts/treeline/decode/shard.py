"""Decode one shard into an archive.

A shard fits a stream: images go from Parquet to the archive one at a time, each proved readable on the way, and a row
that holds none goes to a table with the reason.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa

from treeline.choices import MAX_PIXELS, DecodedFormat
from treeline.decode.archive import ArchiveWriter, archive_writer
from treeline.errors import ImageError, ShardError
from treeline.io.atomic import atomic_path
from treeline.io.encode import encode_jpeg, encode_png
from treeline.io.exif import kept_exif
from treeline.io.images import UPRIGHT, Size, is_plain_jpeg, open_stored
from treeline.io.names import IMAGE_EXTENSIONS, is_safe_uuid
from treeline.io.parquet import SIZE_COLUMNS, open_shard, row_sizes
from treeline.io.verdicts import stream_kept_rows

log = logging.getLogger(__name__)

UNDECODABLE_COLUMNS = ("uuid", "reason")
REQUIRED_COLUMNS = ("uuid", "image")
Row = dict[str, Any]


@dataclass
class DecodeReport:
    """What became of a shard's rows: `rows` = `images` + `undecodable`."""

    rows: int = 0
    images: int = 0
    undecodable: int = 0


def decode_shard(
    successes: Path,
    archive: Path,
    undecodable: Path,
    *,
    image_format: DecodedFormat,
    jpeg_quality: int = 90,
    max_pixels: int = MAX_PIXELS,
    kept_by: Sequence[Path] = (),
) -> DecodeReport:
    """Write every image of a shard into an archive, in row order: `<uuid>.<extension>`, then `<uuid>.json`.

    The JSON holds the row's other columns, sizes as [height, width].

    Args:
        successes: Parquet with at least `uuid` and `image`, and sizes where images are raw pixels; the download
            stage's `schemas.SUCCESSES` and the files of the downloader before it.
        archive: Target `.tar` or `.tar.gz`, or a folder's name; replaced as a whole, or not at all.
        undecodable: CSV of the rows that gave no image: uuid, reason. Written even when there is none.
        image_format: `stored` for encoded images as they are and raw pixels as PNG; `png` for 8-bit RGB; `jpeg` for
            the same, where an upright JPEG in grey or colour keeps its bytes.
        jpeg_quality: Quality of the JPEGs that are encoded here, 1 to 100.
        max_pixels: Largest height x width that is decoded.
        kept_by: Verdicts of tools: what they drop is left out.

    Returns:
        Counts that add up.

    Raises:
        ShardError: `successes` is not a shard; names the file and the column.
    """
    columns = _check_columns(successes)
    report = DecodeReport()
    written: set[str] = set()
    with archive_writer(archive) as target, _csv_report(undecodable) as rejected:
        for row in _rows(successes, columns, kept_by):
            report.rows += 1
            try:
                _check_uuid(row["uuid"], written, report.rows)
                _add_image(target, row, image_format, jpeg_quality, max_pixels)
            except ImageError as error:
                rejected.writerow((row["uuid"], str(error)))
                report.undecodable += 1
            else:
                written.add(row["uuid"])
                report.images += 1
    log.info("%s: %d rows, %d images, %d undecodable", archive, report.rows, report.images, report.undecodable)
    return report


def _check_columns(successes: Path) -> list[str]:
    with open_shard(successes, REQUIRED_COLUMNS) as file:
        schema: pa.Schema = file.schema_arrow
    _expect(successes, schema, "uuid", "string", pa.types.is_string, pa.types.is_large_string)
    _expect(successes, schema, "image", "binary", pa.types.is_binary, pa.types.is_large_binary)
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_null)
    for column in SIZE_COLUMNS:
        if column in schema.names:
            _expect(successes, schema, column, "list of two integers", *lists)
    return list(schema.names)


def _expect(successes: Path, schema: pa.Schema, column: str, expected: str, *checks: Any) -> None:
    found = schema.field(column).type
    if not any(check(found) for check in checks):
        raise ShardError(successes, f"expected {expected}, found {found}.", field=column)


def _rows(successes: Path, columns: list[str], kept_by: Sequence[Path]) -> Iterator[Row]:
    for batch in stream_kept_rows(successes, columns, kept_by):
        yield from batch.to_pylist()


def _check_uuid(uuid: str | None, written: set[str], row_number: int) -> None:
    if uuid is None:
        raise ImageError(f"row {row_number} has no uuid")
    if not is_safe_uuid(uuid):
        raise ImageError(f"row {row_number}: the uuid cannot name a file (letters, digits, _ and -, at most 128)")
    if uuid in written:
        raise ImageError(f"row {row_number}: the uuid is that of an earlier image of this shard")


def _add_image(
    target: ArchiveWriter, row: Row, image_format: DecodedFormat, jpeg_quality: int, max_pixels: int
) -> None:
    data = row.pop("image")
    if not data:
        raise ImageError("the row holds no image bytes")
    extension, encoded = encode(data, row_sizes(row), image_format, jpeg_quality, max_pixels)
    target.add(f"{row['uuid']}.{extension}", encoded)
    target.add(f"{row['uuid']}.json", _to_json(row))


def encode(
    data: bytes, sizes: list[Size], image_format: DecodedFormat, jpeg_quality: int, max_pixels: int
) -> tuple[str, bytes]:
    """Bring a row's image into the wanted format.

    Args:
        data: The column `image`.
        sizes: Heights and widths that the row gives.
        image_format: As in `decode_shard`.
        jpeg_quality: As in `decode_shard`.
        max_pixels: As in `decode_shard`.

    Returns:
        The extension that tells the true format, and the encoded image.

    Raises:
        ImageError: The bytes hold no readable image.
    """
    try:
        image = open_stored(data, sizes, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{error} (the row gives no size)") if not sizes else error from error
    if image.header is not None and (image_format == "stored" or (image_format == "jpeg" and is_plain_jpeg(data))):
        return IMAGE_EXTENSIONS[image.header.format], data
    exif = b"" if image.header is None else kept_exif(data, UPRIGHT)
    if image_format == "jpeg":
        return IMAGE_EXTENSIONS["jpeg"], encode_jpeg(image.pixels, jpeg_quality, exif)
    return IMAGE_EXTENSIONS["png"], encode_png(image.pixels, exif)


def _to_json(row: Row) -> bytes:
    finite = {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}
    return json.dumps(finite, ensure_ascii=False, default=_as_text).encode()


def _as_text(value: object) -> str:
    """Write what JSON has no type for: bytes in hexadecimal, dates and decimals as they print."""
    return value.hex() if isinstance(value, bytes) else str(value)


@contextmanager
def _csv_report(target: Path) -> Iterator[Any]:
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(UNDECODABLE_COLUMNS)
        yield writer
