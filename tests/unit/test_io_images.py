"""Pixels in and out, with Pillow as the oracle."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from tests.shards import encode, encoded_kinds, exif, picture, raw_bgr
from treeline.errors import ImageError
from treeline.io.encode import encode_jpeg, encode_png, encode_raw_bgr
from treeline.io.images import (
    Pixels,
    decode,
    is_plain_jpeg,
    open_stored,
    read_header,
    read_stored,
    sniff_format,
)

KINDS = encoded_kinds()
KIND_NAMES = pytest.mark.parametrize("kind", KINDS)


def by_pillow(data: bytes) -> Pixels:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def difference(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@KIND_NAMES
def test_format_is_told_by_content(kind: str) -> None:
    assert sniff_format(KINDS[kind]) == kind.split()[0]


@KIND_NAMES
def test_header_gives_the_upright_size(kind: str) -> None:
    header = read_header(KINDS[kind])
    assert header.upright_size == ((36, 24) if kind == "jpeg turned" else (24, 36))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "rgba" not in kind and "16 bit" not in kind])
def test_decodes_as_pillow_does(kind: str) -> None:
    allowed = 40 if kind == "png palette" else 1  # the palette's transparent colour is laid over white
    assert difference(decode(KINDS[kind]), by_pillow(KINDS[kind])) <= allowed


def test_16_bit_is_scaled_and_not_cut() -> None:
    assert difference(decode(KINDS["png grey 16 bit"])[:, :, 0], picture()[:, :, 0]) <= 1


@pytest.mark.parametrize("kind", ["png rgba", "webp rgba"])
def test_transparency_is_laid_over_white(kind: str) -> None:
    expected = picture() * (128 / 255) + 255 * (127 / 255)
    assert difference(decode(KINDS[kind]), expected.astype(np.uint8)) <= 2


def test_transparent_palette_colour_becomes_white() -> None:
    image = Image.fromarray(np.zeros((4, 4), np.uint8)).convert("P")
    assert (decode(encode(image, "PNG", transparency=0)) == 255).all()


def test_of_an_animation_the_first_frame_is_taken() -> None:
    assert difference(decode(KINDS["gif animated"]), picture()) < difference(
        decode(KINDS["gif animated"]), picture()[::-1]
    )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_does(image_format: str, orientation: int) -> None:
    data = encode(Image.fromarray(picture()), image_format, exif=exif(orientation))
    assert difference(decode(data), by_pillow(data)) <= 1
    assert decode(data).shape[:2] == read_header(data).upright_size
    if image_format != "TIFF":  # comes upright from its decoder
        assert decode(data, upright=False).shape == picture().shape


def test_encoders_keep_the_picture() -> None:
    assert difference(by_pillow(encode_jpeg(picture(), 95)), picture()) < 2
    assert difference(by_pillow(encode_png(picture())), picture()) == 0
    assert encode_raw_bgr(picture()) == raw_bgr(picture())


def test_a_picture_too_wide_for_jpeg_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="JPEG"):
        encode_jpeg(np.zeros((1, 70_000, 3), np.uint8), 90)


@KIND_NAMES
def test_only_upright_grey_or_colour_jpegs_are_plain(kind: str) -> None:
    assert is_plain_jpeg(KINDS[kind]) == (kind in ("jpeg", "jpeg progressive", "jpeg grey"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gif animated"])  # its first frame is whole
def test_a_truncated_image_is_an_error(kind: str) -> None:
    with pytest.raises(ImageError):
        decode(KINDS[kind][: len(KINDS[kind]) * 2 // 3])


def test_a_truncated_image_is_an_error_whatever_other_libraries_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageError):
        decode(KINDS["png"][:-100])


def test_a_jpeg_that_is_damaged_in_the_middle_is_an_error() -> None:
    jpeg = encode(Image.fromarray(picture(200, 300)), "JPEG")
    middle = len(jpeg) // 2
    with pytest.raises(ImageError, match="JPEG"):
        decode(jpeg[:middle] + bytes(200) + jpeg[middle + 200 :])


@KIND_NAMES
def test_more_pixels_than_the_limit_are_an_error(kind: str) -> None:
    with pytest.raises(ImageError, match="limit"):
        decode(KINDS[kind], max_pixels=24 * 36 - 1)


def test_a_jpeg_is_reduced_to_no_less_than_asked_for() -> None:
    jpeg = encode_jpeg(picture(480, 640), 90)
    assert decode(jpeg, at_least=(60, 80)).shape == (60, 80, 3)
    assert decode(jpeg, at_least=(100, 100)).shape[0] >= 100


@KIND_NAMES
@settings(deadline=None)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_image_errors(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(KINDS[kind])
    head = st.integers(0, min(len(damaged), 200) - 1)
    for position, value in data.draw(st.lists(st.tuples(head, st.integers(0, 255)), min_size=1, max_size=4)):
        damaged[position] = value
    try:
        pixels = decode(bytes(damaged), max_pixels=10**6)
    except ImageError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3


def test_raw_pixels_are_told_by_the_exact_size() -> None:
    data = raw_bgr(picture())
    assert (read_stored(data, [(48, 72), (24, 36)]) == picture()).all()
    assert open_stored(data, [(24, 36)]).header is None
    with pytest.raises(ImageError, match="2592 bytes are neither"):
        read_stored(data, [(24, 35)])


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n"])
def test_raw_pixels_that_begin_like_an_encoded_image_are_raw_pixels(magic: bytes) -> None:
    data = magic + raw_bgr(picture())[len(magic) :]
    assert encode_raw_bgr(read_stored(data, [(24, 36)])) == data


@KIND_NAMES
def test_an_encoded_image_is_never_taken_for_raw_pixels(kind: str) -> None:
    stored = KINDS[kind] + bytes(-len(KINDS[kind]) % 3)  # a length that some size fits
    image = open_stored(stored, [(1, len(stored) // 3)])
    assert image.header is not None
    assert image.header.format == kind.split()[0]


@pytest.mark.parametrize("sizes", [[], [(0, 0)], [(-1, -12)], [(2, 3)]])
def test_bytes_that_are_nothing_are_an_error(sizes: list[tuple[int, int]]) -> None:
    with pytest.raises(ImageError):
        read_stored(b"<html>not an image, 36 bytes</html>!", sizes)
