"""Read a Camtrap DP package that is zipped, as GBIF and Agouti serve them: its metadata and its three tables.

Only these are unpacked, to where the database spills, under names that the metadata give them and not the archive.
What is unpacked is removed again.
"""

from __future__ import annotations

import errno
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo, is_zipfile

from treeline.catalog.camtrap_package import DESCRIPTOR, CamtrapPackage, read_package
from treeline.console import printable
from treeline.errors import InputError

COPY_BYTES = 1024**2
MAX_DESCRIPTOR_BYTES = 64 * 1024**2
MAX_RATIO = 200
"""Bytes that one of an archive may become, in files over `FREE_BYTES`: those of tables become fifty at most."""

FREE_BYTES = 256 * 1024**2
ENCRYPTED = 0x1
"""Of a member's flags. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.4."""

MAC_FOLDER = "__MACOSX"
"""Where macOS keeps what other systems have no place for, under the names of the files themselves."""

DISTRUST = "Whoever made it may mean harm: look at it before you give its folder."


@contextmanager
def opened_package(path: Path, scratch: Path) -> Iterator[CamtrapPackage]:
    """Read a package's metadata, and have its tables at hand until the end of the block.

    Args:
        path: The package's folder, its `datapackage.json`, or a zip: with `datapackage.json` at its root, or in the one
            folder that has it.
        scratch: Where a zip is unpacked.

    Raises:
        InputError: As `read_package`; or the archive is broken, encrypted, or hostile, or unpacked it takes more than
            there is room for. Errors of the block name a file in the archive as `package.zip/media.csv`.
    """
    if path.is_dir() or not is_zipfile(path):
        if path.suffix.lower() == ".zip" and path.is_file():
            raise InputError(path, "is no zip archive, or only a part of one.", fix="Fetch it again.")
        yield read_package(path)
        return
    with TemporaryDirectory(prefix="camtrap-", dir=scratch) as name, _named_in_archive(path, Path(name)):
        yield replace(_unpack(path, Path(name)), file=path / DESCRIPTOR)


@contextmanager
def _named_in_archive(archive: Path, folder: Path) -> Iterator[None]:
    """Say in errors where a file is in the archive, not where it is unpacked."""
    try:
        yield
    except InputError as error:
        if not Path(error.file).is_relative_to(folder):
            raise
        place = archive / Path(error.file).relative_to(folder)
        raise InputError(place, error.problem, row=error.row, field=error.field, fix=error.fix) from None


def _unpack(archive: Path, folder: Path) -> CamtrapPackage:
    """Unpack the metadata, then the tables that they name."""
    try:
        with ZipFile(archive) as opened:
            members = _members(archive, opened)
            root = _root(archive, members)
            _copy(opened, members[root / DESCRIPTOR], archive, folder / DESCRIPTOR, MAX_DESCRIPTOR_BYTES)
            package = read_package(folder)
            for table in package.tables.values():
                name = root / table.relative_to(folder).as_posix()
                if name in members:  # else the reader of the table says that it is missing
                    table.parent.mkdir(parents=True, exist_ok=True)
                    _copy(opened, members[name], archive, table, shutil.disk_usage(folder).free)
            return package
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise _broken(archive, error) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # it points to before its own beginning
            raise _broken(archive, error) from error
        raise


def _broken(archive: Path, error: Exception) -> InputError:
    problem = f"cannot be unpacked: {str(error).rstrip('.') or 'it ends too early'}."
    return InputError(archive, problem, fix="Fetch it again, or unpack it and give the folder.")


def _members(archive: Path, opened: ZipFile) -> dict[PurePosixPath, ZipInfo]:
    """The files of an archive by name.

    Raises:
        InputError: A name leads out of the archive's folder, or is there twice.
    """
    members: dict[PurePosixPath, ZipInfo] = {}
    for info in opened.infolist():
        name = PurePosixPath(info.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1]):
            raise InputError(archive, f"has a file outside its folder: {printable(info.filename)!r}.", fix=DISTRUST)
        if not info.filename.endswith("/"):
            if name in members:
                raise InputError(archive, f"has two files {printable(info.filename)!r}.", fix=DISTRUST)
            members[name] = info
    return members


def _root(archive: Path, members: Iterable[PurePosixPath]) -> PurePosixPath:
    """The folder of the package within the archive."""
    found = sorted(name.parent for name in members if name.name == DESCRIPTOR and name.parts[0] != MAC_FOLDER)
    if PurePosixPath() in found:
        return PurePosixPath()
    if len(found) != 1:
        where = f"in {len(found)} folders: {', '.join(map(str, found[:3]))}" if found else "not in it"
        raise InputError(
            archive, f"is no package of one {DESCRIPTOR}: it is {where}.", fix="Give a zip of one package."
        )
    return found[0]


def _copy(opened: ZipFile, member: ZipInfo, archive: Path, target: Path, most_bytes: int) -> None:
    """Unpack one file.

    Raises:
        InputError: It is encrypted, is packed in a way that few use, would take more than `most_bytes`, or is a bomb.
    """
    file = archive / member.filename
    if member.flag_bits & ENCRYPTED:
        raise InputError(file, "is encrypted.", fix="Unpack it with its password, and give the folder.")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise InputError(file, "is packed by another method than Deflate.", fix="Unpack it, and give the folder.")
    if member.file_size > max(FREE_BYTES, MAX_RATIO * member.compress_size):
        problem = f"becomes {member.file_size:,} bytes from {member.compress_size:,}, which no table does."
        raise InputError(file, problem, fix=DISTRUST)
    if member.file_size > most_bytes:
        problem = f"takes {member.file_size:,} bytes unpacked, and there is room for {most_bytes:,}."
        raise InputError(file, problem, fix="Make room where the catalogue is, or unpack it and give the folder.")
    # What it really unpacks to is not more: reading ends at `file_size`, with an error where that is not its end.
    with opened.open(member) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, COPY_BYTES)
