"""What all encodings have in common when they are read: those that keep bytes, and those that keep pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from treeline.errors import ImageError, InputError
from treeline.io.datasets.metadata import ID, Metadata, read_metadata
from treeline.io.datasets.samples import Bands, Mask, decode_bands, decode_mask
from treeline.io.encode import encode_png

METADATA = "metadata.h5"
"""File of the tables in the folder of an encoding."""


class Reader(ABC):
    """A written dataset that is open for reading.

    Args:
        path: Its file or folder.
        metadata: Its tables.
    """

    def __init__(self, path: Path, metadata: Metadata) -> None:
        self.path, self.metadata = path, metadata
        self._is_masked = masked(metadata)

    @abstractmethod
    def encoded(self, position: int) -> bytes:
        """The image's bytes as they were put in; where pixels are kept, these encoded without loss."""

    @abstractmethod
    def pixels(self, position: int) -> Bands:
        """The image decoded."""

    def mask(self, position: int) -> Mask | None:
        """The sample's mask, where it has one."""
        return self._mask(position) if self._is_masked[position] else None

    @abstractmethod
    def close(self) -> None:
        """Let go of the files; another read opens them anew."""

    @abstractmethod
    def _mask(self, position: int) -> Mask:
        """Read the mask of a sample that has one."""

    def _decode_mask(self, position: int, png: bytes) -> Mask:
        try:
            return decode_mask(png)
        except ImageError as error:
            raise self._refused(position, error) from None

    def _refused(self, position: int, error: ImageError) -> InputError:
        return InputError(self.path, f"{describe(self.metadata, position)}: {error}.")


class ByteReader(Reader):
    """An encoding of the images' bytes."""

    def pixels(self, position: int) -> Bands:
        """Decode the image.

        Raises:
            InputError: It cannot be decoded; names the sample.
        """
        try:
            return decode_bands(self.encoded(position))
        except ImageError as error:
            raise self._refused(position, error) from None

    def _mask(self, position: int) -> Mask:
        return self._decode_mask(position, self._encoded_mask(position))

    @abstractmethod
    def _encoded_mask(self, position: int) -> bytes:
        """Read the PNG of a sample that has a mask."""


class PixelReader(Reader):
    """An encoding of decoded pixels."""

    def encoded(self, position: int) -> bytes:
        """Encode the image without loss."""
        return encode_bands(self.pixels(position))


def read_tables(folder: Path, tables: Collection[str]) -> Metadata:
    """Read the tables in the folder of an encoding, or some of them.

    Raises:
        InputError: They are missing, or are none.
    """
    return read_metadata(folder / METADATA, tables)


def masked(metadata: Metadata) -> npt.NDArray[np.bool_]:
    """Which samples have a mask, in the order of the index."""
    if "mask_path" not in metadata.index:
        return np.zeros(len(metadata), bool)
    return np.asarray(metadata.index["mask_path"].fillna("") != "", bool)


def describe(metadata: Metadata, position: int) -> str:
    """Name a sample for an error: `sample 7 (deer/a.jpg)`."""
    row = metadata.index.iloc[position]
    return f"sample {row[ID]} ({row['image_path']})"


def encode_bands(bands: Bands) -> bytes:
    """Encode pixels without loss: RGB bytes as PNG, bands of any other number or type as TIFF."""
    if bands.dtype == np.uint8 and bands.shape[2] == 3:
        return encode_png(bands.astype(np.uint8, copy=False))
    from treeline.io.rasters import encode_raster

    return encode_raster(bands)


def key_of(id: int) -> str:
    """What a sample's files and members are called, so that they stand in the order of the ids."""
    return f"{id:08d}"
