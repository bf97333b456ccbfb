"""Correlations, colour spaces and principal components, against SciPy, scikit-learn and scikit-image."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from skimage import color
from sklearn.decomposition import PCA
from sklearn.metrics import mutual_info_score

from treeline.analyze.colours import BINS, bin_codes, colour_histograms, correlations
from treeline.analyze.components import channel_components, principal_components
from treeline.analyze.sampling import choose_pixels, pixels_an_image
from treeline.io.sampling import choose_images, draw_images, scramble

NAMES = ("red", "green", "blue", "infrared")


@pytest.fixture(scope="module")
def pixels() -> npt.NDArray[np.float64]:
    """Values with ties and a bent relation, as bytes of photos have them."""
    random = np.random.default_rng(3)
    light = random.gamma(3, 25, 4000)
    channels = [light, 0.8 * light + random.normal(0, 20, 4000), np.sqrt(light) * 15, random.uniform(0, 255, 4000)]
    return np.clip(np.rint(np.stack(channels, axis=1)), 0, 255)


def found(values: npt.NDArray[np.float64], kind: str) -> dict[tuple[str, str], float]:
    return {(row["first"], row["second"]): row["value"] for row in correlations(values, NAMES) if row["kind"] == kind}


def by_residuals(values: npt.NDArray[np.float64], one: int, other: int) -> float:
    """Partial correlation by its definition: of what regressions on all other channels leave over."""
    others = [channel for channel in range(values.shape[1]) if channel not in (one, other)]
    design = np.column_stack([np.ones(len(values)), values[:, others]])
    left = [
        values[:, channel] - design @ np.linalg.lstsq(design, values[:, channel], rcond=None)[0]
        for channel in (one, other)
    ]
    return float(stats.pearsonr(*left).statistic)


def test_correlations_are_as_others_say(pixels: npt.NDArray[np.float64]) -> None:
    codes = bin_codes(pixels)
    oracles: dict[str, Any] = {
        "pearson": lambda one, other: stats.pearsonr(pixels[:, one], pixels[:, other]).statistic,
        "spearman": lambda one, other: stats.spearmanr(pixels[:, one], pixels[:, other]).statistic,
        "mutual_information": lambda one, other: mutual_info_score(codes[:, one], codes[:, other]),
        "partial": lambda one, other: by_residuals(pixels, one, other),
    }
    for kind, oracle in oracles.items():
        values = found(pixels, kind)
        assert list(values) == list(combinations(NAMES, 2))
        for one, other in combinations(range(4), 2):
            assert values[NAMES[one], NAMES[other]] == pytest.approx(oracle(one, other), abs=1e-9), kind


def test_bins_are_those_of_numpy(pixels: npt.NDArray[np.float64]) -> None:
    for channel in range(4):
        counts, _ = np.histogram(pixels[:, channel], BINS)
        assert np.array_equal(np.bincount(bin_codes(pixels)[:, channel], minlength=BINS), counts)


def test_channels_without_relation_or_value(pixels: npt.NDArray[np.float64]) -> None:
    flat = pixels.copy()
    flat[:, 1] = 7
    flat[5, 0] = np.nan
    assert np.isnan(found(flat, "pearson")["red", "green"])
    assert found(flat, "mutual_information")["red", "green"] == 0
    assert found(flat, "pearson")["red", "blue"] == pytest.approx(
        stats.pearsonr(*np.delete(flat, 5, axis=0)[:, [0, 2]].T).statistic
    )
    mixed = pixels.copy()
    mixed[:, 3] = pixels[:, 0] + pixels[:, 1]
    assert np.isnan(list(found(mixed, "partial").values())).all()


def test_nothing_to_correlate() -> None:
    values = {row["kind"]: row["value"] for row in correlations(np.full((2, 2), np.nan), ("one", "two"))}
    assert list(values) == ["pearson", "spearman", "mutual_information"]
    assert np.isnan(list(values.values())).all()


@pytest.mark.parametrize(
    ("space", "convert", "scale"), [("hsv", color.rgb2hsv, (360, 1, 1)), ("lab", color.rgb2lab, (1, 1, 1))]
)
def test_colour_spaces_are_those_of_skimage(space: str, convert: Any, scale: tuple[float, ...]) -> None:
    rgb = np.random.default_rng(2).uniform(0, 255, (3000, 3))  # none on an edge of a bin
    rows = [row for row in colour_histograms(rgb) if row["space"] == space]
    theirs = convert(rgb[None] / 255)[0] * scale
    for channel, name in enumerate(dict.fromkeys(row["channel"] for row in rows)):
        bins = [row for row in rows if row["channel"] == name]
        edges = [bins[0]["bin_low"], *(row["bin_high"] for row in bins)]
        counts, _ = np.histogram(theirs[:, channel], edges)
        ours = np.array([row["count"] for row in bins])
        assert ours.sum() == 3000
        # Their tables of the same standard differ in the fourth digit: a few values fall into the next bin.
        assert np.abs(np.cumsum(counts) - np.cumsum(ours)).max() <= 15


def test_components_are_those_of_sklearn(pixels: npt.NDArray[np.float64]) -> None:
    theirs = PCA(svd_solver="full").fit(pixels)
    rows = channel_components(pixels, NAMES)
    explained = [row["explained"] for row in rows[::4]]
    np.testing.assert_allclose(explained, theirs.explained_variance_ratio_)
    loadings = np.array([row["loading"] for row in rows]).reshape(4, 4)
    signs = np.sign((loadings * theirs.components_).sum(1))[:, None]
    np.testing.assert_allclose(loadings, theirs.components_ * signs, atol=1e-9)
    assert (np.take_along_axis(loadings, np.abs(loadings).argmax(1)[:, None], 1) > 0).all()


@pytest.mark.parametrize("values", [np.empty((0, 3)), np.ones((1, 3)), np.ones((5, 3))])
def test_nothing_varies(values: npt.NDArray[np.float64]) -> None:
    assert len(principal_components(values, 3).explained) == 0


def test_the_sample_does_not_hang_on_the_order() -> None:
    ids = np.arange(0, 3000, 3)
    chosen = choose_images(ids, 100)
    assert chosen == choose_images(ids[::-1], 100) and len(chosen) == 100
    assert choose_images(ids, 5000) == frozenset(ids.tolist())
    # One with more samples chosen holds those of one with fewer.
    assert chosen < choose_images(ids, 200)
    first, rest = np.split(ids, [700])
    assert chosen == set(draw_images(np.append(draw_images(first, 100), rest), 100).tolist())
    assert 0.4 < np.mean(sorted(chosen)) / ids.mean() - 0.5 < 0.6


def test_pixels_are_chosen_all_over_the_image() -> None:
    places = choose_pixels(7, 10_000, 50)
    assert np.array_equal(places // 200, np.arange(50))
    assert not np.array_equal(places, choose_pixels(8, 10_000, 50))
    assert np.array_equal(choose_pixels(7, 30, 50), np.arange(30))
    assert pixels_an_image(10**6, 3) == 1 and pixels_an_image(2, 3) == 2**16


def test_scrambled_numbers_are_the_published_ones() -> None:
    # The first two outputs of SplitMix64 from the seed 0, whose state grows by the golden ratio at each.
    golden = np.array([0, 0x9E3779B97F4A7C15], np.uint64).astype(np.int64)
    assert scramble(golden).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
