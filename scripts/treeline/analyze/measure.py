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
from treeline.analyze.dimensions import dimensions, distributions, extremes, with_quantities
from treeline.analyze.labels import classes, cooccurrence, labels_of_samples, target_histogram
from treeline.analyze.parts import Part
from treeline.analyze.passes import measure_images
from treeline.analyze.raster_tables import anomaly_rows, endmember_rows, moran_rows, variogram_rows
from treeline.analyze.recommendations import recommend
from treeline.analyze.source import is_raster, items_of, names_of, read_tables
from treeline.analyze.summary import summary
from treeline.analyze.suspicious import listed, suspicious
from treeline.analyze.tables import RECOMMENDATIONS_FILE, make_table, write_tables
from treeline.analyze.when_where import places, times
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.datasets.metadata import Metadata
from treeline.io.moments import Moments

log = logging.getLogger(__name__)


def measure(
    dataset: Path, output: Path, *, split: str | None = None, query: str | None = None, workers: int | None = None
) -> int:
    """Write the tables and the recommendations of a dataset; the same bytes each time.

    Args:
        dataset: `metadata.h5`, or an encoding's file or folder.
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
    metadata = read_tables(dataset, split, query)
    part = measure_images(items_of(dataset, metadata), workers)
    names = names_of(metadata)
    for number, reason in part.unreadable.items():
        log.warning("%s cannot be read: %s", names[number], reason)
    if not part.totals:
        raise InputError(dataset, "none of its images can be read.")
    tables, advice = analyse(metadata, part)
    write_tables(tables, output)
    write_text(output / RECOMMENDATIONS_FILE, advice)
    return len(metadata)


def analyse(metadata: Metadata, part: Part) -> tuple[dict[str, pd.DataFrame], str]:
    """Make the tables, and the recommendations as JSON, of what was measured of all samples."""
    totals = all_together(part.totals)
    channels = channel_names(metadata.channels, channels_of(totals))
    images = with_quantities(pd.DataFrame(part.measured[0]))
    found = suspicious(images, part.unreadable)
    rows = {
        **_tables_of_images(metadata, images, found),
        **_tables_of_pixels(part, totals, channels),
        **_tables_of_rasters(metadata, part, channels),
        **_tables_of_labels(metadata, images, labels_of_samples(metadata, part.masks)),
        "histograms": _histograms(metadata, part, totals, images, channels),
    }
    tables = {name: make_table(name, table) for name, table in rows.items()}
    tables["summary"] = make_table(
        "summary", summary(metadata, part, images, channels, found, tables["texture"], tables["classes"])
    )
    return tables, recommend(images, part.totals, channels, tables["classes"], found)


def channel_names(known: Sequence[str], channels: int) -> list[str]:
    """Names of the channels: those that the dataset says, where they are as many; else their numbers, from 1."""
    return list(known) if len(known) == channels else [str(number) for number in range(1, channels + 1)]


def _tables_of_images(metadata: Metadata, images: pd.DataFrame, found: pd.DataFrame) -> dict[str, Any]:
    names = names_of(metadata)
    return {
        "dimensions": dimensions(images),
        "extremes": extremes(images, names),
        "suspicious": listed(found, names),
        "times": times(metadata, images),
        "places": places(metadata),
    }


def _tables_of_pixels(part: Part, totals: ChannelTotals, channels: list[str]) -> dict[str, Any]:
    values = part.pixels[0].values.astype(np.float64)
    return {
        "channels": channel_rows(totals, values, channels),
        "correlations": correlations(values, channels),
        "texture": [{"id": detail.id, **detail.texture} for detail in part.details],
        "components": channel_components(values, channels) + thumbnail_components(part.details, channels),
    }


def _histograms(
    metadata: Metadata, part: Part, totals: ChannelTotals, images: pd.DataFrame, channels: list[str]
) -> list[dict[str, Any]]:
    values = part.pixels[0].values.astype(np.float64)
    is_bytes = not isinstance(totals, Moments)
    colours = colour_histograms(values) if is_bytes and len(channels) == 3 and not is_raster(metadata) else []
    return [
        *histogram_rows(totals, values, channels),
        *colours,
        *distributions(images, is_bytes=is_bytes),
        *target_histogram(metadata),
    ]


def _tables_of_rasters(metadata: Metadata, part: Part, bands: list[str]) -> dict[str, Any]:
    if not is_raster(metadata):
        return dict.fromkeys(("moran", "variogram", "anomalies", "endmembers"), [])
    return {
        "moran": moran_rows(part.details, bands),
        "variogram": variogram_rows(part.details, bands),
        "anomalies": anomaly_rows(part.details, names_of(metadata)),
        "endmembers": endmember_rows(part.pixels[0], bands),
    }


def _tables_of_labels(metadata: Metadata, images: pd.DataFrame, labels: pd.DataFrame) -> dict[str, Any]:
    return {
        "classes": classes(metadata, labels),
        "cooccurrence": cooccurrence(metadata, labels),
        "boxes": box_histograms(metadata, images),
    }
