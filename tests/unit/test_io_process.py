"""From a body to what is stored: sizes, formats, orientation, and what is refused."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.batches import encoded, photo, rotated_jpeg
from treeline.config_download import DownloaderParameters
from treeline.errors import ImageError
from treeline.io.images import Pixels, decode, read_header, read_stored, sniff_format
from treeline.io.process import process_image
from treeline.io.resize import enough_for, fit, reduce
from treeline.io.stored import ImageParameters


def parameters(**changes: object) -> ImageParameters:
    return ImageParameters.of(DownloaderParameters.model_validate({"image_size": 32, **changes}))


def psnr(one: Pixels, other: Pixels) -> float:
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def test_a_large_image_is_reduced_to_the_longest_side() -> None:
    body = encoded(photo(200, 100))
    stored = process_image(body, parameters())
    assert stored.original_size == (100, 200)
    assert stored.resized_size == (16, 32)
    assert sniff_format(stored.image) == "jpeg"
    assert decode(stored.image).shape == (16, 32, 3)
    assert stored.hashsum_original == hashlib.md5(body).hexdigest()
    assert stored.hashsum_resized == hashlib.md5(stored.image).hexdigest()


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 2000))
def test_fitting_never_enlarges_and_keeps_the_shape(height: int, width: int, longest: int) -> None:
    target = fit((height, width), longest)
    assert max(target) == min(longest, max(height, width))
    assert min(target) >= 1
    assert target[0] <= height
    assert target[1] <= width
    scale = max(target) / max(height, width)
    assert abs(target[0] - height * scale) <= 1
    assert abs(target[1] - width * scale) <= 1


@pytest.mark.parametrize(("image_format", "file_format"), [("jpeg", "JPEG"), ("png", "PNG")])
def test_an_image_that_needs_no_change_keeps_its_bytes(image_format: str, file_format: str) -> None:
    body = encoded(photo(32, 24), file_format)
    stored = process_image(body, parameters(image_format=image_format))
    assert stored.image == body
    assert stored.hashsum_resized == stored.hashsum_original


def test_original_keeps_every_readable_body_as_served() -> None:
    for file_format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        body = encoded(photo(200, 100), file_format)
        stored = process_image(body, parameters(image_format="original"))
        assert stored.image == body
        assert stored.original_size == stored.resized_size == (100, 200)


def test_raw_pixels_are_read_back_under_the_size_rule() -> None:
    stored = process_image(encoded(photo(200, 100), "PNG"), parameters(image_format="raw_bgr"))
    assert len(stored.image) == 16 * 32 * 3
    pixels = read_stored(stored.image, [stored.original_size, stored.resized_size])
    expected = np.asarray(Image.fromarray(photo(200, 100)).resize((32, 16), Image.Resampling.BOX))
    assert psnr(pixels, expected) > 35


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(200, 100), (32, 16)])
def test_images_are_turned_upright(orientation: int, size: tuple[int, int]) -> None:
    body = rotated_jpeg(photo(*size), orientation)
    turned = orientation >= 5
    stored = process_image(body, parameters(jpeg_quality=95))
    assert stored.original_size == (size if turned else size[::-1])
    assert stored.resized_size == ((32, 16) if turned else (16, 32))
    with Image.open(io.BytesIO(body)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    expected = np.asarray(upright.resize(stored.resized_size[::-1], Image.Resampling.BOX))
    assert read_header(stored.image).orientation == 1
    assert psnr(decode(stored.image), expected) > 30


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["jpeg", "png"])
def test_keeping_the_orientation_keeps_pixels_and_tag(orientation: int, image_format: str) -> None:
    body = rotated_jpeg(photo(200, 100), orientation)
    stored = process_image(body, parameters(exif_orientation="keep", image_format=image_format))
    assert stored.original_size == (100, 200)
    assert stored.resized_size == (16, 32)
    assert read_header(stored.image).orientation == orientation


def test_wide_colours_and_transparency_are_converted_on_purpose() -> None:
    grey16 = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    stored = process_image(encoded(grey16, "PNG"), parameters(image_format="png", image_size=None))
    assert stored.image == encoded(grey16, "PNG")
    stored = process_image(encoded(grey16, "PNG"), parameters(image_format="raw_bgr", image_size=None))
    pixels = read_stored(stored.image, [stored.original_size])
    assert np.abs(pixels[:, :, 0].astype(float) - grey16 / 257).max() <= 0.5

    clear = np.dstack([photo(), np.zeros((48, 64), np.uint8)])
    stored = process_image(encoded(clear, "PNG"), parameters(image_format="raw_bgr"))
    assert set(stored.image) == {255}

    cmyk = Image.fromarray(photo()).convert("CMYK")
    buffer = io.BytesIO()
    cmyk.save(buffer, "JPEG", quality=95)
    stored = process_image(buffer.getvalue(), parameters(image_format="png", image_size=None))
    assert psnr(decode(stored.image), np.asarray(cmyk.convert("RGB"))) > 30


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.fromarray(np.full((20, 20, 3), level, np.uint8)) for level in (0, 255)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    stored = process_image(buffer.getvalue(), parameters(image_format="raw_bgr"))
    assert set(stored.image) == {0}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "not an image"),
        (encoded(photo(200, 100))[:-200], "corrupt JPEG"),
        (encoded(photo(200, 100), "PNG")[:-200], "corrupt PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "broken JPEG header"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "broken image header"),
    ],
)
@pytest.mark.parametrize("image_size", [32, None])
def test_what_is_no_whole_image_is_refused(body: bytes, reason: str, image_size: int | None) -> None:
    with pytest.raises(ImageError, match=reason):
        process_image(body, parameters(image_size=image_size))


def test_a_truncated_jpeg_is_no_original() -> None:
    with pytest.raises(ImageError, match="no end marker"):
        process_image(encoded(photo(200, 100))[:-200], parameters(image_format="original"))


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("kept", [1 / 3, 0.9])
def test_a_truncated_image_of_another_format_is_no_original(file_format: str, kept: float) -> None:
    body = encoded(photo(200, 100), file_format)
    with pytest.raises(ImageError):
        process_image(body[: int(len(body) * kept)], parameters(image_format="original"))


@pytest.mark.parametrize("image_format", ["jpeg", "original"])
def test_a_bomb_is_refused_by_its_header(image_format: str) -> None:
    body = encoded(np.zeros((2000, 3000, 3), np.uint8), "PNG")
    with pytest.raises(ImageError, match="more than the limit of 1000000"):
        process_image(body, parameters(image_format=image_format, max_image_pixels=1_000_000))


def test_reduction_while_decoding_stays_close_to_a_full_reduction() -> None:
    body = encoded(photo(3000, 2000, seed=5), quality=95)
    stored = process_image(body, parameters(image_size=256, jpeg_quality=95))
    assert decode(body, at_least=enough_for((2000, 3000), (170, 256))).shape[0] < 2000
    full = np.asarray(Image.fromarray(decode(body)).resize((256, 170), Image.Resampling.LANCZOS))
    assert psnr(decode(stored.image), full) > 35


@pytest.mark.parametrize("ratio", [1.6, 1.95, 2.05, 2.2, 2.6, 2.93, 3.1, 5])
def test_a_reduced_pixel_is_made_of_all_that_it_covers(ratio: float) -> None:
    """Grain is averaged away as by areas, in no place less than in another: no bands of sharp and soft."""
    side = round(200 * ratio)
    grain = np.random.default_rng(0).normal(128, 40, (side, side, 3)).clip(0, 255).astype(np.uint8)
    by_area = np.asarray(Image.fromarray(grain).resize((200, 200), Image.Resampling.BOX))
    assert reduce(grain, (200, 200)).std() < 1.1 * by_area.std()
