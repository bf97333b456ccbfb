"""Texture, sharpness and brightness of images, against scikit-image and plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.feature import graycomatrix, graycoprops

from treeline.analyze.channels import count_channels
from treeline.analyze.detail import thumbnail
from treeline.analyze.image import grey_image, measure_image, sharpness
from treeline.analyze.texture import LEVELS, reduce_levels, texture

ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
GREY = arrays(np.uint8, st.tuples(st.integers(2, 12), st.integers(2, 12)))


@settings(max_examples=40)
@given(GREY)
def test_texture_is_that_of_skimage(grey: npt.NDArray[np.uint8]) -> None:
    levels = reduce_levels(grey).astype(np.uint8)
    matrix = graycomatrix(levels, [1], ANGLES, levels=LEVELS, symmetric=True, normed=True)
    found = texture(grey)
    for name in ("energy", "homogeneity", "contrast"):
        assert found[name] == pytest.approx(graycoprops(matrix, name).mean()), name
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -np.nansum(matrix * np.log2(matrix), axis=(0, 1))
    assert found["entropy"] == pytest.approx(bits.mean(), abs=1e-12)


def test_texture_of_other_types_spans_the_image() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (20, 30)).astype(np.uint8)
    grey[0, :2] = 0, 255
    scaled = grey.astype(np.float32) * 40 - 1000
    assert texture(scaled)["contrast"] == pytest.approx(texture(grey)["contrast"], rel=0.05)
    assert reduce_levels(scaled).min() == 0 and reduce_levels(scaled).max() == LEVELS - 1
    assert texture(np.full((3, 3), 7.5))["energy"] == 1


def test_a_single_pixel_has_no_texture() -> None:
    assert np.isnan(list(texture(np.zeros((1, 1), np.uint8)).values())).all()


def test_brightness_and_sharpness_are_those_of_the_definitions() -> None:
    image = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    facts = measure_image(image, count_channels(image))
    assert (facts.width, facts.height, facts.memory_bytes) == (60, 40, 7200)
    assert facts.brightness == pytest.approx((image @ [0.299, 0.587, 0.114]).mean())
    grey = np.rint(image @ [0.299, 0.587, 0.114])
    # OpenCV's kernel, and its borders: the pixel at the edge is not repeated.
    expected = ndimage.laplace(grey, mode="mirror").var()
    assert facts.sharpness == pytest.approx(expected, rel=1e-3)
    black = np.zeros((5, 7, 3), np.uint8)
    flat = measure_image(black, count_channels(black))
    assert (flat.brightness, flat.sharpness, flat.low, flat.high) == (0, 0, 0, 0)


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_low_and_high_are_percentiles_of_the_channels(image: npt.NDArray[np.uint8]) -> None:
    facts = measure_image(image, count_channels(image))
    flat = image.reshape(-1, 3)
    assert facts.low == pytest.approx(np.percentile(flat, 1, axis=0).min())
    assert facts.high == pytest.approx(np.percentile(flat, 99, axis=0).max())


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.uint8])
def test_rasters_have_a_grey_too(dtype: type[np.generic]) -> None:
    bands: npt.NDArray[Any] = np.random.default_rng(2).integers(0, 200, (9, 11, 5)).astype(dtype)
    grey = grey_image(bands)
    assert grey.shape == (9, 11) and grey.dtype == np.float32
    np.testing.assert_allclose(grey, bands.mean(2), rtol=1e-5)
    facts = measure_image(bands, count_channels(bands))
    assert facts.brightness == pytest.approx(bands.mean(), rel=1e-6) and facts.sharpness > 0


def test_gaps_of_a_raster_do_not_spread() -> None:
    bands = np.random.default_rng(2).normal(100, 5, (20, 20, 2)).astype(np.float32)
    whole = sharpness(grey_image(bands))
    bands[3:5, 3:5] = np.nan
    assert 0.5 * whole < sharpness(grey_image(bands)) < 1.5 * whole
    assert np.isfinite(grey_image(np.full((4, 4, 1), np.nan, np.float32))).all()


def test_large_images_are_reduced() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 4096, 3), dtype=np.uint8)
    assert grey_image(image).shape == (7, 1024)
    assert grey_image(image[:, :1]).shape == (30, 1)


@settings(max_examples=10)
@given(st.integers(1, 5), st.sampled_from([16, 32, 48]))
def test_a_thumbnail_is_the_mean_of_what_it_covers(channels: int, side: int) -> None:
    image = np.random.default_rng(side).integers(0, 60_000, (side, 2 * side, channels)).astype(np.uint16)
    down, right = side // 16, 2 * side // 16
    expected = image.reshape(16, down, 16, right, channels).mean((1, 3))
    np.testing.assert_allclose(thumbnail(image), expected, rtol=1e-5)
