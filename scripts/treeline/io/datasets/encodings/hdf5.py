"""One HDF5 file: the images, the masks, the names of the classes, and the tables.

| dataset | what it is |
|---|---|
| `images` | encoded images, one after the other: bytes; or, of pixels, samples x height x width x channels |
| `offsets` | samples x 2: where each one's bytes begin in `images`, and where they end; not of pixels |
| `masks`, `mask_offsets` | the same of the masks, each a PNG; samples without one end where they begin |
| `class_names` | text, in sorted order; `label_idx` is the place in it |
| `index`, `spatial`, ... | the tables, as in `metadata.h5` |

Rows are those of `index`. `images` and `masks` are contiguous, so that they lie in the file as they do in memory: a
part of them is read straight from there, without the HDF5 library, whose handles must not be shared by processes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from treeline.config_datasets import EncodingOptions
from treeline.errors import ShardError
from treeline.io.atomic import atomic_path
from treeline.io.datasets.encodings.intake import Intake
from treeline.io.datasets.encodings.reading import ByteReader, PixelReader
from treeline.io.datasets.metadata import TABLES, Metadata, put_metadata, read_metadata
from treeline.io.datasets.samples import Bands, Mask, Sample
from treeline.io.encode import encode_png
from treeline.io.file_parts import ArrayInFile, FileParts

IMAGES, OFFSETS, MASKS, MASK_OFFSETS, CLASS_NAMES = "images", "offsets", "masks", "mask_offsets", "class_names"
COPIED_AT_ONCE_BYTES = 2**20

LIBRARY_VERSIONS = ("earliest", "v110")
"""Of HDF5, from the first that can read the file."""

Places: TypeAlias = npt.NDArray[np.int64]
"""Samples x 2: where in the file each one's bytes begin, and how many there are."""


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the file, as a whole or not at all.

    Raises:
        InputError: A sample is refused.
    """
    intake = Intake(metadata, samples, options)
    with atomic_path(target) as temporary:
        with (
            h5py.File(temporary, "w", libver=LIBRARY_VERSIONS) as file,
            _Spool(temporary.with_suffix(".masks"), len(metadata)) as masks,
        ):
            if options.pixels:
                _write_pixels(file, intake, masks)
            else:
                _write_bytes(file, intake, masks, temporary.with_suffix(".images"))
            if masks.size:
                masks.put(file, MASKS, MASK_OFFSETS)
            file.create_dataset(CLASS_NAMES, data=list(metadata.class_names), dtype=h5py.string_dtype())
        put_metadata(intake.metadata, temporary)


def open_file(path: Path, tables: Collection[str] = TABLES) -> Hdf5Bytes | Hdf5Pixels:
    """Open a file for reading; of its tables these are read.

    Raises:
        InputError: It is no HDF5 file, or holds no dataset.
    """
    metadata = read_metadata(path, tables)
    with h5py.File(path, "r") as file:
        return Hdf5Bytes(path, metadata, file) if OFFSETS in file else Hdf5Pixels(path, metadata, file)


class Hdf5Bytes(ByteReader):
    """A file of encoded images that is open for reading."""

    def __init__(self, path: Path, metadata: Metadata, file: h5py.File) -> None:
        super().__init__(path, metadata)
        self._parts = FileParts()
        self._images, self._masks = _places(path, file, IMAGES, OFFSETS), _places_of_masks(path, file)

    def encoded(self, position: int) -> bytes:
        """Read the image's bytes."""
        return self._parts.read(self.path, *self._images[position])

    def _encoded_mask(self, position: int) -> bytes:
        return self._parts.read(self.path, *self._masks[position])

    def close(self) -> None:
        """Close the file; another read opens it anew."""
        self._parts.close()


class Hdf5Pixels(PixelReader):
    """A file of decoded images that is open for reading."""

    def __init__(self, path: Path, metadata: Metadata, file: h5py.File) -> None:
        super().__init__(path, metadata)
        self._parts = FileParts()
        images = _contiguous(path, file, IMAGES)
        self._images = ArrayInFile(self._parts, path, images.id.get_offset(), images.shape, images.dtype)
        self._masks = _places_of_masks(path, file)

    def pixels(self, position: int) -> Bands:
        """Read the image's pixels."""
        return self._images.row(position)

    def _mask(self, position: int) -> Mask:
        return self._decode_mask(position, self._parts.read(self.path, *self._masks[position]))

    def close(self) -> None:
        """Close the file; another read opens it anew."""
        self._parts.close()


class _Spool:
    """Bytes of unknown number, kept aside: a contiguous dataset has its size from the start."""

    def __init__(self, path: Path, count: int) -> None:
        self.size = 0
        self._offsets = np.zeros((count, 2), np.int64)
        self._file = path.open("w+b")

    def __enter__(self) -> _Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, position: int, data: bytes) -> None:
        """Append a sample's bytes."""
        self._file.write(data)
        self._offsets[position] = self.size, self.size + len(data)
        self.size += len(data)

    def put(self, file: h5py.File, name: str, offsets: str) -> None:
        """Make the datasets of the bytes and of their offsets."""
        content = file.create_dataset(name, (self.size,), np.uint8)
        self._file.seek(0)
        place = 0
        while block := self._file.read(COPIED_AT_ONCE_BYTES):
            content[place : place + len(block)] = np.frombuffer(block, np.uint8)
            place += len(block)
        file.create_dataset(offsets, data=self._offsets)


def _write_bytes(file: h5py.File, intake: Intake, masks: _Spool, spool: Path) -> None:
    with _Spool(spool, intake.count) as images:
        for sample in intake.encoded():
            images.add(sample.position, sample.data)
            if sample.mask is not None:
                masks.add(sample.position, sample.mask)
        images.put(file, IMAGES, OFFSETS)


def _write_pixels(file: h5py.File, intake: Intake, masks: _Spool) -> None:
    images = None
    for sample in intake.decoded():
        if images is None:
            images = file.create_dataset(IMAGES, (intake.count, *sample.pixels.shape), sample.pixels.dtype)
        images[sample.position] = sample.pixels
        if sample.mask is not None:
            masks.add(sample.position, encode_png(sample.mask))


def _places_of_masks(path: Path, file: h5py.File) -> Places:
    return _places(path, file, MASKS, MASK_OFFSETS) if MASKS in file else np.zeros((0, 2), np.int64)


def _places(path: Path, file: h5py.File, name: str, offsets: str) -> Places:
    """Offset in the file and number of bytes of each sample."""
    start = _contiguous(path, file, name).id.get_offset()
    begins, ends = file[offsets][:].T
    return np.stack([start + begins, ends - begins], axis=1)


def _contiguous(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    if name not in file or file[name].id.get_offset() is None:
        raise ShardError(path, "has no contiguous dataset of that name.", field=name, fix="Encode the dataset anew.")
    return file[name]
