"""Tar archives of images: the same bytes every time, with an index for random access.

Written as WebDataset readers want them: a sample's members stand together and share what precedes the first dot of
their names. The index, a CSV `name,offset,size` beside the archive, gives the place of each member's bytes in the
uncompressed tar, so that one image of a `.tar` can be read without the others.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Self

from treeline.errors import ShardError
from treeline.io.atomic import atomic_path

INDEX_COLUMNS = ("name", "offset", "size")
MEMBER_MODE = 0o644
END_BYTES = 2 * tarfile.BLOCKSIZE  # a tar ends with at least two blocks of zeros
GZIP_LEVEL = 1  # images are compressed already: more effort takes time and gains next to nothing


class Member(NamedTuple):
    """One file of an archive.

    Args:
        name: As in the archive, with forward slashes.
        data: Its content.
    """

    name: str
    data: bytes


class TarWriter:
    """Adds members to an archive that `tar_writer` opened."""

    def __init__(self, file: BinaryIO, index: io.TextIOBase) -> None:
        # PAX writes plain USTAR headers wherever a name fits them, and an extra header for longer ones.
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        self._index = csv.writer(index, lineterminator="\n")
        self._index.writerow(INDEX_COLUMNS)

    def add(self, name: str, data: bytes) -> None:
        """Append a member; owner, times and mode are always the same."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = MEMBER_MODE
        self._tar.addfile(info, io.BytesIO(data))
        padded_size = -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        self._index.writerow((name, self._tar.offset - padded_size, len(data)))

    def close(self) -> None:
        """Write the end of the archive."""
        self._tar.close()


@contextmanager
def tar_writer(target: Path) -> Iterator[TarWriter]:
    """Write an archive and its index, each as a whole or not at all; the index comes first.

    Args:
        target: The final file; compressed when its name ends in `.gz`.
    """
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(target))
        index_path = stack.enter_context(atomic_path(index_of(target)))
        file: BinaryIO = stack.enter_context(temporary.open("wb"))
        if target.suffix == ".gz":
            # Without a name and a time, gzip's header says nothing of when and where it was written.
            compressed = gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=file, mtime=0)
            file = stack.enter_context(compressed)  # type: ignore[assignment]
        index = stack.enter_context(index_path.open("w", encoding="utf-8", newline=""))
        writer = TarWriter(file, index)
        yield writer
        writer.close()


def index_of(archive: Path) -> Path:
    """The index of an archive: `<archive>.index.csv`."""
    return archive.with_name(archive.name + ".index.csv")


def read_members(archive: Path) -> Iterator[Member]:
    """Read an archive's files in order, one at a time; `.tar` and `.tar.gz` alike.

    Raises:
        ShardError: The file is missing, is no tar archive, or ends early.
    """
    with _open(archive, "r|*") as tar:
        for info in _files_of(tar):
            content = tar.extractfile(info)
            assert content is not None  # only for members that are no files
            yield Member(info.name, content.read())


def member_names(archive: Path) -> list[str]:
    """List an archive's files in order; of an uncompressed one, their content is not read.

    Raises:
        ShardError: As `read_members`.
    """
    with _open(archive, "r:*") as tar:
        return [info.name for info in _files_of(tar)]


def _files_of(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for info in tar:
        if info.isfile():
            yield info
        # It would keep each header, a kilobyte.
        tar.members.clear()  # type: ignore[attr-defined]  # typeshed lacks it


class _CheckedInfo(tarfile.TarInfo):
    """A member's header; a damaged one is an error, where `tarfile` takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next header."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]  # typeshed lacks it
            raise tarfile.ReadError(str(error)) from None


@contextmanager
def _open(archive: Path, mode: Literal["r|*", "r:*"]) -> Iterator[tarfile.TarFile]:
    try:
        _check_end(archive)
        with tarfile.open(archive, mode, tarinfo=_CheckedInfo) as tar:
            yield tar
    except FileNotFoundError:
        raise ShardError(archive, "no such file.", fix="Check the path, or run the stage that makes it.") from None
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise ShardError(
            archive, f"not a whole tar archive ({error}).", fix="Delete it and rerun its stage."
        ) from error


def _check_end(archive: Path) -> None:
    """Find a tar that was cut off between two members, which `tarfile` takes for the end; gzip knows its own end."""
    if archive.suffix == ".gz":
        return
    with archive.open("rb") as file:
        file.seek(-min(END_BYTES, archive.stat().st_size), os.SEEK_END)
        if file.read() != bytes(END_BYTES):
            raise tarfile.ReadError("the end is missing")


def read_member(archive: Path, name: str) -> bytes:
    """Read one member of an uncompressed archive by its index.

    Raises:
        ShardError: The archive has no index, or the index no such member.
    """
    try:
        with index_of(archive).open(encoding="utf-8", newline="") as file:
            row = next((row for row in csv.DictReader(file) if row["name"] == name), None)
    except FileNotFoundError:
        raise ShardError(index_of(archive), "no such file.", fix="Write the archive again.") from None
    if row is None:
        raise ShardError(archive, f"has no member {name}.")
    with archive.open("rb") as file:
        file.seek(int(row["offset"]))
        return file.read(int(row["size"]))
