"""Archives: the same bytes every time, readable by tarfile, and by their index."""

from __future__ import annotations

import csv
import gzip
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.errors import ShardError
from treeline.io.tar import Member, index_of, member_names, read_member, read_members, tar_writer

MEMBERS = [
    Member("a.jpg", b"some bytes"),
    Member("a.json", b"{}"),
    Member("empty.png", b""),
    Member(f"{'long' * 32}.jpg", b"x" * 512),
    Member("z.json", b"y" * 513),
]
ARCHIVES = pytest.mark.parametrize("name", ["shard.tar", "shard.tar.gz"])


def write(archive: Path, members: list[Member]) -> Path:
    with tar_writer(archive) as tar:
        for member in members:
            tar.add(*member)
    return archive


@ARCHIVES
def test_tarfile_reads_what_was_written(tmp_path: Path, name: str) -> None:
    with tarfile.open(write(tmp_path / name, MEMBERS)) as tar:
        found = [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
        assert all((info.mtime, info.uid, info.gid, info.mode) == (0, 0, 0, 0o644) for info in tar.getmembers())
    assert found == MEMBERS


@ARCHIVES
def test_members_come_back_in_order(tmp_path: Path, name: str) -> None:
    assert list(read_members(write(tmp_path / name, MEMBERS))) == MEMBERS
    assert member_names(tmp_path / name) == [member.name for member in MEMBERS]


@ARCHIVES
def test_the_same_members_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    one, other = write(tmp_path / "one" / name, MEMBERS), write(tmp_path / "another name" / name, MEMBERS)
    assert one.read_bytes() == other.read_bytes()
    assert index_of(one).read_bytes() == index_of(other).read_bytes()


@settings(deadline=None, max_examples=30)
@given(contents=st.lists(st.binary(max_size=2000), max_size=8))
def test_the_index_gives_the_place_of_each_member(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("tar")
    members = [Member(f"{number}{'-' * (number * 40)}.jpg", data) for number, data in enumerate(contents)]
    archive = write(folder / "shard.tar", members)
    compressed = write(folder / "shard.tar.gz", members)
    assert gzip.decompress(compressed.read_bytes()) == archive.read_bytes()
    assert index_of(compressed).read_bytes() == index_of(archive).read_bytes()
    tar = archive.read_bytes()
    with index_of(archive).open(newline="") as file:
        places = list(csv.DictReader(file))
    assert [place["name"] for place in places] == [member.name for member in members]
    for place, member in zip(places, members, strict=True):
        offset, size = int(place["offset"]), int(place["size"])
        assert tar[offset : offset + size] == member.data
        assert read_member(archive, member.name) == member.data


def test_a_failed_write_leaves_the_old_archive(tmp_path: Path) -> None:
    archive = write(tmp_path / "shard.tar", MEMBERS)
    before = archive.read_bytes(), index_of(archive).read_bytes()
    with pytest.raises(RuntimeError), tar_writer(archive) as tar:
        tar.add("new.jpg", b"new")
        raise RuntimeError
    assert (archive.read_bytes(), index_of(archive).read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard.tar", "shard.tar.index.csv"]


@ARCHIVES
@pytest.mark.parametrize("kept", [0.5, 0.0])
def test_a_truncated_archive_is_a_shard_error(tmp_path: Path, name: str, kept: float) -> None:
    archive = write(tmp_path / name, MEMBERS)
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * kept) // 2])
    with pytest.raises(ShardError, match=name):
        list(read_members(archive))


@ARCHIVES
@pytest.mark.parametrize("member", range(len(MEMBERS)))
def test_a_damaged_header_is_a_shard_error_and_not_the_end(tmp_path: Path, name: str, member: int) -> None:
    archive = write(tmp_path / name, MEMBERS)
    whole = archive.read_bytes() if name.endswith(".tar") else gzip.decompress(archive.read_bytes())
    with tarfile.open(archive) as tar:
        place = tar.getmembers()[member].offset
    damaged = whole[: place + 100] + b"damaged." + whole[place + 108 :]
    archive.write_bytes(damaged if name.endswith(".tar") else gzip.compress(damaged))
    for read in (read_members, member_names):
        with pytest.raises(ShardError, match="not a whole tar archive"):
            list(read(archive))


def test_what_is_no_archive_is_a_shard_error(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("not a tar\n" * 200)
    for archive in (tmp_path / "text.tar", tmp_path / "missing.tar"):
        with pytest.raises(ShardError, match=archive.name):
            list(read_members(archive))


def test_a_member_or_index_that_is_missing_is_a_shard_error(tmp_path: Path) -> None:
    archive = write(tmp_path / "shard.tar", MEMBERS)
    with pytest.raises(ShardError, match=r"b\.jpg"):
        read_member(archive, "b.jpg")
    index_of(archive).unlink()
    with pytest.raises(ShardError, match=r"index\.csv"):
        read_member(archive, "a.jpg")
