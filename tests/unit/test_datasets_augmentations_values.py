"""What augmentations do to values of each type, beside Pillow, scikit-image and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter
from skimage.color import hsv2rgb, rgb2hsv
from skimage.exposure import adjust_gamma

from tests.augmentation_lists import NEEDED, augmentations, certain, one_thread
from treeline.errors import ImageError

__all__ = ["one_thread"]  # for pytest

TYPES = ["uint8", "uint16", "float32", "float64"]
UNCHANGED = {
    "brightness": {"factor": [1, 1]},
    "contrast": {"factor": [1, 1]},
    "saturation": {"factor": [1, 1]},
    "hue": {"turn": [0, 0]},
    "colour_jitter": {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]},
    "gamma": {"gamma": [1, 1]},
    "gaussian_noise": {"std": [0, 0]},
    "gaussian_blur": {"sigma": [0.01, 0.01]},
}
"""Options that change nothing."""


def most(dtype: str) -> int:
    return int(np.iinfo(dtype).max) if dtype.startswith("uint") else 1


def picture(dtype: str = "uint8", *, seed: int = 1, bands: int = 3) -> npt.NDArray[Any]:
    """Noise from the least value to the greatest, C x H x W."""
    values = np.random.default_rng(seed).random((bands, 12, 15))
    values[0, 0, :2] = 0, 1
    return (values * most(dtype)).astype(dtype)


def changed(image: npt.NDArray[Any], *entries: dict[str, Any], seed: int = 0) -> npt.NDArray[Any]:
    sample = {"image": torch.from_numpy(image), "target": 0, "id": 0}
    found: npt.NDArray[Any] = augmentations(*entries)(sample, np.random.default_rng(seed))["image"].numpy()
    return found


def shares(image: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Values as shares of their range, H x W x C."""
    return np.moveaxis(image / most(str(image.dtype)), 0, -1).astype(np.float64)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", UNCHANGED)
def test_the_whole_range_comes_back(name: str, dtype: str) -> None:
    found = changed(picture(dtype), certain(name, **UNCHANGED[name]))
    assert found.dtype == dtype
    assert np.abs(found.astype(np.float64) - picture(dtype)).max() <= (1e-5 if most(dtype) == 1 else 0.5)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", [*UNCHANGED, "grayscale", "solarize", "posterize"])
def test_types_mean_the_same(name: str, dtype: str) -> None:
    """A byte, the same as a share of 65,535 and as one of 1 come out alike."""
    bytes_ = picture("uint8")
    same = bytes_.astype("uint16") * 257 if dtype == "uint16" else (bytes_ / most("uint8") * most(dtype)).astype(dtype)
    found, expected = (shares(changed(image, certain(name), seed=4)) for image in (same, bytes_))
    assert np.allclose(found, expected, atol=0.02 if name == "posterize" else 1.01 / 255)


@pytest.mark.parametrize("dtype", TYPES)
def test_brightness_and_contrast(dtype: str) -> None:
    image = picture(dtype)
    brighter = changed(image, certain("brightness", factor=[1.5, 1.5]))
    assert np.allclose(shares(brighter), np.clip(shares(image) * 1.5, 0, 1), atol=0.51 / 255)
    flat = changed(image, certain("contrast", factor=[0, 0]))
    grey = shares(image) @ [0.299, 0.587, 0.114]
    assert np.allclose(shares(flat), grey.mean(), atol=0.51 / 255)
    bands = picture(dtype, bands=5)
    assert np.allclose(
        shares(changed(bands, certain("contrast", factor=[0, 0]))), shares(bands).mean(), atol=0.51 / 255
    )


@given(st.floats(-0.5, 0.5), st.floats(0, 2), st.integers(0, 9))
def test_hue_and_saturation_are_those_of_scikit_image(turn: float, factor: float, seed: int) -> None:
    image = picture("float64", seed=seed)
    hsv = rgb2hsv(shares(image))
    turned = hsv2rgb(np.stack([(hsv[..., 0] + turn) % 1, hsv[..., 1], hsv[..., 2]], axis=-1))
    assert np.allclose(shares(changed(image, certain("hue", turn=[turn, turn]))), turned, atol=1e-4)
    saturated = hsv2rgb(np.stack([hsv[..., 0], np.clip(hsv[..., 1] * factor, 0, 1), hsv[..., 2]], axis=-1))
    assert np.allclose(shares(changed(image, certain("saturation", factor=[factor, factor]))), saturated, atol=1e-4)


@given(st.floats(0.2, 5), st.integers(0, 9))
def test_gamma_is_that_of_scikit_image(gamma: float, seed: int) -> None:
    image = picture("float64", seed=seed)
    found = changed(image, certain("gamma", gamma=[gamma, gamma]))
    assert np.allclose(shares(found), adjust_gamma(shares(image), gamma), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.3, 1, 2.5])
