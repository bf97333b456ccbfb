"""Arrays that are mapped into memory, beside their tables.

    arrays/images.npy     samples x height x width x channels; `numpy.load(file, mmap_mode="r")` maps it
    arrays/masks.npy      samples x height x width, where the task has masks; 255 where a sample has none
    arrays/metadata.h5

Rows are those of the index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.lib import format as npy

from treeline.config_datasets import EncodingOptions
from treeline.errors import ShardError
from treeline.io.atomic import atomic_folder
from treeline.io.datasets.encodings.intake import Intake
from treeline.io.datasets.encodings.reading import METADATA, PixelReader, masked, read_tables
from treeline.io.datasets.metadata import TABLES, Metadata, write_metadata
from treeline.io.datasets.samples import NOT_LABELLED, Bands, Mask, Sample
from treeline.io.file_parts import ArrayInFile, FileParts

IMAGES, MASKS = "images.npy", "masks.npy"


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the folder, as a whole or not at all.

    Raises:
        InputError: A sample is refused.
    """
    intake = Intake(metadata, samples, options)
    with atomic_folder(target) as folder:
        with ExitStack() as stack:
            images = masks = None
            for sample in intake.decoded():
                if images is None:
                    shape = intake.count, *sample.pixels.shape
                    images = stack.enter_context(_NpyFile(folder / IMAGES, shape, sample.pixels.dtype))
                    if masked(metadata).any():
                        masks = stack.enter_context(_NpyFile(folder / MASKS, shape[:3], np.dtype(np.uint8)))
                images.write(sample.position, sample.pixels)
                if masks is not None:
                    empty = np.full(sample.pixels.shape[:2], NOT_LABELLED, np.uint8)
                    masks.write(sample.position, empty if sample.mask is None else sample.mask)
        write_metadata(intake.metadata, folder / METADATA)


class Arrays(PixelReader):
    """A folder of arrays that is open for reading."""

    def __init__(self, path: Path, tables: Collection[str] = TABLES) -> None:
        super().__init__(path, read_tables(path, tables))
        self._parts = FileParts()
        self._images = _array(self._parts, path / IMAGES)
        self._masks = _array(self._parts, path / MASKS) if self._is_masked.any() else None

    def pixels(self, position: int) -> Bands:
        """Read the image's pixels."""
        return self._images.row(position)

    def _mask(self, position: int) -> Mask:
        assert self._masks is not None  # where a sample has a mask
        return self._masks.row(position).astype(np.uint8, copy=False)

    def close(self) -> None:
        """Close the files; another read opens them anew."""
        self._parts.close()


class _NpyFile:
    """A `.npy` file that is written row by row, in any order: through a map it would fill the memory."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
        self._file = path.open("wb")
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()

    def __enter__(self) -> _NpyFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, number: int, row: Bands | Mask) -> None:
        """Write one row."""
        self._file.seek(self._start + number * row.nbytes)
        self._file.write(np.ascontiguousarray(row).data)


def _array(parts: FileParts, path: Path) -> ArrayInFile:
    """Find an array in its file.

    Raises:
        ShardError: The file is missing, or is not of the kind that this module writes.
    """
    try:
        with path.open("rb") as file:
            npy.read_magic(file)
            shape, is_fortran, dtype = npy.read_array_header_1_0(file)
            if is_fortran or dtype.hasobject:
                raise ValueError("its elements do not lie row by row")
            return ArrayInFile(parts, path, file.tell(), shape, dtype)
    except (OSError, ValueError) as error:
        raise ShardError(path, f"is no array of images ({error}).", fix="Encode the dataset anew.") from None
