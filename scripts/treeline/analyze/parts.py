"""What is measured of some images, and can be put together with what is measured of others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from treeline.analyze.channels import ChannelTotals, count_channels, kind_of, together
from treeline.analyze.detail import Detail, measure_detail
from treeline.analyze.image import decode_with_gaps, fill_gaps, measure_image
from treeline.analyze.sampling import choose_pixels
from treeline.errors import ImageError, InputError
from treeline.io.datasets.samples import Bands, Mask, decode_mask

NOT_LABELLED = 255
"""Value of a mask's pixels that have no class."""

MOST_PIECES = 256
"""Arrays of kept pixels; so many are put together."""


class Item(NamedTuple):
    """An image to be measured.

    Args:
        id: Its key.
        name: For messages.
        data: Encoded, or decoded already.
        mask: Encoded or decoded; None where there is none.
        split: That it is in; empty where there are none.
        pixels: How many of its pixels are kept.
        is_detailed: Whether it is of those that are looked at in detail.
        is_raster: Whether it is a raster.
    """

    id: int
    name: str
    data: bytes | Bands
    mask: bytes | Mask | None
    split: str
    pixels: int
    is_detailed: bool
    is_raster: bool


MEASURED = np.dtype(
    [
        ("id", np.int64),
        ("file_bytes", np.float64),
        ("digest", np.int64),
        ("width", np.int64),
        ("height", np.int64),
        ("memory_bytes", np.int64),
        ("brightness", np.float64),
        ("sharpness", np.float64),
        ("low", np.float64),
        ("high", np.float64),
    ]
)
"""What is kept of each image, in 80 bytes: its key; size of the encoded image, NaN where it is stored decoded; 64 bits
of a hash of what was read, the same for the same bytes; `ImageFacts`."""

Measured = npt.NDArray[np.void]
"""Images, of the type `MEASURED`."""


class PixelSample(NamedTuple):
    """Some pixels of some images.

    Args:
        id: Of each pixel's image.
        x: Its column.
        y: Its row.
        values: Pixels x channels.
    """

    id: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    values: npt.NDArray[np.generic]


class MaskPixels(NamedTuple):
    """How many pixels of a sample's mask are of a class."""

    id: int
    label_idx: int
    pixels: int


@dataclass
class Sums:
    """What is put together of all images, in any order; it does not grow with their number.

    Args:
        totals: Counts of the channels, by split.
        pixels: Those that are kept, in pieces.
        details: Of the images that are looked at in detail.
        kind: What is alike in the channels of all.
        example: Name of an image that has them.
    """

    totals: dict[str, ChannelTotals] = field(default_factory=dict)
    pixels: list[PixelSample] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    kind: str = ""
    example: str = ""

    def add(self, other: Sums) -> None:
        """Take in those of other images.

        Raises:
            InputError: They have other channels.
        """
        self.pixels.extend(other.pixels)
        if len(self.pixels) >= MOST_PIECES:
            self.pixels = [_in_one(self.pixels)]
        self.details.extend(other.details)
        for split, totals in other.totals.items():
            self.count(other.example, split, totals)

    def count(self, name: str, split: str, totals: ChannelTotals) -> None:
        """Take in what was counted of an image's channels, or of those of several.

        Raises:
            InputError: The channels are not like those before; names the image.
        """
        kind = kind_of(totals)
        if not self.kind:
            self.kind, self.example = kind, name
        if kind != self.kind:
            problem = f"it has {kind}, and {self.example} {self.kind}."
            raise InputError(name, problem, fix="Keep them in datasets of their own.")
        known = self.totals.get(split)
        self.totals[split] = totals if known is None else together(known, totals)

    def sort(self) -> None:
        """Bring all into the order of the ids, whatever order it came in, and each into one piece."""
        if self.pixels:
            pixels = _in_one(self.pixels)
            order = np.argsort(pixels.id, kind="stable")
            self.pixels = [PixelSample(pixels.id[order], pixels.x[order], pixels.y[order], pixels.values[order])]
        self.details.sort(key=lambda entry: entry.id)


@dataclass
class Part:
    """What is measured of some images.

    Args:
        measured: An entry a readable image.
        unreadable: Why others are not, by id.
        masks: An entry a class of a mask.
        sums: Of all of them.
    """

    measured: Measured
    unreadable: dict[int, str]
    masks: list[MaskPixels]
    sums: Sums


def measure_items(items: Iterable[Item]) -> Part:
    """Measure images, one at a time.

    Raises:
        InputError: An image has other channels than those before, or a mask cannot be read or has another size than
            its image; names it.
    """
    measured, pixels = [], []
    part = Part(np.empty(0, MEASURED), {}, [], Sums())
    for item in items:
        try:
            bands = decode_with_gaps(item.data) if isinstance(item.data, bytes) else item.data
        except ImageError as error:
            part.unreadable[item.id] = str(error)
            continue
        totals = count_channels(bands)
        part.sums.count(item.name, item.split, totals)
        image = fill_gaps(bands)
        facts = measure_image(image, totals)
        file_bytes = len(item.data) if isinstance(item.data, bytes) else np.nan
        measured.append((item.id, file_bytes, _digest(item.data), *facts))
        if item.pixels:
            pixels.append(_sample(item, image))
        if item.is_detailed:
            part.sums.details.append(measure_detail(item.id, image, is_raster=item.is_raster))
        if item.mask is not None:
            part.masks.extend(_mask_pixels(item, image.shape[:2]))
    part.measured = np.array(measured, MEASURED)
    if pixels:  # in one piece: an array of an image's few pixels takes many times their bytes
        part.sums.pixels.append(_in_one(pixels))
    return part


def _in_one(pieces: list[PixelSample]) -> PixelSample:
    ids, x, y, values = zip(*pieces, strict=True)
    return PixelSample(np.concatenate(ids), np.concatenate(x), np.concatenate(y), np.concatenate(values))


def _digest(data: bytes | Bands) -> int:
    content = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big", signed=True)


def _sample(item: Item, image: Bands) -> PixelSample:
    height, width, channels = image.shape
    places = choose_pixels(item.id, height * width, item.pixels)
    ids = np.full(len(places), item.id)
    return PixelSample(ids, places % width, places // width, image.reshape(-1, channels)[places])


def _mask_pixels(item: Item, size: tuple[int, ...]) -> list[MaskPixels]:
    try:
        mask = decode_mask(item.mask) if isinstance(item.mask, bytes) else item.mask
    except ImageError as error:
        raise InputError(item.name, f"its mask cannot be read: {error}.") from None
    assert mask is not None
    if mask.shape != size:
        raise InputError(item.name, f"its mask has {mask.shape} pixels, the image {size}.")
    counts = np.bincount(mask.ravel(), minlength=NOT_LABELLED + 1)[:NOT_LABELLED]
    return [MaskPixels(item.id, int(label), int(counts[label])) for label in np.flatnonzero(counts)]
