"""From a dataset's file or folder to the images that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from treeline.analyze.dataset import Dataset
from treeline.analyze.parts import Item
from treeline.analyze.sampling import DETAILED, most_pixels, pixels_an_image
from treeline.io.datasets.samples import load_samples
from treeline.io.datasets.stored_images import METADATA_FILE, Loaded, load_encoded
from treeline.io.disk_tables import read_pieces
from treeline.io.sampling import draw_images

_ITEM = """
    SELECT image_path, coalesce(split, ''), id IN (SELECT id FROM sampled), id IN (SELECT id FROM detailed)
    FROM samples WHERE id = ?
"""


def items_of(path: Path, dataset: Dataset) -> Iterator[Item]:
    """Read the images to be measured, each once.

    Args:
        path: `metadata.h5`, or an encoding's file or folder.
        dataset: What is in it.

    Raises:
        InputError: An image is not there; names it.
        ShardError: An archive is damaged.
    """
    channels = len(dataset.facts.channels)
    sampled = _draw(dataset, "sampled", most_pixels(channels))
    _draw(dataset, "detailed", DETAILED)
    pixels = pixels_an_image(sampled, channels)
    are_rasters = dataset.is_raster
    for number, data, mask in _load(path, dataset):
        name, split, is_sampled, is_detailed = dataset.database.execute(_ITEM, [number]).fetchone()
        yield Item(number, name, data, mask, split, pixels if is_sampled else 0, bool(is_detailed), are_rasters)


def _load(path: Path, dataset: Dataset) -> Iterator[Loaded]:
    if path.name == METADATA_FILE:
        return (Loaded(*sample) for sample in load_samples(dataset.database, dataset.facts))
    ids = np.fromiter((id for (id,) in dataset.database.execute("SELECT id FROM samples")), np.int64)
    return load_encoded(path, ids)


def _draw(dataset: Dataset, table: str, most: int) -> int:
    """Put the ids of at most so many images into a table; says how many they are."""
    drawn = np.empty(0, np.int64)
    for piece in read_pieces(dataset.database, "SELECT id FROM samples"):
        drawn = draw_images(np.append(drawn, piece["id"].to_numpy(np.int64)), most)
    dataset.database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    dataset.database.executemany(f"INSERT INTO {table} VALUES (?)", ((id,) for id in drawn.tolist()))
    return len(drawn)
