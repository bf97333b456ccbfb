"""From what was measured of sampled rasters to their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from treeline.analyze.autocorrelation import MOST_LAG, Pairs, semivariance
from treeline.analyze.detail import Detail
from treeline.analyze.parts import PixelSample
from treeline.analyze.spectra import purity_hits, random_directions

ENDMEMBERS = 10
"""Pixels: the purest."""


def moran_rows(details: Sequence[Detail], bands: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `moran`."""
    return [
        {"id": detail.id, "band": band, **found._asdict()}
        for detail in details
        for band, found in zip(bands, detail.moran, strict=True)
    ]


def variogram_rows(details: Sequence[Detail], bands: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `variogram`: the pairs of all rasters taken together."""
    rows: list[dict[str, Any]] = []
    if not details:
        return rows
    for place, band in enumerate(bands):
        of_band = [detail.pairs[place] for detail in details]
        squares = np.sum([pairs.squares for pairs in of_band], axis=0)
        counts = np.sum([pairs.counts for pairs in of_band], axis=0)
        values = semivariance(Pairs(squares, counts))
        rows.extend(
            {"band": band, "lag": float(lag), "semivariance": float(values[lag - 1]), "pairs": int(counts[lag - 1])}
            for lag in range(1, MOST_LAG + 1)
            if counts[lag - 1]
        )
    return rows


def anomaly_rows(details: Sequence[Detail], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Rows of the table `anomalies`; names are those of the images by id."""
    return [
        {"id": detail.id, "image_path": names[detail.id], "rank": rank, **anomaly._asdict()}
        for detail in details
        for rank, anomaly in enumerate(detail.anomalies, start=1)
    ]


def endmember_rows(sample: PixelSample, bands: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table `endmembers`, of the sampled pixels."""
    spectra = sample.values.astype(np.float64)
    there = np.flatnonzero(np.isfinite(spectra).all(1))
    if not there.size:
        return []
    hits = purity_hits(spectra[there], random_directions(len(bands)))
    purest = [place for place in np.argsort(-hits, kind="stable")[:ENDMEMBERS] if hits[place]]
    return [
        {"rank": rank, "id": int(sample.id[pixel]), "x": int(sample.x[pixel]), "y": int(sample.y[pixel])}
        | {"hits": int(hits[place]), "band": band, "value": float(spectra[pixel, number])}
        for rank, place in enumerate(purest, start=1)
        for pixel in (there[place],)
        for number, band in enumerate(bands)
    ]
