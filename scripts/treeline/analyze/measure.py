"""Measure a dataset: one pass over its images, then the tables that follow from what was counted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.boxes import box_histograms
from treeline.analyze.channel_tables import channel_rows, histogram_rows
from treeline.analyze.channels import ChannelTotals, all_together, channels_of
from treeline.analyze.colours import colour_histograms, correlations
from treeline.analyze.components import channel_components, thumbnail_components
from treeline.analyze.dataset import Dataset, open_dataset
from treeline.analyze.dimensions import dimensions, distributions, extremes
from treeline.analyze.labels import classes, cooccurrence, find_labels, target_histogram
from treeline.analyze.parts import Sums
from treeline.analyze.passes import measure_images
from treeline.analyze.raster_tables import anomaly_rows, endmember_rows, moran_rows, variogram_rows
from treeline.analyze.recommendations import recommend
from treeline.analyze.source import items_of
from treeline.analyze.summary import summary
from treeline.analyze.suspicious import find_suspicious, listed
from treeline.analyze.tables import RECOMMENDATIONS_FILE, make_table, write_tables
from treeline.analyze.when_where import places, times
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.moments import Moments

log = logging.getLogger(__name__)

_UNREADABLE = "SELECT image_path, reason FROM unreadable JOIN samples USING (id) ORDER BY id"


def measure(
    path: Path, output: Path, *, split: str | None = None, query: str | None = None, workers: int | None = None
) -> int:
    """Write the tables and the recommendations of a dataset; the same bytes each time.

    Args:
        path: `metadata.h5`, or an encoding's file or folder.
        output: Folder of the analysis.
        split: Only the samples of a split.
        query: Only those for which a condition in SQL holds.
        workers: Processes that decode and measure; a core each where not said, 0: this one alone.

    Returns:
        How many samples were measured.

    Raises:
        InputError: There is no such dataset, or an image or a mask is not there, or no image can be read, or images
            differ in their channels; names the image.
        ConfigError: The query is no condition.
    """
    with open_dataset(path, split, query) as dataset:
        sums = measure_images(items_of(path, dataset), dataset, workers)
        for name, reason in dataset.database.execute(_UNREADABLE):
            log.warning("%s cannot be read: %s", name, reason)
        if not sums.totals:
            raise InputError(path, "none of its images can be read.")
        tables, advice = analyse(dataset, sums)
        write_tables(tables, output)
        write_text(output / RECOMMENDATIONS_FILE, advice)
        return len(dataset)


def analyse(dataset: Dataset, sums: Sums) -> tuple[dict[str, pd.DataFrame], str]:
    """Make the tables, and the recommendations as JSON, of what was measured of all samples."""
    totals = all_together(sums.totals)
    channels = channel_names(dataset.facts.channels, channels_of(totals))
    find_labels(dataset)
    find_suspicious(dataset)
    rows = {
        **_tables_of_images(dataset),
        **_tables_of_pixels(sums, totals, channels),
        **_tables_of_rasters(dataset, sums, channels),
        **_tables_of_labels(dataset),
        "histograms": _histograms(dataset, sums, totals, channels),
    }
    tables = {name: make_table(name, table) for name, table in rows.items()}
    numbers = summary(dataset, sums, channels, tables["texture"], tables["classes"])
    tables["summary"] = make_table("summary", numbers)
    return tables, recommend(dataset, sums.totals, channels, tables["classes"], tables["suspicious"])


def channel_names(known: Sequence[str], channels: int) -> list[str]:
    """Names of the channels: those that the dataset says, where they are as many; else their numbers, from 1."""
    return list(known) if len(known) == channels else [str(number) for number in range(1, channels + 1)]


def _tables_of_images(dataset: Dataset) -> dict[str, Any]:
    return {
        "dimensions": dimensions(dataset),
        "extremes": extremes(dataset),
        "suspicious": listed(dataset),
        "times": times(dataset),
        "places": places(dataset),
    }


def _tables_of_pixels(sums: Sums, totals: ChannelTotals, channels: list[str]) -> dict[str, Any]:
    values = sums.pixels[0].values.astype(np.float64)
    return {
        "channels": channel_rows(totals, values, channels),
        "correlations": correlations(values, channels),
        "texture": [{"id": detail.id, **detail.texture} for detail in sums.details],
        "components": channel_components(values, channels) + thumbnail_components(sums.details, channels),
    }


def _histograms(dataset: Dataset, sums: Sums, totals: ChannelTotals, channels: list[str]) -> list[dict[str, Any]]:
    values = sums.pixels[0].values.astype(np.float64)
    is_bytes = not isinstance(totals, Moments)
    colours = colour_histograms(values) if is_bytes and len(channels) == 3 and not dataset.is_raster else []
    return [
        *histogram_rows(totals, values, channels),
        *colours,
        *distributions(dataset, is_bytes=is_bytes),
        *target_histogram(dataset),
    ]


def _tables_of_rasters(dataset: Dataset, sums: Sums, bands: list[str]) -> dict[str, Any]:
    if not dataset.is_raster:
        return dict.fromkeys(("moran", "variogram", "anomalies", "endmembers"), [])
    names = {detail.id: dataset.name_of(detail.id) for detail in sums.details}
    return {
        "moran": moran_rows(sums.details, bands),
        "variogram": variogram_rows(sums.details, bands),
        "anomalies": anomaly_rows(sums.details, names),
        "endmembers": endmember_rows(sums.pixels[0], bands),
    }


def _tables_of_labels(dataset: Dataset) -> dict[str, Any]:
    return {
        "classes": classes(dataset),
        "cooccurrence": cooccurrence(dataset),
        "boxes": box_histograms(dataset),
    }
