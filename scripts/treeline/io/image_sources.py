"""Find and read images by their names: in folders, in archives as `treeline decode` writes them, in download shards."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, TypeAlias

from treeline.errors import ImageError, InputError
from treeline.io.encode import encode_png
from treeline.io.image_names import split_ending
from treeline.io.images import read_stored, sniff_format
from treeline.io.names import IMAGE_SUFFIXES
from treeline.io.parquet import SIZE_COLUMNS, open_shard, row_sizes, stream_rows
from treeline.io.tar import Member, member_names, read_members

log = logging.getLogger(__name__)

ARCHIVE_SUFFIXES = (".tar", ".tar.gz")
SHARD_SUFFIX = ".parquet"
SHARD_NAME = "successes.parquet"
"""The only Parquet file that is taken for a shard where it is not named itself."""


Kind: TypeAlias = Literal["file", "archive", "shard"]
"""What lies at a place."""


class Place(NamedTuple):
    """Where an image is.

    Args:
        location: Path of its file, or of the archive or shard that it is in: as text, a quarter of a `Path` in memory.
        kind: What lies there.
    """

    location: str
    kind: Kind

    @property
    def path(self) -> Path:
        """The same as a path."""
        return Path(self.location)

    @property
    def archived(self) -> bool:
        """Whether it is in a file together with others."""
        return self.kind != "file"


class LoadedImage(NamedTuple):
    """An image with what belongs to it.

    Args:
        name: As the results call it.
        data: The encoded image.
        companions: Other members of its archive with the same name but for the ending, such as its attribution.
    """

    name: str
    data: bytes
    companions: list[Member]


def find_images(sources: Sequence[Path], output: Path) -> dict[str, Place]:
    """List the images of archives and folders.

    Args:
        sources: Archives (`.tar`, `.tar.gz`), and folders of images and archives at any depth, hidden folders aside.
        output: A folder that is none of them, though it may be within one: what an earlier run has written.

    Returns:
        Places by name, in the order in which they are best read. A file's name is its path below the folder, with
        forward slashes; an archive's member has the name that it has there.

    Raises:
        InputError: A source is missing or is neither, a folder cannot be listed, or two images have the same name.
        ShardError: An archive is damaged.
    """
    places: dict[str, Place] = {}
    for source in sources:
        for name, place in list_images(source, output):
            if name in places:
                raise same_name(source, name, places[name].path, place.path)
            places[name] = place
    return places


def list_images(source: Path, output: Path, *, is_sorted: bool = True) -> Iterator[tuple[str, Place]]:
    """List the images of one source; as `find_images`, but one at a time and whatever their names.

    An image of a shard is called by its uuid, without an ending.

    Args:
        source: As in `find_images`.
        output: As there.
        is_sorted: Whether files come in the order of their paths: for that, those of a folder are held in memory.
    """
    yield from _images_of(source, output.resolve(), is_sorted)


def same_name(source: Path, name: str, one: Path, other: Path) -> InputError:
    """Say that two images of sources have the same name."""
    fix = "Which one is meant cannot be told: leave one out."
    return InputError(source, f"{name} is both in {one} and in {other}.", fix=fix)


def load_images(places: Mapping[str, Place], wanted: Container[str]) -> Iterator[LoadedImage]:
    """Read images one at a time, each archive once from its beginning to its end.

    Args:
        places: What `find_images` gives.
        wanted: Names of the images to read.

    Raises:
        ShardError: An archive is damaged.
    """
    chosen = ((name, place) for name, place in places.items() if name in wanted)
    for place, group in groupby(chosen, key=lambda item: item[1]):
        yield from load_from(place, {name for name, _ in group})


def load_from(place: Place, names: set[str]) -> Iterator[LoadedImage]:
    """Read images of one file, archive or shard, in its order.

    Raises:
        ShardError: The archive or shard is damaged.
    """
    if place.kind == "archive":
        yield from _load_from_archive(place.path, names)
    elif place.kind == "shard":
        yield from _load_from_shard(place.path, names)
    else:
        yield from (LoadedImage(name, place.path.read_bytes(), []) for name in names)


@contextmanager
def as_folder(source: Path, wanted: Container[str]) -> Iterator[Path]:
    """Give a folder in which the wanted images have their names, for readers that go from one to another.

    Args:
        source: A folder of images, which is given itself; or a folder of archives, of which the wanted images are
            unpacked, with what belongs to them, for as long as the block lasts.
        wanted: Names of images. One that is not there, or whose name leads out of the folder, is not unpacked.

    Raises:
        InputError: Two images have the same name.
        ShardError: An archive is damaged.
    """
    files = _files_below(source, source.resolve(), is_sorted=False)
    if not any(path.name.endswith(ARCHIVE_SUFFIXES) for path in files):
        yield source
        return
    with TemporaryDirectory(prefix="treeline-images-") as name:
        folder = Path(name).resolve()
        for image in load_images(find_images([source], folder), wanted):
            for member in (Member(image.name, image.data), *image.companions):
                target = Path(os.path.normpath(folder / member.name))
                if target.is_relative_to(folder):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(member.data)
        yield folder


def read_attribution(image: LoadedImage) -> Any:
    """What stands beside the image in its archive, its licence among it; None where nothing does."""
    for companion in image.companions:
        if companion.name.endswith(".json"):
            try:
                return json.loads(companion.data)
            except ValueError:
                log.warning("%s is no JSON, and is not taken over", companion.name)
    return None


def _images_of(source: Path, output: Path, is_sorted: bool) -> Iterator[tuple[str, Place]]:
    if source.is_dir():
        for path in _files_below(source, output, is_sorted):
            if path.name.endswith(ARCHIVE_SUFFIXES) or path.name == SHARD_NAME:
                yield from _images_of(path, output, is_sorted)
            elif _is_image(path.name):
                yield path.relative_to(source).as_posix(), Place(str(path), "file")
    elif source.name.endswith(ARCHIVE_SUFFIXES):
        archive = Place(str(source), "archive")
        yield from ((name, archive) for name in member_names(source) if _is_image(name))
    elif source.suffix == SHARD_SUFFIX:
        shard = Place(str(source), "shard")
        yield from ((name, shard) for name in _uuids(source))
    else:
        fix = f"Give folders, archives ({', '.join(ARCHIVE_SUFFIXES)}) or shards ({SHARD_SUFFIX})."
        raise InputError(source, "is no folder and no archive." if source.exists() else "no such file.", fix=fix)


def _files_below(folder: Path, output: Path, is_sorted: bool) -> Iterator[Path]:
    """All files; sorted, they are in the order of the parts of their paths."""
    for entry in sorted(_entries(folder), key=lambda entry: entry.name) if is_sorted else _entries(folder):
        path = folder / entry.name
        if entry.is_file():
            yield path
        elif entry.is_dir(follow_symlinks=False) and entry.name[0] != "." and path.resolve() != output:
            yield from _files_below(path, output, is_sorted)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputError(folder, f"cannot be listed ({error.strerror}).") from None


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _load_from_archive(archive: Path, names: set[str]) -> Iterator[LoadedImage]:
    """A sample's members stand together: what comes before the next image belongs to the last one."""
    for _, group in groupby(read_members(archive), key=lambda member: split_ending(member.name)[0]):
        members = list(group)
        companions = [member for member in members if not _is_image(member.name)]
        for image in members:
            if image.name in names:
                yield LoadedImage(image.name, image.data, companions)
                companions = []


def _uuids(shard: Path) -> Iterator[str]:
    for batch in stream_rows(shard, ("uuid",), batch_rows=4096):
        yield from (uuid for uuid in batch["uuid"].to_pylist() if uuid is not None)


def _load_from_shard(shard: Path, names: set[str]) -> Iterator[LoadedImage]:
    """What a shard stores as bare pixels is given as PNG; what holds no image is given as it is."""
    with open_shard(shard, ("uuid", "image")) as file:
        columns = [name for name in ("uuid", "image", *SIZE_COLUMNS) if name in file.schema_arrow.names]
    for batch in stream_rows(shard, columns):
        for row in batch.to_pylist():
            if row["uuid"] in names:
                yield LoadedImage(row["uuid"], _encoded(row["image"] or b"", row_sizes(row)), [])


def _encoded(data: bytes, sizes: list[tuple[int, int]]) -> bytes:
    if sniff_format(data) is not None:
        return data
    try:
        return encode_png(read_stored(data, sizes))
    except ImageError:
        return data
