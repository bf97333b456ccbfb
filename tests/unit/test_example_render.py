"""The example's photos are files that other readers open, upright and with their times."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageStat
from PIL.GifImagePlugin import GifImageFile

from resources.example.collection import CAMERAS, MIXED_ENCODINGS, Fault, Photo, occurrences, photos
from resources.example.render import ENCODERS, cached, render, render_all

PHOTO = Photo(number=5, server="fast", encoding="png", width=160, height=120)

FORMATS = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "tiff": "TIFF"}
MODES = {
    "jpeg_grey": "L",
    "jpeg_cmyk": "CMYK",
    "png_16_bit": "I;16",
    "png_transparent": "RGBA",
    "png_palette": "P",
    "gif": "P",
    "gif_animated": "P",
}


def opened(photo: Photo) -> Image.Image:
    return Image.open(io.BytesIO(render(photo)))


@pytest.mark.parametrize("encoding", ENCODERS)
def test_encoding_is_what_it_is_called(encoding: str) -> None:
    photo = replace(PHOTO, encoding=encoding)
    image = opened(photo)
    image.load()
    assert image.format == FORMATS[photo.format]
    assert image.mode == MODES.get(encoding, "RGB")
    assert image.size == (160, 120)


def test_every_encoding_is_in_the_collection() -> None:
    assert set(MIXED_ENCODINGS) == set(ENCODERS) == {photo.encoding for photo in photos()}


def test_animated_gif_begins_with_the_picture_and_goes_on() -> None:
    image = opened(replace(PHOTO, encoding="gif_animated"))
    assert isinstance(image, GifImageFile)
    assert image.n_frames == 3
    assert difference(image.convert("RGB"), opened(PHOTO)) < 10


def test_progressive_jpeg_is_progressive() -> None:
    assert "progressive" in opened(replace(PHOTO, encoding="jpeg_progressive")).info


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_turns_the_stored_picture_upright(orientation: int) -> None:
    upright = opened(replace(PHOTO, encoding="jpeg"))
    stored = opened(replace(PHOTO, encoding="jpeg", orientation=orientation))
    assert stored.getexif()[ExifTags.Base.Orientation] == orientation
    turned = ImageOps.exif_transpose(stored)
    assert turned.size == upright.size
    assert difference(turned, upright) < 4


def test_time_is_where_cameras_write_it() -> None:
    image = opened(replace(PHOTO, encoding="jpeg", taken=datetime(2024, 5, 1, 6, 0, 3)))
    assert image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2024:05:01 06:00:03"


def test_cameras_take_bursts() -> None:
    bursts = [occurrence for occurrence in occurrences() if occurrence.programme.camera]
    assert len({burst.camera for burst in bursts}) == CAMERAS
    for burst in bursts:
        times = [photo.taken for photo in burst.photos if photo.taken]
        assert len(times) == len(burst.photos)
        assert all((later - earlier).total_seconds() == 3 for earlier, later in zip(times, times[1:], strict=False))


def test_rendering_again_gives_the_same_bytes() -> None:
    photo = replace(PHOTO, encoding="jpeg", orientation=6)
    assert render(photo) == render(photo)


def test_numbers_make_different_scenes() -> None:
    assert not np.array_equal(np.asarray(opened(PHOTO)), np.asarray(opened(replace(PHOTO, number=6))))


def test_render_all_keeps_what_is_there(tmp_path: Path) -> None:
    first, second = PHOTO, replace(PHOTO, number=6)
    cached(first, tmp_path).write_bytes(b"kept")
    render_all((first, second), tmp_path)
    assert cached(first, tmp_path).read_bytes() == b"kept"
    assert cached(second, tmp_path).read_bytes() == render(second)
    assert len(list(tmp_path.iterdir())) == 2


def test_fault_does_not_change_the_file_but_its_pixels_do(tmp_path: Path) -> None:
    assert cached(replace(PHOTO, fault=Fault.CORRUPT), tmp_path) == cached(PHOTO, tmp_path)
    assert cached(replace(PHOTO, width=320), tmp_path) != cached(PHOTO, tmp_path)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two RGB pictures, 0 to 255."""
    return float(np.mean(ImageStat.Stat(ImageChops.difference(one, other)).mean))
