"""Names of images, made into paths below a folder: none leaves it, and no two are the same.

Two names that differ in case alone count as the same, for file systems and archives that are unpacked on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from treeline.errors import InputError
from treeline.io.names import MAX_FILE_NAME_BYTES

ROOM_FOR_NUMBER_BYTES = 16


def inner_path(file: Path, name: str) -> PurePosixPath:
    """Check that an image's name can be a path below a folder.

    Args:
        file: The results that the name is from.
        name: The image's name, with forward slashes.

    Raises:
        InputError: The name is absolute, leads out of the folder, or is too long for file systems.
    """
    path = PurePosixPath(name)
    fix = "Give the images names below one folder."
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise InputError(file, f"the name {name!r} is no path below a folder.", fix=fix)
    if any(len(part.encode(errors="replace")) > MAX_FILE_NAME_BYTES - ROOM_FOR_NUMBER_BYTES for part in path.parts):
        raise InputError(file, f"the name {name!r} is too long for a file.", fix=fix)
    return path


def unique_paths(wanted: Mapping[str, PurePosixPath]) -> dict[str, PurePosixPath]:
    """Give each name a path of its own: the one that is wanted, or, where that is taken, one with a number.

    Names are served in their alphabetical order, whatever the order of the mapping.

    Args:
        wanted: The wanted path by name.

    Returns:
        By name; of two that want `a.jpg`, the second gets `a-2.jpg`.
    """
    taken = {_key(folder) for path in wanted.values() for folder in path.parents}
    given: dict[str, PurePosixPath] = {}
    for name in sorted(wanted):
        path = candidate = wanted[name]
        number = 1
        while _key(candidate) in taken:
            number += 1
            candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        taken.add(_key(candidate))
        given[name] = candidate
    return given


def split_ending(name: str) -> tuple[str, str]:
    """Split a name before its last dot: `a/b.c.jpg` into `a/b.c` and `.jpg`; no ending is an empty one."""
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    return (folder + slash + stem, dot + ending) if stem else (name, "")


def _key(path: PurePosixPath) -> str:
    return str(path).casefold()
