"""Decode Parquet files of the download layout outside of any pipeline: a file, or a folder full of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from treeline.choices import MAX_PIXELS, Archive, DecodedFormat
from treeline.decode.shard import DecodeReport, decode_shard
from treeline.errors import InputError

log = logging.getLogger(__name__)

ERRORS_FILE = "errors.parquet"


def decode_files(
    source: Path,
    folder: Path,
    *,
    archive: Archive,
    image_format: DecodedFormat,
    jpeg_quality: int = 90,
    max_pixels: int = MAX_PIXELS,
) -> DecodeReport:
    """Decode each file into an archive of its own, and leave alone what is done already, whatever its format.

    Args:
        source: A Parquet file, or a folder that is searched for them. Hidden files, those whose name begins with `_`
            (as Spark writes them), and the downloader's `errors.parquet` are passed over.
        folder: Where the archives go, under the names that the files have in `source`.
        archive: Kind of archive.
        image_format: As in `decode_shard`.
        jpeg_quality: As in `decode_shard`.
        max_pixels: As in `decode_shard`.

    Returns:
        Counts over the files that were decoded in this run.

    Raises:
        InputError: `source` is missing or holds no Parquet file.
        ShardError: A file is not a shard; those before it are decoded.
    """
    total = DecodeReport()
    for file, name in _parquet_files(source):
        target = folder / (name if archive == "folder" else f"{name}.{archive}")
        undecodable = folder / f"{name}.undecodable.csv"
        if _is_newer(target, file) and _is_newer(undecodable, file):
            log.warning("%s: kept as an earlier run made it; delete it to have it made with other options", target)
            continue
        report = decode_shard(
            *(file, target, undecodable), image_format=image_format, jpeg_quality=jpeg_quality, max_pixels=max_pixels
        )
        total.rows += report.rows
        total.images += report.images
        total.undecodable += report.undecodable
    return total


def _parquet_files(source: Path) -> Iterator[tuple[Path, str]]:
    if source.is_file():
        yield source, source.stem
        return
    if not source.is_dir():
        raise InputError(source, "no such file or folder.")
    # Unlike rglob, walk goes on when a folder vanishes under it: the downloads may be going on.
    files = sorted(Path(folder, name) for folder, _, names in os.walk(source) for name in names)
    found = [path for path in files if path.suffix == ".parquet" and _is_data(path.relative_to(source))]
    if not found:
        raise InputError(source, "the folder holds no Parquet file with images.")
    for path in found:
        yield path, str(path.relative_to(source).with_suffix(""))


def _is_data(path: Path) -> bool:
    return path.name != ERRORS_FILE and not any(part.startswith((".", "_")) for part in path.parts)


def _is_newer(target: Path, source: Path) -> bool:
    return target.exists() and target.stat().st_mtime >= source.stat().st_mtime
