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

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from treeline.config_datasets import EncodingName, EncodingOptions
from treeline.errors import InputError

if TYPE_CHECKING:  # the rules take `TARGETS` from here, and need no pandas
    from treeline.io.datasets.metadata import Metadata
    from treeline.io.datasets.samples import Bands, Mask, Sample


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


TARGETS: dict[EncodingName, str] = {
    "imagefolder": "imagefolder",
    "hdf5": "dataset.h5",
    "tar": "shards",
    "numpy": "arrays",
    "lmdb": "lmdb",
    "zarr": "images.zarr",
}
"""File or folder of each, in the dataset's folder."""


def write_encoding(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write a dataset in one form, as a whole or not at all; the same bytes for the same samples.

    Args:
        metadata: Of the samples.
        samples: Each of them once, in any order; they are held one at a time.
        target: File or folder; replaced.
        options: Which form, and how.

    Raises:
        InputError: A sample is refused; names it.
    """
    if options.kind == "imagefolder":
        from treeline.io.datasets.encodings.imagefolder import write
    elif options.kind == "hdf5":
        from treeline.io.datasets.encodings.hdf5 import write
    elif options.kind == "tar":
        from treeline.io.datasets.encodings.tar import write
    elif options.kind == "numpy":
        from treeline.io.datasets.encodings.numpy import write
    elif options.kind == "lmdb":
        from treeline.io.datasets.encodings.lmdb import write
    else:
        from treeline.io.datasets.encodings.zarr import write
    write(metadata, samples, target, options)


def open_encoding(path: Path, tables: Collection[str] | None = None) -> Encoding:
    """Open a written dataset for reading.

    Args:
        path: File or folder, whose content says which form it has.
        tables: Those of its tables that are read, the index among them; None: all.

    Raises:
        InputError: There is no dataset; or its tables, or the lists of what is in it, are damaged.
    """
    from treeline.io.datasets.metadata import TABLES

    wanted = TABLES if tables is None else tables
    if path.is_file():
        from treeline.io.datasets.encodings.hdf5 import open_file

        return open_file(path, wanted)
    if (path / "zarr.json").exists():
        from treeline.io.datasets.encodings.zarr import ZarrGroup

        return ZarrGroup(path, wanted)
    if (path / "data.mdb").exists():
        from treeline.io.datasets.encodings.lmdb import LmdbFolder

        return LmdbFolder(path, wanted)
    if (path / "images.npy").exists():
        from treeline.io.datasets.encodings.numpy import Arrays

        return Arrays(path, wanted)
    if next(path.glob("*.tar"), None) is not None:
        from treeline.io.datasets.encodings.tar import TarShards

        return TarShards(path, wanted)
    if path.is_dir():
        from treeline.io.datasets.encodings.imagefolder import ImageFolder

        return ImageFolder(path, wanted)
    raise InputError(path, "no such file or folder.", fix="Write it: treeline datasets encode.")