def test_blur_is_that_of_scipy(sigma: float) -> None:
    image = picture("float64")
    radius = int(np.ceil(3 * sigma))
    expected = [gaussian_filter(band, sigma, mode="nearest", radius=radius) for band in image]
    assert np.allclose(changed(image, certain("gaussian_blur", sigma=[sigma, sigma])), expected, atol=1e-5)


def test_noise_has_its_standard_deviation() -> None:
    grey = np.full((3, 100, 100), 32_768, dtype=np.uint16)
    noise = (changed(grey, certain("gaussian_noise", std=[0.02, 0.02])).astype(np.float64) - grey) / 65_535
    assert noise.std() == pytest.approx(0.02, rel=0.05)
    assert noise.mean() == pytest.approx(0, abs=0.001)
    assert abs(np.corrcoef(noise.reshape(3, -1))[0, 1]) < 0.05


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_posterize_solarize_and_grayscale_are_those_of_pillow(bits: int) -> None:
    image = picture()
    pillow = Image.fromarray(np.moveaxis(image, 0, -1))
    posterized = np.moveaxis(np.asarray(ImageOps.posterize(pillow, bits)), -1, 0)
    assert np.array_equal(changed(image, certain("posterize", bits=[bits, bits])), posterized)
    solarized = np.moveaxis(np.asarray(ImageOps.solarize(pillow, 128)), -1, 0)
    assert np.array_equal(changed(image, certain("solarize", threshold=[0.5, 0.5])), solarized)
    grey = changed(image, certain("grayscale"))
    assert np.abs(grey.astype(int) - np.asarray(ImageOps.grayscale(pillow))).max() <= 1


def test_posterize_keeps_the_highest_bits_of_16() -> None:
    found = changed(picture("uint16"), certain("posterize", bits=[5, 5]))
    assert np.array_equal(found, picture("uint16") >> 11 << 11)


@pytest.mark.parametrize("dtype", [*TYPES, "int16"])
def test_erasing(dtype: str) -> None:
    image = np.full((4, 20, 30), 9, dtype=dtype)
    for seed in range(20):
        erased = changed(image, certain("erasing", area=[0.1, 0.3]), seed=seed)
        rows, columns = np.nonzero(erased[0] == 0)
        part = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        assert not erased[:, *part].any() and (erased == 0).sum() == erased[:, *part].size
        assert 0.07 <= (erased == 0).mean() <= 0.35


@pytest.mark.parametrize("dtype", TYPES)
def test_to_float_and_normalise(dtype: str) -> None:
    image = picture(dtype)
    assert np.allclose(np.moveaxis(changed(image, certain("to_float")), 0, -1), shares(image), atol=1e-6)
    divided = changed(image, certain("to_float", divide_by=50))
    assert divided.dtype == np.float32 and np.allclose(divided, image / 50, rtol=1e-6)
    mean, std = ([[[number]] for number in NEEDED["normalise"][name]] for name in ("mean", "std"))
    normalised = changed(image, certain("to_float"), certain("normalise"))
    assert np.allclose(normalised, (image / most(dtype) - mean) / std, atol=1e-4)


@pytest.mark.parametrize(
    ("image", "entry", "problem"),
    [
        (np.zeros((3, 4, 4), dtype=np.int16), certain("gamma"), "gamma: values of type int16 have no range"),
        (np.zeros((3, 4, 4), dtype=np.int32), certain("to_float"), "int32 have no range; give `divide_by`"),
        (np.full((3, 4, 4), 1.5), certain("hue"), "hue: floats are from 0 to 1, and one is 1.5"),
        (np.full((3, 4, 4), -0.5), certain("gaussian_noise"), "put `to_float` with `divide_by` before it"),
        (np.zeros((3, 4, 4), dtype=np.uint8), certain("normalise"), "whole numbers; put `to_float` before it"),
    ],
)
def test_refused_values(image: npt.NDArray[Any], entry: dict[str, Any], problem: str) -> None:
    with pytest.raises(ImageError, match=problem):
        changed(image, entry)


@pytest.mark.parametrize("name", ["contrast", "gamma", "gaussian_blur", "gaussian_noise", "solarize", "hue"])
def test_what_is_missing_stays_missing_alone(name: str) -> None:
    image = picture("float32")
    image[:, 3, 4] = np.nan
    found = changed(image, certain(name))
    assert np.array_equal(np.isnan(found), np.isnan(image))
    image[:, 3, 4] = np.nanmean(image, axis=(1, 2))
    filled = changed(image, certain(name))
    assert np.allclose(np.where(np.isnan(found), filled, found), filled, atol=1e-5)
    image[0, 0, 0] = np.inf
    with pytest.raises(ImageError, match="one is inf"):
        changed(image, certain(name))


def test_rasters_of_other_types_are_divided_first() -> None:
    image = np.arange(-100, 92, dtype=np.int16).reshape(3, 8, 8)
    scaled = changed(np.abs(image), certain("to_float", divide_by=100), certain("gamma", gamma=[2, 2]))
    assert np.allclose(scaled, (np.abs(image) / 100) ** 2, atol=1e-5)
