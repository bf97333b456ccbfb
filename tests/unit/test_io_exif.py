"""EXIF that is carried over: when, where and by what a photo was taken, without previews and private notes."""

from __future__ import annotations

import io

import pytest
from PIL import ExifTags, Image

from tests.batches import encoded, photo
from treeline.config_download import DownloaderParameters
from treeline.io.encode import encode_jpeg, encode_png
from treeline.io.exif import kept_exif
from treeline.io.process import process_image
from treeline.io.stored import ImageParameters

TAKEN = "2024:05:01 06:07:08"
LATITUDE = (51.0, 30.0, 0.0)


def camera_photo(orientation: int = 6, notes: bytes = b"private") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "Trail 3000"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = TAKEN
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = notes
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = LATITUDE
    return encoded(photo(200, 100), exif=exif.tobytes())


def read(image: bytes) -> Image.Exif:
    return Image.open(io.BytesIO(image)).getexif()


@pytest.mark.parametrize("image_format", ["jpeg", "png"])
@pytest.mark.parametrize("upright", [True, False])
def test_a_reduced_image_keeps_when_where_and_by_what_it_was_taken(image_format: str, upright: bool) -> None:
    parameters = DownloaderParameters.model_validate(
        {"image_size": 32, "image_format": image_format, "exif_orientation": "apply" if upright else "keep"}
    )
    exif = read(process_image(camera_photo(), ImageParameters.of(parameters)).image)
    assert exif[ExifTags.Base.Orientation] == (1 if upright else 6)
    assert exif[ExifTags.Base.Model] == "Trail 3000"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == TAKEN
    assert tuple(map(float, exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude])) == LATITUDE
    assert ExifTags.Base.MakerNote not in exif.get_ifd(ExifTags.IFD.Exif)


def test_nothing_to_say_is_nothing_written() -> None:
    assert kept_exif(encoded(photo()), 1) == b""
    assert encode_jpeg(photo(), 90, b"") == encode_jpeg(photo(), 90)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_orientation_is_written_where_there_is_nothing_else(orientation: int) -> None:
    exif = kept_exif(encoded(photo()), orientation)
    for image in (encode_jpeg(photo(), 90, exif), encode_png(photo(), exif)):
        assert dict(read(image)) == {ExifTags.Base.Orientation: orientation}


def test_a_block_that_no_jpeg_can_hold_is_reduced_to_the_orientation() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000
    png = encoded(photo(), "PNG", exif=exif.tobytes())
    assert dict(read(encode_jpeg(photo(), 90, kept_exif(png, 6)))) == {ExifTags.Base.Orientation: 6}


@pytest.mark.parametrize("cut", [20, 40, 60, 100])
def test_a_broken_block_spoils_nothing(cut: int) -> None:
    good = camera_photo()
    start = good.index(b"Exif\x00\x00") + 6
    broken = good[: start + cut] + bytes(range(40)) + good[start + cut + 40 :]
    stored = process_image(broken, ImageParameters.of(DownloaderParameters(image_size=32)))
    assert Image.open(io.BytesIO(stored.image)).size in {(32, 16), (16, 32)}
