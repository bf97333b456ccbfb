"""Samples on their way into an encoding: checked, counted, and brought to one size where that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from treeline.config_datasets import EncodingOptions
from treeline.errors import ImageError, InputError
from treeline.io.datasets.encodings.reading import describe, encode_bands, masked
from treeline.io.datasets.encodings.sizes import resize_bands, resize_mask, resize_tables
from treeline.io.datasets.metadata import ID, Metadata
from treeline.io.datasets.samples import Bands, Mask, Sample, decode_bands, read_mask
from treeline.io.encode import encode_png
from treeline.io.images import EncodedFormat, Size, read_header, sniff_format


class EncodedSample(NamedTuple):
    """The bytes of a sample, as an encoding keeps them.

    Args:
        position: Row of the index.
        id: The key in the tables.
        format: How the image is encoded.
        data: The encoded image: the bytes that came, unless it had to be resized.
        mask: The mask as a PNG of one channel, where there is one.
        size: Height and width of the image as it came.
    """

    position: int
    id: int
    format: EncodedFormat
    data: bytes
    mask: bytes | None
    size: Size


class DecodedSample(NamedTuple):
    """The pixels of a sample, as an encoding keeps them.

    Args:
        position: Row of the index.
        pixels: Of the same height, width, channels and type in every sample.
        mask: Of the same height and width, where there is one.
    """

    position: int
    pixels: Bands
    mask: Mask | None


class Intake:
    """Takes in the samples of a dataset, each exactly once.

    Args:
        metadata: Of these samples.
        samples: In any order.
        options: Of the encoding; they may say to which height and width each is brought.

    Raises:
        InputError: There is no sample, or one has a label that is no class; names it.
    """

    def __init__(self, metadata: Metadata, samples: Iterable[Sample], options: EncodingOptions) -> None:
        if len(metadata) == 0:
            raise InputError(metadata.name, "the dataset has no samples.", fix="Look at what its steps have dropped.")
        _check_labels(metadata)
        self._metadata, self._samples = metadata, samples
        self.size: Size | None = None if options.size is None else (options.size[0], options.size[1])
        self.count, self._classes = len(metadata), len(metadata.class_names)
        self._sizes = np.zeros((len(metadata), 2), np.int64)

    def encoded(self) -> Iterator[EncodedSample]:
        """Give the samples as bytes.

        Raises:
            InputError: A sample is no image; its mask is none, has another size, or a value that is no class; or it is
                missing, unknown, or there twice; names it.
        """
        for position, sample in self._each_once():
            try:
                yield self._encode(position, sample)
            except ImageError as error:
                raise self._refused(position, f"{error}.") from None

    def decoded(self) -> Iterator[DecodedSample]:
        """Give the samples as pixels.

        Raises:
            InputError: As `encoded`; or a sample's pixels are not of the first one's kind.
        """
        first: DecodedSample | None = None
        for position, sample in self._each_once():
            try:
                pixels, mask = self._decode(position, sample)
            except ImageError as error:
                raise self._refused(position, f"{error}.") from None
            decoded = DecodedSample(position, pixels, mask)
            first = first or decoded
            if (pixels.shape, pixels.dtype) != (first.pixels.shape, first.pixels.dtype):
                raise self._unlike(decoded, first)
            yield decoded

    @property
    def metadata(self) -> Metadata:
        """The tables of what was given; only at the end are all sizes known."""
        metadata = self._metadata if self.size is None else resize_tables(self._metadata, self._sizes, self.size)
        # Each encoding stands on its own, wherever it is taken.
        return Metadata(metadata.name, metadata.task, metadata.class_names, metadata.tables, channels=metadata.channels)

    def _each_once(self) -> Iterator[tuple[int, Sample]]:
        positions = {int(id): position for position, id in enumerate(self._metadata.index[ID])}
        is_seen, is_masked = np.zeros(len(positions), bool), masked(self._metadata)
        for sample in self._samples:
            if (position := positions.get(sample.id)) is None:
                raise InputError(self._metadata.name, f"the tables know no sample {sample.id}.")
            if is_seen[position]:
                raise self._refused(position, "it is there twice.")
            if is_masked[position] and sample.mask is None:
                raise self._refused(position, "its mask is missing.")
            is_seen[position] = True
            yield position, sample
        if not is_seen.all():
            raise self._refused(int(np.argmin(is_seen)), f"it is one of {np.sum(~is_seen):,} that are missing.")

    def _encode(self, position: int, sample: Sample) -> EncodedSample:
        data, size = sample.data, upright_size(sample.data)
        if self.size is None:
            mask = None if sample.mask is None else read_mask(sample.mask, size, self._classes)
        else:
            pixels, mask = self._decode(position, sample)
            data = data if size == self.size else encode_bands(pixels)
        found = sniff_format(data)
        assert found is not None  # or its size could not have been read
        png = None if mask is None else encode_png(mask)
        return EncodedSample(position, sample.id, found, data, png, size)

    def _decode(self, position: int, sample: Sample) -> tuple[Bands, Mask | None]:
        pixels = decode_bands(sample.data)
        size = pixels.shape[0], pixels.shape[1]
        mask = None if sample.mask is None else read_mask(sample.mask, size, self._classes)
        if self.size is not None:
            self._sizes[position] = size
            pixels = resize_bands(pixels, self.size)
            mask = None if mask is None else resize_mask(mask, self.size)
        return pixels, mask

    def _refused(self, position: int, problem: str) -> InputError:
        return InputError(describe(self._metadata, position), problem)

    def _unlike(self, sample: DecodedSample, first: DecodedSample) -> InputError:
        kinds = [_kind(one.pixels) for one in (sample, first)]
        other = describe(self._metadata, first.position)
        fix = "Give --height and --width, or an encoding of the bytes." if self.size is None else "Leave one kind out."
        problem = f"it has {kinds[0]}, but {other} has {kinds[1]}, and an array has room for one kind."
        return InputError(describe(self._metadata, sample.position), problem, fix=fix)


def upright_size(data: bytes) -> Size:
    """Read height and width of what `decode_bands` would make of an image, without decoding it.

    Raises:
        ImageError: The bytes are no image, or its header is broken.
    """
    if sniff_format(data) != "tiff":
        return read_header(data).upright_size
    from treeline.io.rasters import raster_size

    return raster_size(data)


def _kind(pixels: Bands) -> str:
    height, width, channels = pixels.shape
    return f"{width} x {height} pixels of {channels} channels ({pixels.dtype})"


def _check_labels(metadata: Metadata) -> None:
    """Refuse a label that is no class, or has another number than the class."""
    numbers = {name: number for number, name in enumerate(metadata.class_names)}
    for table in metadata.tables.values():
        if "label_idx" not in table:
            continue
        wrong = table["label"].map(numbers) != table["label_idx"]
        if wrong.any():
            row = table[wrong].iloc[0]
            sample = describe(metadata, int(np.argmax(metadata.index[ID] == row[ID])))
            problem = f"{row['label']!r} is not class number {row['label_idx']} of the dataset."
            raise InputError(sample, problem, field="label")
