"""From a dataset's metadata to the bytes and pixels of its samples, before it has an encoding of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.datasets.metadata import ID, Metadata
from treeline.errors import ImageError, InputError
from treeline.io.image_sources import find_images, load_from, load_images
from treeline.io.images import MAX_PIXELS, check_pixels, decode, sniff_format

Bands: TypeAlias = npt.NDArray[np.generic]
"""Height x width x channels: RGB bytes of a photo, or the bands of a raster in its own type."""
Mask: TypeAlias = npt.NDArray[np.uint8]
"""Height x width: the number of a class at each pixel."""


class Sample(NamedTuple):
    """The bytes of a sample.

    Args:
        id: The key in the tables.
        data: The encoded image.
        mask: The encoded mask, where the task has masks.
    """

    id: int
    data: bytes
    mask: bytes | None


def read_samples(metadata: Metadata) -> Iterator[Sample]:
    """Read every sample once, in the order in which they lie in their archives.

    Raises:
        InputError: An image or a mask is not there; names the first, and says how many.
        ShardError: An archive is damaged.
    """
    places = find_images([Path(source) for source in metadata.images], Path("/"))
    ids = dict(zip(metadata.index["image_path"], metadata.index[ID], strict=True))
    masks = dict(zip(metadata.index[ID], metadata.index["mask_path"], strict=True)) if _has_masks(metadata) else {}
    missing = [name for name in (*ids, *masks.values()) if name not in places]
    if missing:
        raise InputError(
            metadata.images[0] if metadata.images else metadata.name,
            f"{missing[0]} is not there; {len(missing):,} of the dataset's files are missing.",
            fix="Bring them back, or leave them out with the step `drop_missing`.",
        )
    for image in load_images(places, ids):
        sample = ids[image.name]
        mask = masks.get(sample)
        yield Sample(sample, image.data, None if mask is None else next(load_from(places[mask], {mask})).data)


def decode_bands(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Bands:
    """Decode an image: a photo as upright RGB, a TIFF with all its bands in its own type.

    Raises:
        ImageError: The bytes are no image, are corrupt, or hold more than `max_pixels`.
    """
    if sniff_format(data) != "tiff":
        return decode(data, max_pixels=max_pixels)
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    try:
        with MemoryFile(data) as file, file.open() as raster:
            check_pixels(raster.shape, max_pixels)
            return np.ascontiguousarray(np.moveaxis(raster.read(), 0, -1))
    except RasterioError as error:
        raise ImageError(f"corrupt TIFF: {error}") from None


def decode_mask(data: bytes) -> Mask:
    """Decode a mask: the first band, as it is stored; a palette's numbers, not its colours.

    Raises:
        ImageError: The bytes are no lossless image of at most 8 bits.
    """
    import io

    from PIL import Image

    if (found := sniff_format(data)) not in ("png", "tiff", "bmp", "gif"):
        raise ImageError(f"a mask is a PNG, TIFF, BMP or GIF, found {found or 'no image'}")
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"corrupt mask: {error}") from None
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"a mask has 8 bits a pixel, found {pixels.dtype}")
    return pixels


def _has_masks(metadata: Metadata) -> bool:
    return "mask_path" in metadata.index and bool((metadata.index["mask_path"] != "").any())
