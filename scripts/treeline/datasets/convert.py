"""From one form of a dataset to another: any to any, samples one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from treeline.config_datasets import EncodingName, EncodingOptions
from treeline.errors import InputError
from treeline.io.datasets.encodings import TARGETS, Encoding, open_encoding, write_encoding
from treeline.io.datasets.metadata import ID
from treeline.io.datasets.samples import Sample
from treeline.io.encode import encode_png

SUFFIXES: dict[str, EncodingName] = {".h5": "hdf5", ".hdf5": "hdf5", ".zarr": "zarr"}


def convert(source: Path, target: Path, options: EncodingOptions) -> int:
    """Write an encoded dataset in another form.

    Args:
        source: An encoding.
        target: File or folder; replaced as a whole, or not at all.
        options: Which form, and how. Without a size, bytes pass through untouched; where the source keeps pixels, they
            become PNG.

    Returns:
        Number of samples.

    Raises:
        InputError: The source is no encoding, is where the target is to be, or one of its samples is damaged.
    """
    if source.resolve() == target.resolve():
        raise InputError(target, "is the source.", fix="Give another target.")
    encoding = open_encoding(source)
    try:
        write_encoding(encoding.metadata, read_encoding(encoding), target, options)
    finally:
        encoding.close()
    return len(encoding.metadata)


def read_encoding(encoding: Encoding) -> Iterator[Sample]:
    """Read every sample of an encoding once, in the order of its index."""
    for position, id in enumerate(encoding.metadata.index[ID]):
        mask = encoding.mask(position)
        yield Sample(int(id), encoding.encoded(position), None if mask is None else encode_png(mask))


def kind_of(target: Path) -> EncodingName:
    """Tell by its name which form a target is to have: `dataset.h5`, `images.zarr`, or one of `TARGETS`.

    Raises:
        InputError: The name does not say it.
    """
    names = {name: kind for kind, name in TARGETS.items()}
    kind = names.get(target.name) or SUFFIXES.get(target.suffix)
    if kind is None:
        fix = f"Give --kind, or one of these names: {', '.join(names)}."
        raise InputError(target, "its name does not say which form it is to have.", fix=fix)
    return kind
