"""Find and read the images that results speak of: in folders, and in archives as `treeline decode` writes them."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from treeline.detect.source import IMAGE_SUFFIXES
from treeline.detections.image_names import split_ending
from treeline.errors import InputError
from treeline.io.results import Results
from treeline.io.tar import Member, member_names, read_members

ARCHIVE_SUFFIXES = (".tar", ".tar.gz")


class Place(NamedTuple):
    """Where an image is.

    Args:
        path: Its file, or the archive that it is in.
        archived: Whether it is in an archive.
    """

    path: Path
    archived: bool


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
        InputError: A source is missing or is neither, or two images have the same name.
        ShardError: An archive is damaged.
    """
    places: dict[str, Place] = {}
    for source in sources:
        for name, place in _images_of(source, output.resolve()):
            if name in places:
                fix = "Which one is meant cannot be told: leave one out."
                raise InputError(source, f"{name} is both in {places[name].path} and in {place.path}.", fix=fix)
            places[name] = place
    return places


def check_places(file: Path, results: Results, wanted: Iterable[str], places: Container[str]) -> None:
    """Refuse results whose images are not there.

    Raises:
        InputError: Says how many are missing, and names the first.
    """
    missing = [name for name in wanted if name not in places]
    if missing:
        count = (
            f"{len(missing)} of {len(results['images'])} images are not among those given; the first is {missing[0]}."
        )
        raise InputError(file, count, fix="Names must be paths below the folder given, or members' names.")


def load_images(places: Mapping[str, Place], wanted: Container[str]) -> Iterator[LoadedImage]:
    """Read images one at a time, each archive once from its beginning to its end.

    Args:
        places: What `find_images` gives.
        wanted: Names of the images to read.

    Raises:
        ShardError: An archive is damaged.
    """
    chosen = ((name, place) for name, place in places.items() if name in wanted)
    for (path, archived), group in groupby(chosen, key=lambda item: item[1]):
        names = {name for name, _ in group}
        if archived:
            yield from _load_from_archive(path, names)
        else:
            yield from (LoadedImage(name, path.read_bytes(), []) for name in names)


def _images_of(source: Path, output: Path) -> Iterator[tuple[str, Place]]:
    if source.is_dir():
        for path in _files_below(source, output):
            if path.name.endswith(ARCHIVE_SUFFIXES):
                yield from _images_of(path, output)
            elif _is_image(path.name):
                yield path.relative_to(source).as_posix(), Place(path, archived=False)
    elif source.name.endswith(ARCHIVE_SUFFIXES):
        yield from ((name, Place(source, archived=True)) for name in member_names(source) if _is_image(name))
    else:
        fix = f"Give folders, or archives ({', '.join(ARCHIVE_SUFFIXES)})."
        raise InputError(source, "is no folder and no archive." if source.exists() else "no such file.", fix=fix)


def _files_below(folder: Path, output: Path) -> list[Path]:
    files: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and Path(parent, name).resolve() != output]
        files.extend(Path(parent, name) for name in names)
    return sorted(file for file in files if file.is_file())


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
