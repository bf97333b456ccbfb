"""Read chosen images out of a folder or an archive, and make of each what a page shows."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, NamedTuple, TypeAlias

from treeline.detections.preview.persons import Box, blur
from treeline.errors import ImageError, ShardError
from treeline.io.encode import encode_jpeg
from treeline.io.folders import read_file_below
from treeline.io.images import Size, read_header
from treeline.io.resize import decode_reduced, fit, reduce

THUMBNAIL_SIDE = 384
"""Longest side of a thumbnail in pixels: sharp on screens of two pixels to the point."""

JPEG_QUALITY = 85
CREDITS = ("title", "source", "license", "identifier")


class Source(NamedTuple):
    """A chosen image as it was found.

    Args:
        data: Encoded; empty where it could not be read.
        problem: Why it could not.
        credits: Values of `CREDITS` that the archive gives with it.
    """

    data: bytes
    problem: str
    credits: dict[str, str]


class Picture(NamedTuple):
    """An image as the page shows it.

    Args:
        size: Height and width in pixels of the original, upright.
        full: JPEG of at most the longest side that was asked for.
        thumbnail: JPEG of at most `THUMBNAIL_SIDE`.
    """

    size: Size
    full: bytes
    thumbnail: bytes


Reader: TypeAlias = Callable[[str], bytes]
"""Reads a file by its name; raises `ImageError` where there is none."""


def read_sources(container: Path, names: Sequence[str]) -> Generator[Source]:
    """Read images by their names, with what the archive says of them.

    Args:
        container: A folder, a `.tar` or a `.tar.gz`.
        names: As in the results; a source is given for each.

    Raises:
        ShardError: The archive is not one.
    """
    with _open(container) as read:
        for name in names:
            try:
                yield Source(read(name), "", _read_credits(read, name))
            except ImageError as error:
                yield Source(b"", str(error), {})


def make_picture(data: bytes, longest_side: int, blurred: list[Box]) -> Picture:
    """Encode an image anew, without what its EXIF says of place and camera.

    Args:
        data: The encoded image.
        longest_side: Of the full size, in pixels.
        blurred: Boxes of the upright image to make unrecognisable.

    Raises:
        ImageError: It cannot be decoded.
    """
    header = read_header(data)
    full = decode_reduced(data, longest_side, header)
    if blurred:
        full = full.copy()
        blur(full, blurred)
    thumbnail = reduce(full, fit((full.shape[0], full.shape[1]), THUMBNAIL_SIDE))
    return Picture(header.upright_size, encode_jpeg(full, JPEG_QUALITY), encode_jpeg(thumbnail, JPEG_QUALITY))


@contextmanager
def _open(container: Path) -> Iterator[Reader]:
    if container.is_dir():
        yield lambda name: read_file_below(container, name)
        return
    try:
        with _uncompressed(container) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            places = {info.name: (info.offset_data, info.size) for info in tar if info.isfile()}
            yield lambda name: _read_place(file, places.get(name))
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise ShardError(
            container, f"not a whole tar archive ({error}).", fix="Delete it and rerun its stage."
        ) from error


@contextmanager
def _uncompressed(archive: Path) -> Iterator[IO[bytes]]:
    """Open an archive for random access; a compressed one is unpacked into a file that has no name."""
    with archive.open("rb") as file:
        if archive.suffix != ".gz":
            yield file
            return
        with TemporaryFile() as unpacked, gzip.open(file) as compressed:
            shutil.copyfileobj(compressed, unpacked)
            unpacked.seek(0)
            yield unpacked


def _read_place(file: IO[bytes], place: tuple[int, int] | None) -> bytes:
    if place is None:
        raise ImageError("no such file in the archive")
    file.seek(place[0])
    return file.read(place[1])


def _read_credits(read: Reader, name: str) -> dict[str, str]:
    """What Treeline's decoded shards say of an image, in the member beside it."""
    try:
        facts = json.loads(read(str(PurePosixPath(name).with_suffix(".json"))))
    except (ImageError, ValueError):
        return {}
    if not isinstance(facts, dict):
        return {}
    return {key: facts[key] for key in CREDITS if isinstance(facts.get(key), str) and facts[key]}
