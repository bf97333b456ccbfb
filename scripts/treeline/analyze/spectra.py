"""Pixels whose spectra stand out: anomalies, and the purest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Spectra = npt.NDArray[np.float64]
"""Pixels x bands."""

DIRECTIONS = 1000
"""Directions that the spectra are seen from, for the pixel purity index."""


def anomaly_scores(spectra: Spectra) -> npt.NDArray[np.float64]:
    """Squared Mahalanobis distance of each pixel from the mean of all: the detector of Reed and Xiaoli.

    (Adaptive multiple-band CFAR detection of an optical pattern with unknown spectral distribution, 1990; here the
    whole raster is the background.) Bands that say nothing new are left out of account by the pseudo-inverse.

    Returns:
        A score a pixel; NaN for pixels that lack a value.
    """
    scores = np.full(len(spectra), np.nan)
    there = np.isfinite(spectra).all(1)
    if there.sum() > spectra.shape[1]:
        difference = spectra[there] - spectra[there].mean(0)
        inverse = np.linalg.pinv(difference.T @ difference / (len(difference) - 1), hermitian=True)
        scores[there] = np.einsum("ij,ij->i", difference @ inverse, difference)
    return scores


def purity_hits(spectra: Spectra, directions: Spectra) -> npt.NDArray[np.int64]:
    """Pixel purity index: how often each pixel is the first or the last, seen from each of the directions.

    (Boardman, Kruse, Green: Mapping target signatures via partial unmixing of AVIRIS data, 1995.)

    Args:
        spectra: Of the pixels, none missing.
        directions: Directions x bands.
    """
    hits = np.zeros(len(spectra), np.int64)
    centred = spectra - spectra.mean(0)
    for direction in directions:
        seen = centred @ direction
        hits[[seen.argmin(), seen.argmax()]] += 1
    return hits


def random_directions(bands: int, seed: int = 0) -> Spectra:
    """Directions that are evenly distributed."""
    drawn = np.random.default_rng(seed).standard_normal((DIRECTIONS, bands))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
