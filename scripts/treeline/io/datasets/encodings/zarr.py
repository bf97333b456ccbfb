"""A Zarr group of version 3, with the tables in it.

    images.zarr/images        samples x height x width x channels
    images.zarr/masks         samples x height x width, where the task has masks; 255 where a sample has none
    images.zarr/metadata.h5

A chunk is a sample, and is not compressed: a file that holds the array as it lies in memory. It is read straight from
there, in a twentieth of the time that the library takes for its way through the event loop. Names of the classes are
in the group's attributes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from treeline.config_datasets import EncodingOptions
from treeline.errors import ShardError
from treeline.io.atomic import atomic_folder
from treeline.io.datasets.encodings.intake import Intake
from treeline.io.datasets.encodings.reading import METADATA, PixelReader, masked, read_tables
from treeline.io.datasets.metadata import TABLES, Metadata, write_metadata
from treeline.io.datasets.samples import NOT_LABELLED, Bands, Mask, Sample
from treeline.io.file_parts import FileParts

if TYPE_CHECKING:
    from zarr import Array, Group

IMAGES, MASKS = "images", "masks"
NODE = "zarr.json"


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the group, as a whole or not at all.

    Raises:
        InputError: A sample is refused.
    """
    import zarr

    intake = Intake(metadata, samples, options)
    with atomic_folder(target) as folder:
        group = zarr.create_group(folder, zarr_format=3, attributes={"class_names": list(metadata.class_names)})
        images = masks = None
        for sample in intake.decoded():
            if images is None:
                shape = intake.count, *sample.pixels.shape
                images = _create(group, IMAGES, shape, sample.pixels.dtype, fill_value=0)
                if masked(metadata).any():
                    masks = _create(group, MASKS, shape[:3], np.dtype(np.uint8), fill_value=NOT_LABELLED)
            images[sample.position] = sample.pixels
            if masks is not None and sample.mask is not None:
                masks[sample.position] = sample.mask
        write_metadata(intake.metadata, folder / METADATA)


class ZarrGroup(PixelReader):
    """A Zarr group that is open for reading."""

    def __init__(self, path: Path, tables: Collection[str] = TABLES) -> None:
        super().__init__(path, read_tables(path, tables))
        self._images = _Chunks(path / IMAGES)
        self._masks = _Chunks(path / MASKS) if self._is_masked.any() else None

    def pixels(self, position: int) -> Bands:
        """Read the image's pixels."""
        return self._images.read(position)

    def _mask(self, position: int) -> Mask:
        assert self._masks is not None  # where a sample has a mask
        return self._masks.read(position).astype(np.uint8, copy=False)

    def close(self) -> None:
        """Close the files; another read opens them anew."""
        for chunks in (self._images, self._masks):
            if chunks is not None:
                chunks.close()


class _Chunks:
    """The chunks of an array, each a file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts = folder, FileParts()
        try:
            node = json.loads((folder / NODE).read_bytes())
            self._shape, self._dtype = tuple(node["shape"][1:]), np.dtype(node["data_type"])
            problem = None if _layout(node) == _layout_of(self._shape, self._dtype) else "its chunks lie otherwise"
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = str(error)
        if problem is not None:
            raise ShardError(folder, f"is no array of images ({problem}).", fix="Encode the dataset anew.") from None

    def read(self, number: int) -> Bands:
        """Read the chunk of a sample."""
        name = ".".join(("c", str(number), *"0" * len(self._shape)))
        return self._parts.read_array(self._folder / name, 0, self._shape, self._dtype)

    def close(self) -> None:
        """Close the files that were read last."""
        self._parts.close()


def _create(
    group: Group, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic], *, fill_value: int
) -> Array[Any]:
    return group.create_array(
        name,
        shape=shape,
        chunks=(1, *shape[1:]),
        dtype=dtype,
        compressors=None,
        filters=None,
        fill_value=fill_value,
        chunk_key_encoding={"name": "default", "separator": "."},
        config={"write_empty_chunks": True},  # or an image that is all black would have no file
    )


def _layout(node: dict[str, Any]) -> dict[str, Any]:
    """What of an array's description says how its chunks lie."""
    return {name: node[name] for name in ("chunk_grid", "chunk_key_encoding", "codecs")}


def _layout_of(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> dict[str, Any]:
    byte_order = {} if dtype.itemsize == 1 else {"configuration": {"endian": "little"}}
    return {
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, *shape]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "codecs": [{"name": "bytes", **byte_order}],
    }
