"""The list of a mirror's files, by which each is told to be whole, and to be the right one.

A manifest comes from a store that others may write to: nothing in it is believed before it is checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from treeline.errors import InputError
from treeline.io.image_names import inner_path

MANIFEST = "manifest.json"
"""In a mirror, and in a folder that was pulled; written last, so that it says that everything is there."""
UNFINISHED = "manifest.unfinished"
"""Folder in a mirror: lists of what a push has sent so far. A manifest takes their place."""


class Entry(BaseModel):
    """What a file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=0)]
    """Bytes."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of these bytes, hexadecimal."""


class Manifest(BaseModel):
    """A mirror's files by their names: paths below the folder, with forward slashes."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    files: dict[str, Entry] = {}


def to_json(files: dict[str, Entry]) -> bytes:
    """Write a list of files, in sorted order."""
    return Manifest(files=dict(sorted(files.items()))).model_dump_json(indent=1).encode() + b"\n"


def from_json(content: bytes, name: str) -> dict[str, Entry]:
    """Read a list of files.

    Args:
        content: What `to_json` has made, or what somebody else has put in its place.
        name: What it is called, for errors.

    Raises:
        InputError: It is no such list, or a name in it is none of a file below the folder.
    """
    try:
        files = Manifest.model_validate_json(content).files
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or None
        raise InputError(name, f"is no manifest: {first['msg']}.", field=field, fix="Push the folder anew.") from None
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    for path in files:
        inner = inner_path(Path(name), path)
        if str(inner) != path or path in folders or inner.parts[0] in (MANIFEST, UNFINISHED) or _is_hidden(inner):
            raise InputError(name, f"the name {path!r} is none of a dataset's file.", fix="Push the folder anew.")
    return files


def list_files(folder: Path) -> list[str]:
    """Names of a folder's files at any depth, hidden ones and its own manifest aside, in sorted order."""
    names = (PurePosixPath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(str(name) for name in names if name.parts[0] != MANIFEST and not _is_hidden(name))


def entry_of(file: Path) -> Entry:
    """Read a file through, for its entry."""
    with file.open("rb") as content:
        return Entry(size=file.stat().st_size, sha256=hashlib.file_digest(content, "sha256").hexdigest())


def has_content(file: Path, entry: Entry) -> bool:
    """Whether a file is there, and is the one of the entry."""
    return file.is_file() and file.stat().st_size == entry.size and entry_of(file) == entry


def merge(lists: Iterable[dict[str, Entry]]) -> dict[str, Entry]:
    """Put lists together."""
    return {name: entry for files in lists for name, entry in files.items()}


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in name.parts)
