"""Files and folders that are whole or absent.

Every output is written in a scratch folder beside it (so that the rename stays within one file system), forced to
disk, and renamed. A reader, or a run after a crash, never sees half a file.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from treeline.io.scratch import scratch_folder

NO_LINK_POSSIBLE = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)
"""Another file system, one without links, or a file that has as many as it can."""

FLUSHES_AT_ONCE = 8
"""Of a folder's files: a journal takes those that wait together, at a thirtieth of the time of one after the other."""


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `target` when the block ends without an error.

    Args:
        target: The final file; replaced as a whole, or not at all. Missing parent folders are made.

    Yields:
        A path of the same name, where nothing is yet. The block must have closed the file when it ends.

    Raises:
        OSError: The disk is full or the folder is not writable; `target` is as it was before.
    """
    with scratch_folder(target.parent, target.name) as scratch:
        temporary = scratch / target.name
        yield temporary
        _flush_file(temporary)
        temporary.replace(target)
    _flush_folder(target.parent)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder to fill, which becomes `target` when the block ends without an error.

    An older `target` is removed just before the rename: a crash between the two leaves it absent, never mixed.

    Args:
        target: The final folder; replaced as a whole.

    Yields:
        An empty folder of the same name.
    """
    with scratch_folder(target.parent, target.name) as scratch:
        temporary = scratch / target.name
        temporary.mkdir()
        yield temporary
        with ThreadPoolExecutor(FLUSHES_AT_ONCE) as pool:
            for _ in pool.map(_flush_file, (file for file in temporary.rglob("*") if file.is_file())):
                pass  # a flush that failed raises here
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    _flush_folder(target.parent)


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target`, as a whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    """Write `content` to `target` as UTF-8, as a whole or not at all."""
    write_bytes(target, content.encode())


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`: a hard link, or a copy where the file system has no links."""
    with atomic_path(target) as temporary:
        link_or_copy_into(source, temporary)


def link_or_copy_into(source: Path, target: Path) -> None:
    """As `link_or_copy`, for a `target` in a folder that is not finished yet."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINK_POSSIBLE:
            raise
        shutil.copyfile(source, target)


def _flush_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
