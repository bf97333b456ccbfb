"""The images of a dataset, from wherever they are: where its tables say, or in one of its encodings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from treeline.io.datasets.encodings import open_encoding
from treeline.io.datasets.encodings.reading import PixelReader
from treeline.io.datasets.metadata import ID, INDEX, Metadata
from treeline.io.datasets.samples import Bands, Mask, read_samples

METADATA_FILE = "metadata.h5"
"""A file of this name has tables alone: the images are where they say. All else is an encoding."""


def tables_file(path: Path) -> Path:
    """File of a dataset's tables.

    Args:
        path: `metadata.h5`, or an encoding's file or folder.
    """
    return path / METADATA_FILE if path.is_dir() else path


class Loaded(NamedTuple):
    """A sample, encoded or decoded, with its mask."""

    id: int
    data: bytes | Bands
    mask: bytes | Mask | None


def load_images(path: Path, metadata: Metadata) -> Iterator[Loaded]:
    """Read the images of these samples, each once.

    Args:
        path: `metadata.h5`, or an encoding's file or folder.
        metadata: Of the samples.

    Raises:
        InputError: An image is not there; names it.
        ShardError: An archive is damaged.
    """
    if path.name == METADATA_FILE:
        yield from (Loaded(*sample) for sample in read_samples(metadata))
    else:
        yield from load_encoded(path, metadata.index[ID].to_numpy(np.int64))


def load_encoded(path: Path, ids: npt.NDArray[np.int64]) -> Iterator[Loaded]:
    """Read images of an encoding, each once.

    Args:
        path: Its file or folder.
        ids: Of the samples.

    Raises:
        InputError: There is no encoding, or an image is not there.
        ShardError: An archive is damaged.
    """
    encoding = open_encoding(path, [INDEX])
    try:
        known = encoding.metadata.index[ID].to_numpy(np.int64)
        for position in np.flatnonzero(np.isin(known, ids)).tolist():
            is_decoded = isinstance(encoding, PixelReader)
            data = encoding.pixels(position) if is_decoded else encoding.encoded(position)
            yield Loaded(int(known[position]), data, encoding.mask(position))
    finally:
        encoding.close()
