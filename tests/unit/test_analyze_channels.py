"""Moments and percentiles of channels, against SciPy and NumPy, and in any division."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from treeline.analyze.channel_tables import channel_rows, histogram_rows
from treeline.analyze.channels import all_together, count_channels, means_of, moments_of
from treeline.analyze.tables import PERCENTILES
from treeline.io.moments import Moments

NAMES = ("red", "green", "blue")
BYTE_IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))
REAL_IMAGES = arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(2)),
    elements=st.floats(-1000, 1000, width=32) | st.just(np.nan),
)


def expected(values: npt.NDArray[Any]) -> dict[str, float]:
    """What SciPy and NumPy say of a channel."""
    plain = values.astype(np.float64)
    return {
        "count": plain.size,
        "min": plain.min(),
        "max": plain.max(),
        "mean": plain.mean(),
        "variance": plain.var(),
        "skewness": stats.skew(plain),
        "kurtosis": stats.kurtosis(plain),
        "median": np.median(plain),
        **{f"p{percent}": np.percentile(plain, percent) for percent in PERCENTILES},
    }


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(BYTE_IMAGES)
def test_bytes_are_as_scipy_says(image: npt.NDArray[np.uint8]) -> None:
    rows = channel_rows(count_channels(image), np.empty((0, 3)), NAMES)
    for channel, row in enumerate(rows):
        for name, value in expected(image[..., channel].ravel()).items():
            assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name
        shares = np.bincount(image[..., channel].ravel()) / image[..., channel].size
        assert row["entropy"] == pytest.approx(stats.entropy(shares, base=2))
        assert row["energy"] == pytest.approx((shares**2).sum())


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64])
def test_other_types_are_as_scipy_says(dtype: type[np.generic]) -> None:
    image = np.random.default_rng(1).gamma(2, 900, (40, 30, 2)).astype(dtype)
    rows = channel_rows(count_channels(image), image.reshape(-1, 2).astype(np.float64), ("one", "two"))
    for channel, row in enumerate(rows):
        for name, value in expected(image[..., channel].ravel()).items():
            assert row[name] == pytest.approx(value, rel=1e-6), name


@given(st.lists(BYTE_IMAGES, min_size=1, max_size=6))
def test_counts_of_parts_are_those_of_the_whole(images: list[npt.NDArray[np.uint8]]) -> None:
    merged = all_together({str(place): count_channels(image) for place, image in enumerate(images)})
    whole = count_channels(np.concatenate([image.reshape(1, -1, 3) for image in images], axis=1))
    assert isinstance(merged, np.ndarray) and np.array_equal(merged, whole)
    assert merged.sum() == sum(image.size for image in images)


@given(st.lists(REAL_IMAGES, min_size=1, max_size=5))
def test_moments_of_parts_are_those_of_the_whole(images: list[npt.NDArray[np.float32]]) -> None:
    merged = moments_of(all_together({str(place): count_channels(image) for place, image in enumerate(images)}))
    whole = moments_of(count_channels(np.concatenate([image.reshape(1, -1, 2) for image in images], axis=1)))
    assert np.array_equal(merged.count, whole.count)
    assert np.array_equal(merged.min, whole.min) and np.array_equal(merged.max, whole.max)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(merged.variance, whole.variance, rtol=1e-9, atol=1e-6)


def test_missing_values_are_left_out() -> None:
    image = np.array([[[1.0, np.nan], [np.inf, np.nan], [3.0, np.nan]]])
    one, none = channel_rows(count_channels(image), image.reshape(-1, 2), ("one", "none"))
    assert (one["count"], one["mean"], one["variance"], one["max"]) == (2, 2, 1, 3)
    assert none["count"] == 0 and np.isnan([none["mean"], none["min"], none["p5"], none["skewness"]]).all()


def test_a_flat_channel_has_no_skewness() -> None:
    row = channel_rows(count_channels(np.full((4, 4, 1), 7, np.uint8)), np.empty((0, 1)), ("grey",))[0]
    assert (row["mean"], row["variance"], row["p99"], row["entropy"], row["energy"]) == (7, 0, 7, 0, 1)
    assert np.isnan(row["skewness"]) and np.isnan(row["kurtosis"])


def test_histogram_of_bytes_is_exact() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    rows = histogram_rows(count_channels(image), np.empty((0, 1)), ("grey",))
    assert [row["bin_low"] for row in rows] == list(range(256))
    assert {row["count"] for row in rows} == {1}


def test_means_of_both_kinds_agree() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    np.testing.assert_allclose(means_of(count_channels(image)), means_of(Moments.of(image)))
