"""Tools that make new images, and what photos say of themselves; the shards that they are made of stay as they are."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.shards import encode, encoded_kinds, exif, picture, raw_bgr, shard_row, write_shard
from treeline.config_tools import CropToBoxes, Resize
from treeline.errors import ImageError, InputError
from treeline.io.images import decode, sniff_format
from treeline.io.resize import fit
from treeline.schemas import ERRORS, SUCCESSES
from treeline.tools.boxes import BOXES, Box, read_boxes
from treeline.tools.crop_to_boxes import corners, crop_to_boxes
from treeline.tools.exif import EXIF, exif_of, read_exif
from treeline.tools.remake import remake_shard
from treeline.tools.resize import resize

SIZE = (24, 36)
MAX_PIXELS = 10**6
PNG = encode(Image.fromarray(picture()), "PNG")


def remade(folder: Path, rows: list[dict[str, Any]], make: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The new rows and the errors that a tool makes of a shard."""
    successes = write_shard(folder / "successes.parquet", rows)
    before = successes.read_bytes()
    counts = remake_shard(successes, [], make, folder / "new.parquet", folder / "errors.parquet")
    assert successes.read_bytes() == before
    new, errors = pq.read_table(folder / "new.parquet"), pq.read_table(folder / "errors.parquet")
    assert new.schema.equals(SUCCESSES)
    assert errors.schema.equals(ERRORS)
    assert counts == (len(new), len(errors))
    return new.to_pylist(), errors.to_pylist()


