"""What images are written to: a tar archive, compressed or not, or a folder of loose files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from treeline.io.atomic import atomic_folder
from treeline.io.tar import tar_writer

TAR_SUFFIXES = (".tar", ".tar.gz")


class ArchiveWriter(Protocol):
    """Takes files one after the other."""

    def add(self, name: str, data: bytes) -> None:
        """Add a file; a name is added once."""


class FolderWriter:
    """Writes loose files into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, data: bytes) -> None:
        """Add a file."""
        with (self._folder / name).open("xb") as file:
            file.write(data)


@contextmanager
def archive_writer(target: Path) -> Iterator[ArchiveWriter]:
    """Write an archive as a whole or not at all.

    Args:
        target: `.tar` or `.tar.gz`; a name that ends otherwise becomes a folder.
    """
    if target.name.endswith(TAR_SUFFIXES):
        with tar_writer(target) as tar:
            yield tar
    else:
        with atomic_folder(target) as folder:
            yield FolderWriter(folder)
