"""Moments and histograms, against SciPy and scikit-image."""

from __future__ import annotations

from functools import reduce

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from skimage.measure import shannon_entropy

from treeline.io import moments as moments_module
from treeline.io.histograms import byte_histograms, energy, entropy, histograms_of, homogeneity
from treeline.io.moments import Moments

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
IMAGES = st.one_of(
    arrays.arrays(np.uint8, SHAPES),
    arrays.arrays(np.uint16, SHAPES),
    arrays.arrays(np.int32, SHAPES, elements=st.integers(-1000, 1000)),
    arrays.arrays(np.float32, SHAPES, elements=st.floats(-1000, 1000, width=32)),
)


def as_rows(image: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return image.reshape(-1, image.shape[2]).astype(np.float64)


def check(found: Moments, rows: npt.NDArray[np.float64]) -> None:
    np.testing.assert_array_equal(found.count, len(rows))
    np.testing.assert_array_equal(found.min, rows.min(axis=0))
    np.testing.assert_array_equal(found.max, rows.max(axis=0))
    scale = np.abs(rows).max() + 1
    np.testing.assert_allclose(found.mean, rows.mean(axis=0), rtol=1e-12, atol=1e-13 * scale)
    np.testing.assert_allclose(found.variance, rows.var(axis=0), rtol=1e-9, atol=1e-13 * scale**2)
    spread = rows.std(axis=0) > 1e-6 * scale  # else SciPy itself warns that it has lost its digits
    np.testing.assert_allclose(found.skewness[spread], stats.skew(rows)[spread], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.kurtosis[spread], stats.kurtosis(rows)[spread], rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@settings(max_examples=40)
@given(IMAGES)
def test_same_as_scipy(image: npt.NDArray[np.generic]) -> None:
    check(Moments.of(image), as_rows(image))


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@settings(max_examples=20)
@given(st.lists(arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))), min_size=1))
def test_merged_in_any_way(images: list[npt.NDArray[np.uint8]]) -> None:
    rows = np.concatenate([as_rows(image) for image in images])
    nothing = Moments.nothing(3)
    one_by_one = reduce(Moments.update, images, nothing)
    from_the_end = reduce(lambda found, image: Moments.of(image).merge(found), reversed(images), nothing)
    check(one_by_one, rows)
    check(from_the_end, rows)


def test_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments_module, "VALUES_AT_ONCE", 100)
    image = np.random.default_rng(0).normal(5, 2, (31, 17, 2))
    check(Moments.of(image), as_rows(image))


def test_a_trillion_pixels() -> None:
    """By doubling: mean and moments of many copies are those of one."""
    image = np.random.default_rng(0).integers(200, 256, (100, 100, 3)).astype(np.uint8)
    one = many = Moments.of(image)
    for _ in range(27):
        many = many.merge(many)
    assert many.count[0] > 1e12
    np.testing.assert_allclose(many.mean, one.mean, rtol=1e-13)
    np.testing.assert_allclose(many.variance, one.variance, rtol=1e-13)
    np.testing.assert_allclose(many.skewness, one.skewness, rtol=1e-12)
    np.testing.assert_allclose(many.kurtosis, one.kurtosis, rtol=1e-12)


def test_missing_pixels_do_not_count() -> None:
    image = np.arange(24, dtype=np.float64).reshape(4, 3, 2)
    holes = image.copy()
    holes[0, 0, 0], holes[1, 1, 1] = np.nan, np.inf
    masked = np.ma.MaskedArray(image, ~np.isfinite(holes))
    for bands in (holes, masked):
        found = Moments.of(bands)
        for channel in range(2):
            values = image[..., channel][np.isfinite(holes[..., channel])]
            assert found.count[channel] == 11
            assert found.mean[channel] == pytest.approx(values.mean())
            assert found.kurtosis[channel] == pytest.approx(stats.kurtosis(values))
        assert histograms_of(bands).sum(axis=1).tolist() == [11, 11]


def test_nothing_and_all_alike() -> None:
    empty = Moments.of(np.full((2, 2, 1), np.nan))
    assert np.isnan([empty.variance, empty.skewness, empty.kurtosis]).all()
    alike = Moments.of(np.full((7, 3, 2), 0.1))
    assert alike.variance == pytest.approx([0, 0], abs=1e-30)
    assert np.isnan([alike.skewness, alike.kurtosis]).all()


@settings(max_examples=20)
@given(arrays.arrays(np.uint8, SHAPES))
def test_histograms(image: npt.NDArray[np.uint8]) -> None:
    counts = byte_histograms(image)
    for channel in range(image.shape[2]):
        values = image[..., channel].ravel()
        np.testing.assert_array_equal(counts[channel], np.bincount(values, minlength=256))
        differences = np.subtract.outer(values.astype(float), values.astype(float))
        assert entropy(counts)[channel] == pytest.approx(shannon_entropy(values, base=2))
        assert energy(counts)[channel] == pytest.approx((differences == 0).mean())
        assert homogeneity(counts)[channel] == pytest.approx((1 / (1 + differences**2)).mean())