def resized(
    folder: Path, rows: list[dict[str, Any]], longest: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    block = Resize(new_resize_size=longest)
    return remade(folder, rows, lambda row: resize(row, block, MAX_PIXELS))


def test_every_kind_of_image_is_resized(tmp_path: Path) -> None:
    kinds = {**encoded_kinds(), "raw": raw_bgr(picture())}
    rows = [shard_row(number, data, SIZE) for number, data in enumerate(kinds.values())]
    new, errors = resized(tmp_path, rows, 12)
    assert errors == []
    for old, row, kind in zip(rows, new, kinds, strict=True):
        upright = (12, 8)[:: 1 if kind == "jpeg turned" else -1]
        assert row["resized_size"] == list(upright), kind
        assert row["hashsum_resized"] == hashlib.md5(row["image"]).hexdigest()
        changed = {"image", "hashsum_resized", "resized_size"}
        assert {name: row[name] for name in row if name not in changed} == {
            name: old[name] for name in old if name not in changed
        }
        if kind == "raw":
            assert len(row["image"]) == 12 * 8 * 3
        else:
            assert sniff_format(row["image"]) == ("png" if kind.startswith("png") else "jpeg")
            assert decode(row["image"]).shape[:2] == upright


def test_resizing_twice_is_resizing_once(tmp_path: Path) -> None:
    rows = [shard_row(0, encoded_kinds()["jpeg"], SIZE), shard_row(1, PNG, SIZE)]
    once, _ = resized(tmp_path, rows, 12)
    twice, _ = resized(tmp_path, once, 12)
    assert twice == once
    larger, _ = resized(tmp_path, rows, 100)
    assert [row["image"] for row in larger] == [row["image"] for row in rows]


def test_what_cannot_be_read_is_an_error_with_its_reason(tmp_path: Path) -> None:
    rows = [shard_row(0, PNG[:-30], SIZE), shard_row(1, None, SIZE), shard_row(2, PNG, SIZE)]
    new, errors = resized(tmp_path, rows, 12)
    assert [row["uuid"] for row in new] == ["image-2"]
    assert [(row["uuid"], row["error_code"]) for row in errors] == [("image-0", -2), ("image-1", -2)]
    assert "corrupt PNG" in errors[0]["error_msg"]


sides = st.integers(1, 50)


@given(
    sides,
    sides,
    st.floats(-10, 60),
    st.floats(-10, 60),
    st.floats(0.1, 60),
    st.floats(0.1, 60),
    st.floats(0, 1),
    st.booleans(),
)
def test_a_crop_lies_in_the_image(
    height: int, width: int, left: float, top: float, box_width: float, box_height: float, padding: float, square: bool
) -> None:
    box = Box("u-0", left, top, box_width, box_height, False)
    try:
        first_row, end_row, first_column, end_column = corners(box, (height, width), padding, square=square)
    except ImageError:
        return
    assert 0 <= first_row < end_row <= height
    assert 0 <= first_column < end_column <= width
    centre = top + box_height / 2, left + box_width / 2
    if square and 0 <= centre[0] <= height and 0 <= centre[1] <= width:
        side = max(box_width, box_height) * (1 + 2 * padding)
        if side < min(height, width):
            assert abs((end_row - first_row) - side) <= 1
            assert abs((end_column - first_column) - side) <= 1


def test_boxes_in_pixels_are_of_the_image_as_it_was_served(tmp_path: Path) -> None:
    successes = write_shard(
        tmp_path / "s.parquet", [shard_row(0, PNG, None, original_size=[48, 72], resized_size=[24, 36])]
    )
    (tmp_path / "boxes.csv").write_text(
        "uuid,x_min,y_min,box_width,box_height,category\nimage-0,20,10,20,8,fish\nimage-9,0,0,5,5,\nimage-0,0,0,72,48,crab\n"
    )
    boxes = read_boxes(tmp_path / "boxes.csv", successes, least_confidence=None, target=tmp_path / "b.parquet")
    new, errors = remade(
        tmp_path, pq.read_table(successes).to_pylist(), lambda row: crop_to_boxes(row, boxes, CropToBoxes(), MAX_PIXELS)
    )
    assert errors == []
    assert [(row["uuid"], row["resized_size"]) for row in new] == [("image-0-0", [4, 10]), ("image-0-1", [24, 36])]
    assert np.abs(decode(new[0]["image"]).astype(int) - picture()[5:9, 10:20]).mean() < 8
    table = pq.read_table(tmp_path / "b.parquet")
    assert table.schema.equals(BOXES)
    assert table.select(["uuid", "image_uuid", "category", "x_min"]).to_pylist() == [
        {"uuid": "image-0-0", "image_uuid": "image-0", "category": "fish", "x_min": 20.0},
        {"uuid": "image-0-1", "image_uuid": "image-0", "category": "crab", "x_min": 0.0},
    ]


def test_boxes_of_detections_are_shares_and_have_a_confidence(tmp_path: Path) -> None:
    successes = write_shard(tmp_path / "s.parquet", [shard_row(0, PNG, SIZE), shard_row(1, PNG, SIZE)])
    box = {"category": "1", "bbox": [0.5, 0.5, 0.25, 0.25]}
    found = [{**box, "conf": 0.9}, {**box, "conf": 0.1}, {**box, "conf": -0.9}]
    images = [{"file": "image-0.png", "detections": found}, {"file": "image-1.png", "failure": "x", "detections": None}]
    content = {"info": {"format_version": "1.6"}, "detection_categories": {"1": "animal"}, "images": images}
    (tmp_path / "d.json").write_text(json.dumps(content))
    boxes = read_boxes(tmp_path / "d.json", successes, least_confidence=0.2, target=tmp_path / "b.parquet")
    new, _ = remade(
        tmp_path, pq.read_table(successes).to_pylist(), lambda row: crop_to_boxes(row, boxes, CropToBoxes(), MAX_PIXELS)
    )
    assert [(row["uuid"], row["resized_size"]) for row in new] == [("image-0-0", [6, 9])]
    assert pq.read_table(tmp_path / "b.parquet")["category"].to_pylist() == ["animal"]


def test_a_box_that_is_none_is_refused(tmp_path: Path) -> None:
    successes = write_shard(tmp_path / "s.parquet", [shard_row(0, PNG, SIZE)])
    (tmp_path / "boxes.csv").write_text("uuid,x_min,y_min,box_width,box_height\nimage-0,0,0,-5,5\n")
    with pytest.raises(InputError, match="of image-0 has no width or height"):
        read_boxes(tmp_path / "boxes.csv", successes, least_confidence=None, target=tmp_path / "b.parquet")


def test_a_box_outside_the_image_is_an_error_of_its_image(tmp_path: Path) -> None:
    boxes = {"image-0": [Box("image-0-0", 100, 100, 5, 5, False)]}
    new, errors = remade(
        tmp_path, [shard_row(0, PNG, SIZE)], lambda row: crop_to_boxes(row, boxes, CropToBoxes(), MAX_PIXELS)
    )
    assert new == []
    assert "the box image-0-0 holds no pixel" in errors[0]["error_msg"]


def test_what_a_photo_says_of_itself_is_read(tmp_path: Path) -> None:
    block = exif(6, "2024:05:06 07:08:09")
    block[ExifTags.Base.Make], block[ExifTags.Base.Model] = "Camera Works\0", "Trap 3 "
    place = block.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = (12.0, 30.0, 36.0), "S"
    place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] = (45.0, 15.0, 0.0), "E"
    place[ExifTags.GPS.GPSAltitude], place[ExifTags.GPS.GPSAltitudeRef] = 25.5, b"\1"
    photo = encode(Image.fromarray(picture()), "JPEG", exif=block)
    rows = [
        shard_row(0, photo, SIZE),
        shard_row(1, PNG, SIZE),
        shard_row(2, raw_bgr(picture()), SIZE),
        shard_row(3, None),
    ]
    read_exif(write_shard(tmp_path / "s.parquet", rows), [], tmp_path / "exif.parquet")
    table = pq.read_table(tmp_path / "exif.parquet")
    assert table.schema.equals(EXIF)
    said, *silent = table.to_pylist()
    assert said == {
        "uuid": "image-0",
        "datetime": "2024:05:06 07:08:09",
        "make": "Camera Works",
        "model": "Trap 3",
        "latitude": pytest.approx(-12.51),
        "longitude": pytest.approx(45.25),
        "altitude": -25.5,
        "orientation": 6,
    }
    assert all(value is None for row in silent for name, value in row.items() if name != "uuid")


@given(st.binary(max_size=300))
def test_a_broken_block_says_nothing_and_breaks_nothing(noise: bytes) -> None:
    photo = encode(Image.fromarray(picture()), "JPEG", exif=exif(1, "2024:05:06 07:08:09"))
    start = photo.index(b"Exif\0\0") + 6
    exif_of(photo[:start] + noise + photo[start + len(noise) :])


def test_the_reduced_size_is_that_of_the_downloader() -> None:
    image = Image.open(io.BytesIO(PNG))
    assert fit((image.height, image.width), 12) == (8, 12)
