"""What is taken off each channel, and what it is divided by: the mean and the standard deviation of `train`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from treeline.errors import InputError
from treeline.io.datasets.metadata import ID, Metadata

RECOMMENDATIONS = "analysis/recommendations.json"
"""In the dataset's folder, once it was analysed."""


def find_normalisation(metadata: Metadata, dataset: Path) -> tuple[list[float], list[float]]:
    """Find the mean and the standard deviation of each channel, in the images' units.

    They are what the analysis of the dataset advises, if there is one; else, those of the pixels of `train`, out of the
    table `spectral`. The standard deviation of a channel that is the same everywhere is 1.

    Raises:
        InputError: The advice is damaged or of other channels, or there is no such table, or it lacks values.
    """
    file = dataset / RECOMMENDATIONS
    mean, std = _advised(file, len(metadata.channels)) if file.is_file() else _measured(metadata, dataset)
    return [float(value) for value in mean], [float(value) if value > 0 else 1.0 for value in std]


Pair = tuple[list[float], list[float]]


def _advised(file: Path, channels: int) -> Pair:
    try:
        advice = json.loads(file.read_text(encoding="utf-8"))["normalisation"]
        scale = float(advice["basis"]["scale"])
        pair = tuple([float(value) * scale for value in advice["value"][name]] for name in ("mean", "std"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(file, f"advises no normalisation: {error!r}", fix="Analyse the dataset anew.") from None
    mean, std = pair
    if len(mean) != channels or len(std) != channels or not np.isfinite([mean, std]).all():
        problem = f"advises a normalisation of {len(mean)} channels, and the dataset has {channels}."
        raise InputError(file, problem, field="normalisation", fix="Analyse the dataset anew.")
    return mean, std


def _measured(metadata: Metadata, dataset: Path) -> Pair:
    """The mean over all pixels, and the root of the mean square less the square of the mean."""
    anew = "Make the dataset anew."
    if "spectral" not in metadata.tables:
        raise InputError(dataset, "has no table `spectral`, by which images are normalised.", fix=anew)
    spectral = metadata.tables["spectral"]
    missing = [name for name in ("channel", "mean", "variance") if name not in spectral]
    if missing:
        raise InputError(dataset, f"its table `spectral` has no column `{missing[0]}`.", fix=anew)
    ids = metadata.index.loc[metadata.index["split"] == "train", ID]
    rows = spectral[spectral[ID].isin(ids)]
    counts = set(rows.groupby("channel").size())
    if counts != {len(ids)} or not np.isfinite(rows[["mean", "variance"]].to_numpy()).all():
        raise InputError(dataset, "its table `spectral` lacks values of samples of train.", fix=anew)
    pixels = _pixels(metadata)
    weights = rows[ID].map(pixels) if pixels else rows[ID] * 0 + 1.0
    sums = (
        rows.assign(
            weight=weights, first=rows["mean"] * weights, second=(rows["variance"] + rows["mean"] ** 2) * weights
        )
        .groupby("channel")[["weight", "first", "second"]]
        .sum()
    )
    mean = sums["first"] / sums["weight"]
    variance = (sums["second"] / sums["weight"] - mean**2).clip(lower=0)
    return mean.tolist(), np.sqrt(variance).tolist()


def _pixels(metadata: Metadata) -> dict[int, float]:
    if "spatial" not in metadata.tables:
        return {}
    spatial = metadata.tables["spatial"]
    return dict(zip(spatial[ID], spatial["image_width"] * spatial["image_height"] * 1.0, strict=True))
