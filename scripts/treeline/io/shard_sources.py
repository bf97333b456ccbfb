"""The images of a shard, one at a time and in order, whatever holds them; nothing is unpacked to disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from treeline.errors import ShardError
from treeline.io.images import sniff_format
from treeline.io.names import IMAGE_EXTENSIONS, IMAGE_SUFFIXES
from treeline.io.parquet import SIZE_COLUMNS, open_shard, row_sizes, sha256_of_file, stream_rows
from treeline.io.tar import read_members

PARQUET_SUFFIX = ".parquet"


class SourceImage(NamedTuple):
    """An image that is to be looked at.

    Args:
        name: What the results call it: the archive member's name, the path in the folder, or `<uuid>.<extension>`.
        data: Encoded image, or raw pixels.
        sizes: Heights and widths to try for raw pixels.
    """

    name: str
    data: bytes
    sizes: list[tuple[int, int]]


def read_images(source: Path) -> Iterator[SourceImage]:
    """Read all images of an archive (`.tar`, `.tar.gz`), a folder, or a shard's Parquet file.

    Raises:
        ShardError: `source` is none of these, or is damaged.
    """
    if source.is_dir():
        yield from (SourceImage(name, (source / name).read_bytes(), []) for name in _image_files(source))
    elif source.suffix == PARQUET_SUFFIX:
        yield from _read_parquet(source)
    else:
        yield from (SourceImage(*member, sizes=[]) for member in read_members(source) if _is_image(member.name))


def batches(images: Iterator[SourceImage], size: int) -> Iterator[list[SourceImage]]:
    """Cut a stream into batches by position alone, so that a resumed run sees the same ones."""
    batch: list[SourceImage] = []
    for image in images:
        batch.append(image)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def content_sha256(source: Path) -> str:
    """SHA-256 of what `read_images` reads: the file's bytes, or the folder's names and bytes."""
    if not source.is_dir():
        if not source.exists():
            raise ShardError(source, "no such file.", fix="Check the path, or run the stage that makes it.")
        return sha256_of_file(source)
    digest = hashlib.sha256()
    for name in _image_files(source):
        digest.update(f"{name}\0{sha256_of_file(source / name)}\0".encode())
    return digest.hexdigest()


def _image_files(folder: Path) -> list[str]:
    """Paths of the images below a folder, at any depth, as the results call them."""
    files = (path for path in folder.rglob("*") if _is_image(path.name) and path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _read_parquet(source: Path) -> Iterator[SourceImage]:
    with open_shard(source, ("uuid", "image")) as file:
        columns = [name for name in ("uuid", "image", *SIZE_COLUMNS) if name in file.schema_arrow.names]
    number = 0
    for batch in stream_rows(source, columns):
        for row in batch.to_pylist():
            number += 1
            if row["uuid"] is None:
                raise ShardError(source, "no uuid to call the image by.", row=number, field="uuid")
            data = row["image"] or b""
            extension = IMAGE_EXTENSIONS[sniff_format(data) or "png"]
            yield SourceImage(f"{row['uuid']}.{extension}", data, row_sizes(row))
