"""Which files there are, asked of the file system as seldom as possible."""

from __future__ import annotations

import os
from pathlib import Path

from treeline.errors import ImageError


class Folders:
    """Which files there are, with one look into each folder: on a cluster's file system each single question is dear.

    A file that was there once counts as there for good.
    """

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}
        self._seen: set[Path] = set()

    def has(self, file: Path) -> bool:
        """Whether a file is there."""
        if file not in self._seen and file.name in self._names_in(file.parent):
            self._seen.add(file)
        return file in self._seen

    def look_again(self) -> None:
        """Forget what was missing."""
        self._names.clear()

    def _names_in(self, folder: Path) -> frozenset[str]:
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(entry.name for entry in folder.iterdir())
            except FileNotFoundError:
                self._names[folder] = frozenset()
        return self._names[folder]


def read_file_below(folder: Path, name: str) -> bytes:
    """Read a file by a name that somebody else has given: never one outside of the folder.

    Raises:
        ImageError: There is no such file, it cannot be read, or its name leads out of the folder.
    """
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(os.path.normpath(folder)):
        raise ImageError("its name leads out of the folder of images")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError("no such file among the images") from None
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ImageError(f"its name is none that a file can have ({error})") from error
