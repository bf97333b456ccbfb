"""From a dataset's metadata to the bytes and pixels of its samples, before it has an encoding of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError, InputError
from treeline.io.datasets.metadata import ID, Metadata
from treeline.io.image_sources import find_images, load_images
from treeline.io.images import Size, decode, sniff_format

Bands: TypeAlias = npt.NDArray[np.generic]
"""Height x width x channels: RGB bytes of a photo, or the bands of a raster in its own type."""
Mask: TypeAlias = npt.NDArray[np.uint8]
"""Height x width: the number of a class at each pixel."""


NOT_LABELLED = 255
"""Value of a mask's pixels that belong to no class."""


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


def read_samples(metadata: Metadata, *, skip_missing: bool = False) -> Iterator[Sample]:
    """Read every sample once, in the order in which they lie in their archives.

    Args:
        metadata: What there is. Masks are files of their own, or stand in their image's archive, next to it.
        skip_missing: Pass over samples whose image or mask is not there.

    Raises:
        InputError: An image or a mask is not there; names the first, and says how many.
        ShardError: An archive is damaged.
    """
    places = find_images([Path(source) for source in metadata.images], Path("/"))
    ids = dict(zip(metadata.index["image_path"], metadata.index[ID], strict=True))
    masks = _masks(metadata)
    missing = [name for name in (*ids, *masks.values()) if name not in places]
    if missing and not skip_missing:
        raise InputError(
            metadata.images[0] if metadata.images else metadata.name,
            f"{missing[0]} is not there; {len(missing):,} of the dataset's files are missing.",
            fix="Bring them back, or leave them out with the step `drop_missing`.",
        )
    wanted = {name for name in ids if name in places and masks.get(name, name) in places}
    beside = {mask: name for name, mask in masks.items() if name in wanted and places[mask].archived}
    waiting: dict[str, bytes] = {}
    for loaded in load_images(places, wanted | beside.keys()):
        name = beside.get(loaded.name, loaded.name)
        mask = masks.get(name)
        if mask not in beside:
            yield Sample(ids[name], loaded.data, None if mask is None else places[mask].path.read_bytes())
        elif name not in waiting:
            waiting[name] = loaded.data
        elif loaded.name == mask:
            yield Sample(ids[name], waiting.pop(name), loaded.data)
        else:
            yield Sample(ids[name], loaded.data, waiting.pop(name))


def decode_bands(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Bands:
    """Decode an image: a photo as upright RGB, a TIFF with all its bands in its own type.

    Raises:
        ImageError: The bytes are no image, are corrupt, or hold more than `max_pixels`.
    """
    if sniff_format(data) != "tiff":
        return decode(data, max_pixels=max_pixels)
    from treeline.io.rasters import read_raster

    return np.ma.getdata(read_raster(data, max_pixels=max_pixels).bands)


def read_mask(data: bytes, size: Size, classes: int) -> Mask:
    """Decode the mask of an image, and check that it belongs to it.

    Args:
        data: The encoded mask.
        size: Height and width of the image.
        classes: Number of classes, which the mask's values are below.

    Raises:
        ImageError: The bytes are no mask, it has another size, or a value that is no class.
    """
    try:
        mask = decode_mask(data)
    except ImageError as error:
        raise ImageError(f"its mask cannot be read: {error}") from None
    if mask.shape != size:
        height, width = mask.shape
        raise ImageError(f"its mask is of {width} x {height} pixels, the image of {size[1]} x {size[0]}")
    beyond = mask[(mask >= classes) & (mask != NOT_LABELLED)]
    if beyond.size:
        raise ImageError(
            f"its mask holds {beyond[0]}: there are {classes} classes, from 0, and {NOT_LABELLED} for none"
        )
    return mask


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


def _masks(metadata: Metadata) -> dict[str, str]:
    """The mask of each image that has one."""
    if "mask_path" not in metadata.index:
        return {}
    names = zip(metadata.index["image_path"], metadata.index["mask_path"], strict=True)
    return {image: mask for image, mask in names if mask}
