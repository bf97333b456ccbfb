"""The forms in which a dataset is written; each stands on its own, with its tables, and holds the same samples.

| name | what is written | what it is for |
|---|---|---|
| `imagefolder` | `imagefolder/<class>/<name>`, `imagefolder/metadata.h5` | looking at, and every other program |
| `hdf5` | `dataset.h5` | one file; encoded bytes, or decoded pixels, which are read fastest |
| `tar` | `shards/<number>.tar` with an index, `shards/metadata.h5` | streaming, WebDataset |
| `numpy` | `arrays/images.npy`, `arrays/masks.npy`, `arrays/metadata.h5` | memory-mapped arrays |
| `lmdb`, `zarr` | `lmdb/`, `images.zarr/`, with `metadata.h5` | programs that read these |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeAlias

from treeline.datasets.description import EncodingName, EncodingOptions
from treeline.datasets.metadata import Metadata
from treeline.datasets.samples import Bands, Mask, Sample


class Encoding(Protocol):
    """A written dataset that is open for reading; positions are those of the rows of `metadata.index`.

    Files are opened at the first read, and anew in each process: handles that are taken through a fork read wrong
    data.
    """

    metadata: Metadata

    def encoded(self, position: int) -> bytes:
        """The image's bytes as they were put in; PNG where pixels are stored."""

    def pixels(self, position: int) -> Bands:
        """The image decoded."""

    def mask(self, position: int) -> Mask | None:
        """The sample's mask, where the task has masks."""

    def close(self) -> None:
        """Let go of the files."""


Writer: TypeAlias = Callable[[Metadata, Iterable[Sample], Path, EncodingOptions], None]
"""Writes the samples, in any order, with the metadata, to a target that is whole or absent."""

TARGETS: dict[EncodingName, str] = {
    "imagefolder": "imagefolder",
    "hdf5": "dataset.h5",
    "tar": "shards",
    "numpy": "arrays",
    "lmdb": "lmdb",
    "zarr": "images.zarr",
}
"""File or folder of each, in the dataset's folder."""
