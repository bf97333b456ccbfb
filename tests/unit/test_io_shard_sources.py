"""The same images, whatever holds them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards import encoded_kinds, picture, raw_bgr, shard_row, write_shard
from treeline.errors import ShardError
from treeline.io.shard_sources import SourceImage, batches, content_sha256, read_images
from treeline.io.tar import tar_writer

KINDS = encoded_kinds()
IMAGES = {"a.jpg": KINDS["jpeg"], "b.png": KINDS["png"], "c.tif": KINDS["tiff"], "d.jpg": b"broken"}


def write_tar(archive: Path) -> Path:
    with tar_writer(archive) as tar:
        for name, data in IMAGES.items():
            tar.add(name, data)
            tar.add(f"{name[0]}.json", b"{}")
    return archive


@pytest.mark.parametrize("name", ["shard.tar", "shard.tar.gz"])
def test_an_archive_gives_its_images_and_nothing_else(tmp_path: Path, name: str) -> None:
    found = {image.name: image.data for image in read_images(write_tar(tmp_path / name))}
    assert found == IMAGES


def test_a_folder_gives_its_images_by_name(tmp_path: Path) -> None:
    for name, data in [*reversed(IMAGES.items()), ("a.json", b"{}"), ("notes.txt", b"")]:
        (tmp_path / name).write_bytes(data)
    assert [(image.name, image.data) for image in read_images(tmp_path)] == list(IMAGES.items())


def test_a_folder_gives_what_is_in_folders_below_it(tmp_path: Path) -> None:
    names = ["north/1.jpg", "north/deep/1.jpg", "south/1.jpg", "z.jpg"]
    checksums = set()
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(KINDS["jpeg"])
        checksums.add(content_sha256(tmp_path))
    (tmp_path / "folder.jpg").mkdir()
    assert [image.name for image in read_images(tmp_path)] == names
    assert len(checksums) == len(names)


def test_a_parquet_file_gives_every_row(tmp_path: Path) -> None:
    images = [KINDS["gif"], raw_bgr(picture()), None, b"broken"]
    shard = write_shard(tmp_path / "s.parquet", [shard_row(n, data, (24, 36)) for n, data in enumerate(images)])
    found = list(read_images(shard))
    assert [image.name for image in found] == ["image-0.gif", "image-1.png", "image-2.png", "image-3.png"]
    assert found[1].sizes == [(24, 36)] * 2


def test_a_row_without_uuid_is_a_shard_error(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.parquet", [shard_row(0, KINDS["gif"]), shard_row(1, KINDS["gif"], uuid=None)])
    with pytest.raises(ShardError, match="row 2, field 'uuid'"):
        list(read_images(shard))


@settings(deadline=None)
@given(count=st.integers(0, 20), size=st.integers(1, 8))
def test_batches_hold_every_image_once_and_in_order(count: int, size: int) -> None:
    images = [SourceImage(str(number), b"", []) for number in range(count)]
    found = list(batches(iter(images), size))
    assert [image for batch in found for image in batch] == images
    assert all(len(batch) == size for batch in found[:-1])
    assert all(found)


def test_the_content_s_hash_tells_changes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(KINDS["jpeg"])
    first = content_sha256(folder)
    assert content_sha256(folder) == first
    (folder / "a.jpg").rename(folder / "b.jpg")
    assert content_sha256(folder) != first
    assert content_sha256(write_tar(tmp_path / "one.tar")) == content_sha256(write_tar(tmp_path / "other.tar"))
    with pytest.raises(ShardError, match="missing"):
        content_sha256(tmp_path / "missing.tar")
