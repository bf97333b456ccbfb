"""What is measured of rasters, against esda, scikit-gstat and spectral."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import spectral
from scipy.ndimage import gaussian_filter
from skgstat import Variogram

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own imports
    from esda import Moran
    from libpysal.weights import lat2W

from treeline.analyze.autocorrelation import MOST_LAG, middle, moran, semivariance, variogram_pairs
from treeline.analyze.detail import measure_detail
from treeline.analyze.parts import PixelSample
from treeline.analyze.raster_tables import anomaly_rows, endmember_rows, moran_rows, variogram_rows
from treeline.analyze.spectra import anomaly_scores, purity_hits, random_directions


def smooth(height: int, width: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return 1000 + 50 * gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 1.5)


@pytest.mark.parametrize(("height", "width"), [(3, 4), (12, 9), (1, 7), (20, 20)])
def test_moran_is_that_of_esda(height: int, width: int) -> None:
    band = smooth(height, width)
    theirs = Moran(band.ravel(), lat2W(height, width), transformation="B", permutations=0)
    found = moran(band)
    assert found.moran == pytest.approx(theirs.I)
    assert found.expected == pytest.approx(theirs.EI)
    assert found.z == pytest.approx(theirs.z_norm)


def test_moran_tells_likes_from_unlikes() -> None:
    rows, columns = np.mgrid[:16, :16]
    assert moran(((rows + columns) % 2).astype(float)).moran == pytest.approx(-1)
    assert moran((columns < 8).astype(float)).moran > 0.9
    assert np.isnan(moran(np.full((5, 5), 3.0)).moran)
    assert np.isnan(moran(np.full((5, 5), np.nan)).moran)


def test_moran_leaves_gaps_out() -> None:
    band = smooth(10, 10)
    cut = band.copy()
    cut[:, 6:] = np.nan
    assert moran(cut) == pytest.approx(moran(band[:, :6]))


@pytest.mark.parametrize(("height", "width"), [(14, 11), (1, 40), (9, 2)])
def test_variogram_is_that_of_skgstat(height: int, width: int) -> None:
    band = smooth(height, width)
    rows, columns = np.mgrid[:height, :width]
    places = np.column_stack([rows.ravel(), columns.ravel()])
    lags = int(min(MOST_LAG, np.hypot(height - 1, width - 1)))
    # A class of theirs has not its upper bound, one of ours has.
    bounds = np.arange(1, lags + 1) + 1e-6
    theirs = Variogram(places, band.ravel(), bin_func=bounds, fit_method=None)
    pairs = variogram_pairs(band)
    np.testing.assert_allclose(semivariance(pairs)[:lags], theirs.experimental, rtol=1e-9)
    assert pairs.counts[:lags].tolist() == theirs.bin_count.tolist()


def test_variogram_of_gaps_is_by_definition() -> None:
    band = smooth(7, 6)
    band[2:4, 1:3] = np.nan
    rows, columns = np.nonzero(np.isfinite(band))
    squares, counts = np.zeros(MOST_LAG), np.zeros(MOST_LAG, np.int64)
    for one in range(len(rows)):
        for other in range(one):
            distance = np.hypot(rows[one] - rows[other], columns[one] - columns[other])
            squares[int(np.ceil(distance)) - 1] += (
                band[rows[one], columns[one]] - band[rows[other], columns[other]]
            ) ** 2
            counts[int(np.ceil(distance)) - 1] += 1
    pairs = variogram_pairs(band)
    np.testing.assert_allclose(pairs.squares, squares, rtol=1e-9)
    assert np.array_equal(pairs.counts, counts)


def test_variogram_of_nothing() -> None:
    pairs = variogram_pairs(np.full((4, 4), np.nan))
    assert pairs.counts.sum() == 0 and np.isnan(semivariance(pairs)).all()


def test_anomalies_are_those_of_spectral() -> None:
    cube = np.random.default_rng(4).multivariate_normal([10, 20, 30], [[4, 2, 0], [2, 5, 1], [0, 1, 3]], (15, 12))
    np.testing.assert_allclose(anomaly_scores(cube.reshape(-1, 3)), spectral.rx(cube).ravel())


def test_a_planted_pixel_is_the_most_anomalous() -> None:
    image = np.random.default_rng(4).normal(100, 5, (600, 520, 3)).astype(np.float32)
    image[300, 200] = 100, 190, 20
    image[301, 201] = np.nan
    found = measure_detail(3, image, is_raster=True)
    assert (found.anomalies[0].x, found.anomalies[0].y) == (200, 300) and len(found.anomalies) == 5
    rows = anomaly_rows([found], {3: "a.tif"})
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5] and rows[0]["image_path"] == "a.tif"


def test_bands_that_repeat_others_change_no_score() -> None:
    spectra = np.random.default_rng(1).normal(size=(200, 2))
    repeated = np.column_stack([spectra, spectra[:, 0]])
    np.testing.assert_allclose(anomaly_scores(repeated), anomaly_scores(spectra))
    assert np.isnan(anomaly_scores(spectra[:2])).all()


def test_purity_is_that_of_spectral(capsys: pytest.CaptureFixture[str]) -> None:
    cube = np.random.default_rng(4).gamma(2, 20, (15, 12, 4))
    np.random.seed(11)
    theirs = spectral.ppi(cube, 200)
    capsys.readouterr()  # its progress
    np.random.seed(11)
    directions = np.array([np.random.rand(4) - 0.5 for _ in range(200)])
    assert np.array_equal(purity_hits(cube.reshape(-1, 4), directions), theirs.ravel())


def test_directions_are_unit_vectors() -> None:
    directions = random_directions(5)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.abs(directions.mean(0)).max() < 0.05


def test_the_purest_pixels_are_the_corners_of_a_mixture() -> None:
    random = np.random.default_rng(8)
    corners = np.array([[1000.0, 0, 0], [0, 1000, 0], [0, 0, 1000]])
    values = random.dirichlet([2, 2, 2], 500) @ corners
    values[[7, 70, 170]] = corners
    values[3] = np.nan
    sample = PixelSample(np.full(500, 4), np.arange(500) % 20, np.arange(500) // 20, values)
    rows = endmember_rows(sample, ["one", "two", "three"])
    purest = {(row["x"], row["y"]) for row in rows if row["rank"] <= 3}
    assert purest == {(7, 0), (10, 3), (10, 8)}
    assert [row["band"] for row in rows[:3]] == ["one", "two", "three"] and rows[0]["id"] == 4
    assert endmember_rows(sample._replace(values=np.full((500, 3), np.nan)), ["one", "two", "three"]) == []


def test_rasters_are_put_together_by_their_pairs() -> None:
    images = [np.stack([smooth(20, 30, seed), smooth(20, 30, seed + 9)], axis=-1) for seed in (1, 2)]
    details = [measure_detail(number, image, is_raster=True) for number, image in enumerate(images)]
    rows: list[dict[str, Any]] = [row for row in variogram_rows(details, ["one", "two"]) if row["band"] == "two"]
    both = [variogram_pairs(image[..., 1]) for image in images]
    assert rows[4]["pairs"] == both[0].counts[4] + both[1].counts[4]
    assert rows[4]["semivariance"] == pytest.approx((both[0].squares[4] + both[1].squares[4]) / 2 / rows[4]["pairs"])
    assert [(row["id"], row["band"]) for row in moran_rows(details, ["one", "two"])] == [
        (0, "one"),
        (0, "two"),
        (1, "one"),
        (1, "two"),
    ]


def test_the_middle_of_an_image() -> None:
    image = np.arange(300 * 200).reshape(300, 200, 1)
    assert middle(image).shape == (128, 128, 1) and middle(image)[0, 0, 0] == image[86, 36, 0]
    assert middle(image[:10]).shape == (10, 128, 1)
