"""From a dataset's file or folder to the images that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from treeline.analyze.labels import splits_of
from treeline.analyze.parts import Item
from treeline.analyze.sampling import DETAILED, most_pixels, pixels_an_image
from treeline.errors import InputError
from treeline.io.datasets.conditions import ids_where
from treeline.io.datasets.encodings import open_encoding
from treeline.io.datasets.metadata import ID, SPLITS, Metadata, read_metadata
from treeline.io.datasets.stored_images import METADATA_FILE, load_images
from treeline.io.sampling import choose_images

PHOTO_CHANNELS = ("red", "green", "blue")


def read_tables(path: Path, split: str | None, query: str | None) -> Metadata:
    """Read a dataset's tables, with only those samples that are asked for.

    Args:
        path: `metadata.h5`, or an encoding's file or folder.
        split: The samples of a split; None for all.
        query: Those for which a condition in SQL holds, such as `label = 'deer' AND image_width >= 640`.

    Raises:
        InputError: There is no dataset, or it has no such split, or no sample is left.
        ConfigError: The condition is none, or names a column that is not there.
    """
    if path.name == METADATA_FILE:
        metadata = read_metadata(path)
    else:
        encoding = open_encoding(path)
        metadata = encoding.metadata
        encoding.close()
    if split is not None:
        if "split" not in metadata.index:
            raise InputError(path, "its samples are not divided yet.", fix="Leave --split out.")
        metadata = metadata.only(metadata.index.loc[metadata.index["split"] == split, ID])
    if query is not None:
        metadata = metadata.only(pd.Index(sorted(ids_where(metadata, query))))
    if not len(metadata):
        raise InputError(path, "no sample is left to be measured.", fix=f"Splits are {', '.join(SPLITS)}.")
    return metadata


def items_of(path: Path, metadata: Metadata) -> Iterator[Item]:
    """Read the images to be measured, each once.

    Args:
        path: As in `read_tables`.
        metadata: What that gives.

    Raises:
        InputError: An image is not there; names it.
        ShardError: An archive is damaged.
    """
    ids = metadata.index[ID].to_numpy(np.int64)
    channels = len(metadata.channels)
    sampled = choose_images(ids, most_pixels(channels))
    detailed = choose_images(ids, DETAILED)
    # Columns, since they are held all along: as dictionaries both would take 0.3 kB an image.
    names = pd.Series(metadata.index["image_path"].to_numpy(), index=ids)
    splits = splits_of(metadata)
    pixels = pixels_an_image(len(sampled), channels)
    are_rasters = is_raster(metadata)
    for number, data, mask in load_images(path, metadata):
        yield Item(
            number,
            str(names.at[number]),
            data,
            mask,
            str(splits.at[number]),
            pixels if number in sampled else 0,
            number in detailed,
            are_rasters,
        )


def names_of(metadata: Metadata) -> dict[int, str]:
    """Path of each image by its id."""
    return dict(zip(metadata.index[ID].tolist(), metadata.index["image_path"].tolist(), strict=True))


def is_raster(metadata: Metadata) -> bool:
    """Whether the images are rasters: they lie on the ground, or their channels are not red, green and blue."""
    spatial = metadata.tables.get("spatial")
    lies_somewhere = spatial is not None and "crs" in spatial and bool((spatial["crs"] != "").any())
    return lies_somewhere or metadata.channels != PHOTO_CHANNELS
