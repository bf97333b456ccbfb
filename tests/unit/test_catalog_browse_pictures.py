"""Pixels are found wherever Treeline or its users put them, and never outside of the folder that is given."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.shards import encode, picture, raw_bgr, shard_row, write_shard
from treeline.catalog.browse.pictures import Pictures
from treeline.errors import ImageError, InputError
from treeline.io.tar import index_of, tar_writer

SHARD = "server_name=a.org/partition_id=0"
JPEG = encode(Image.fromarray(picture()), "JPEG", quality=95)


def shown(root: Path, file: str, uuid: str | None = None) -> Image.Image:
    return Image.open(io.BytesIO(Pictures(root).jpeg("data set", file, uuid, 1600)))


def in_folder(root: Path) -> str:
    (root / "a.jpg").write_bytes(JPEG)
    return "a.jpg"


def in_folder_of_data_set(root: Path) -> str:
    (root / "data set").mkdir()
    (root / "data set" / "a.jpg").write_bytes(JPEG)
    return "a.jpg"


def in_archive(root: Path) -> str:
    with tar_writer(root / "decoded" / f"{SHARD}.tar") as tar:
        tar.add("image-0.jpg", JPEG)
    return f"{SHARD}/image-0.jpg"


def in_archive_without_index(root: Path) -> str:
    file = in_archive(root)
    index_of(root / "decoded" / f"{SHARD}.tar").unlink()
    return file


def in_compressed_archive(root: Path) -> str:
    with tar_writer(root / f"{SHARD}.tar.gz") as tar:
        tar.add("image-0.png", encode(Image.fromarray(picture()), "PNG"))
    return f"{SHARD}/image-0.jpg"


def in_shard(root: Path) -> str:
    write_shard(root / "images" / SHARD / "successes.parquet", [shard_row(number, JPEG) for number in range(3)])
    return f"{SHARD}/image-2.jpg"


def in_shard_as_raw_pixels(root: Path) -> str:
    pixels = picture()
    row = shard_row(0, raw_bgr(pixels), (pixels.shape[0], pixels.shape[1]))
    write_shard(root / "images" / SHARD / "successes.parquet", [row])
    return "image-0.jpg"  # its shard is found by a look into each


def in_listed_shard(root: Path) -> str:
    path = f"elsewhere/{SHARD}/successes.parquet"
    write_shard(root / path, [shard_row(number, JPEG) for number in range(3)])
    (root / "lookup").mkdir()
    pq.write_table(pa.table({"uuid": ["image-1"], "path": [path]}), root / "lookup" / "images.parquet")
    return "renamed.jpg"


PLACES = [
    in_folder,
    in_folder_of_data_set,
    in_archive,
    in_archive_without_index,
    in_compressed_archive,
    in_shard,
    in_shard_as_raw_pixels,
]


@pytest.mark.parametrize("place", PLACES)
def test_found(tmp_path: Path, place: Callable[[Path], str]) -> None:
    found = np.asarray(shown(tmp_path, place(tmp_path)), dtype=int)
    assert np.abs(found - picture()).mean() < 4


def test_found_by_uuid_alone(tmp_path: Path) -> None:
    file = in_listed_shard(tmp_path)
    assert shown(tmp_path, file, "image-1").size == (36, 24)
    with pytest.raises(ImageError, match="is not among the images"):
        shown(tmp_path, file, "image-2")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "x\0y", "", ".", "none.jpg"])
def test_never_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ImageError):
        shown(tmp_path / "photos", name)


def test_what_is_no_image_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(ImageError, match="not an image"):
        shown(tmp_path, "a.jpg")
    (tmp_path / "images" / SHARD).mkdir(parents=True)
    (tmp_path / "images" / SHARD / "successes.parquet").write_text("no Parquet")
    for file in (f"{SHARD}/b.jpg", "b.jpg"):
        with pytest.raises(ImageError, match="Parquet|cannot be read"):
            shown(tmp_path, file)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Pictures(tmp_path / "none")
