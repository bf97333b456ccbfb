"""A zipped Camtrap DP package says what its folder says; what is broken or hostile is refused, and nothing stays."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.camtrap_packages import MEDIA, TABLES, write_package
from tests.catalog_content import content
from treeline.catalog import camtrap_zip
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.errors import InputError

NAMES = ("datapackage.json", "deployments.csv", "media.csv", "observations.csv")


def take_in(folder: Path, package: Path) -> Path:
    catalog = folder / "results" / "catalog.duckdb"
    ingest(catalog, Source("beavers", "camtrap-dp", package), memory_mb=1024, threads=1)
    return catalog


def left_over(folder: Path) -> set[str]:
    """What is beside a catalogue, less itself and its lock."""
    return {file.name for file in (folder / "results").rglob("*")} - {"catalog.duckdb", "catalog.duckdb.lock"}


def zipped(folder: Path, prefix: str = "", packed: int = zipfile.ZIP_DEFLATED, package: Path | None = None) -> Path:
    package = package or write_package(folder / "package")
    archive = folder / "package.zip"
    with zipfile.ZipFile(archive, "w", packed) as opened:
        for name in NAMES:
            opened.write(package / name, prefix + name)
    return archive


@pytest.mark.parametrize("prefix", ["", "gbif/", "a/b/"])
def test_a_zip_is_its_folder(tmp_path: Path, prefix: str) -> None:
    archive = zipped(tmp_path, prefix)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(f"__MACOSX/{prefix}datapackage.json", "{}")
        opened.writestr(f"{prefix}media/m1.jpg", b"not read")
    in_zip = content(take_in(tmp_path / "zip", archive))
    assert not left_over(tmp_path / "zip")
    assert in_zip == content(take_in(tmp_path / "folder", tmp_path / "package"))


def test_errors_name_the_file_in_the_archive(tmp_path: Path) -> None:
    media = [{**MEDIA[0], "filePublic": "perhaps"}, *MEDIA[1:]]
    archive = zipped(tmp_path, package=write_package(tmp_path / "package", {**TABLES, "media": media}))
    with pytest.raises(InputError) as refused:
        take_in(tmp_path, archive)
    assert str(refused.value).startswith(f"{archive}/media.csv, row 1, field 'filePublic': must be true or false")
    assert not left_over(tmp_path)


def without_tables(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(archive.with_name("package") / NAMES[0], NAMES[0])


def without_metadata(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("readme.txt", "nothing")


def of_two_packages(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for folder in ("a", "b"):
            opened.writestr(f"{folder}/datapackage.json", "{}")


def with_name(name: str) -> Callable[[Path], None]:
    def change(archive: Path) -> None:
        with zipfile.ZipFile(archive, "a") as opened:
            opened.writestr(name, "harm")

    return change


def with_bytes(old: bytes, new: bytes, count: int = -1) -> Callable[[Path], None]:
    def change(archive: Path) -> None:
        archive.write_bytes(archive.read_bytes().replace(old, new, count))

    return change


def encrypted(archive: Path) -> None:
    """Set the flag of each member, in the archive's list of them."""
    parts = archive.read_bytes().split(b"PK\x01\x02")
    archive.write_bytes(b"PK\x01\x02".join([parts[0], *(part[:4] + b"\x01" + part[5:] for part in parts[1:])]))


def by_another_method(archive: Path) -> None:
    zipped(archive.parent, packed=zipfile.ZIP_BZIP2, package=archive.with_name("package"))


def cut(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])


def damaged(archive: Path) -> None:
    """Break bytes of what is packed."""
    content = bytearray(archive.read_bytes())
    content[200:220] = bytes(20)
    archive.write_bytes(content)


HOSTILE = [
    (without_metadata, "is no package of one datapackage.json: it is not in it"),
    (of_two_packages, "it is in 2 folders: a, b"),
    (without_tables, r"package\.zip/deployments\.csv: no such file"),
    (with_name("../outside.csv"), "has a file outside its folder: '../outside.csv'"),
    (with_name("/etc/outside.csv"), "outside its folder"),
    (with_name("..\\outside.csv"), "outside its folder"),
    (with_name("C:/outside.csv"), "outside its folder"),
    (encrypted, r"package\.zip/datapackage\.json: is encrypted"),
    (by_another_method, "another method than Deflate"),
    (cut, "is no zip archive, or only a part of one"),
    (damaged, "cannot be unpacked"),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("change", "problem"), [*HOSTILE, (with_name("media.csv"), "has two files 'media.csv'")])
def test_refused(tmp_path: Path, change: Callable[[Path], None], problem: str) -> None:
    archive = zipped(tmp_path)
    change(archive)
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=problem):
        take_in(tmp_path, archive)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "results"}
    assert not left_over(tmp_path)


def test_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camtrap_zip, "FREE_BYTES", 1024**2)
    package = write_package(tmp_path / "package")
    with (package / "media.csv").open("ab") as media:
        media.write(bytes(4 * 1024**2))
    archive = zipped(tmp_path, package=package)
    with pytest.raises(
        InputError, match=r"package\.zip/media\.csv: becomes 4,19\d,\d{3} bytes from [\d,]+, which no table"
    ):
        take_in(tmp_path, archive)
    assert not left_over(tmp_path)


def test_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    """Nothing is unpacked beyond the size that the archive tells of a file."""
    package = write_package(tmp_path / "package")
    size = (package / "media.csv").stat().st_size
    with (package / "media.csv").open("ab") as media:
        media.write(bytes(4 * 1024**2))
    archive = zipped(tmp_path, package=package)
    told = size + 4 * 1024**2
    with_bytes(told.to_bytes(4, "little"), size.to_bytes(4, "little"))(archive)
    with pytest.raises(InputError, match="cannot be unpacked"):
        take_in(tmp_path, archive)


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(tmp_path)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(InputError, match=r"deployments\.csv: takes [\d,]+ bytes unpacked, and there is room for 10\."):
        take_in(tmp_path, archive)
    monkeypatch.setattr(camtrap_zip, "MAX_DESCRIPTOR_BYTES", 100)
    with pytest.raises(InputError, match=r"datapackage\.json: takes"):
        take_in(tmp_path, archive)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_is_one_clear_error(changes: list[tuple[int, int]]) -> None:
    """Of the archive's list of its files, where the programs that read it look first."""
    with TemporaryDirectory() as name:
        archive = zipped(Path(name))
        content = bytearray(archive.read_bytes())
        first = content.index(b"PK\x01\x02")
        for place, byte in changes:
            content[first + place % (len(content) - first)] = byte
        archive.write_bytes(content)
        with suppress(InputError), camtrap_zip.opened_package(archive, Path(name)) as package:
            assert set(package.tables) == set(TABLES)
