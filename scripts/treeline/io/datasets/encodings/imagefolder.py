"""Image files in folders, beside their tables.

    imagefolder/<class>/00000012.jpg     of a classification; the name is the sample's id
    imagefolder/images/00000012.jpg      of everything else
    imagefolder/masks/00000012.png
    imagefolder/metadata.h5              its index says in `file` and `mask_file` where each lies

As torchvision's `ImageFolder` and Hugging Face's `imagefolder` want them: classes in sorted order have the numbers
that they have in the tables.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from treeline.config_datasets import EncodingOptions
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder
from treeline.io.datasets.encodings.intake import Intake
from treeline.io.datasets.encodings.reading import METADATA, ByteReader, describe, key_of, masked, read_tables
from treeline.io.datasets.metadata import INDEX, TABLES, Metadata, write_metadata
from treeline.io.datasets.samples import Sample
from treeline.io.image_names import inner_path
from treeline.io.names import IMAGE_EXTENSIONS, MAX_FILE_NAME_BYTES

IMAGES, MASKS = "images", "masks"
FILE, MASK_FILE = "file", "mask_file"
"""Columns of the index: where a sample's files lie below the folder."""


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the folder, as a whole or not at all.

    Raises:
        InputError: A sample is refused, or a class cannot name a folder.
    """
    folders = _folders(metadata)
    intake = Intake(metadata, samples, options)
    files, masks = np.full((2, len(metadata)), "", object)
    with atomic_folder(target) as folder:
        for name in (*folders, MASKS) if masked(metadata).any() else folders:
            (folder / name).mkdir()
        labels = metadata.index["label"].tolist() if folders != [IMAGES] else [IMAGES] * len(metadata)
        for sample in intake.encoded():
            name = key_of(sample.id)
            files[sample.position] = f"{labels[sample.position]}/{name}.{IMAGE_EXTENSIONS[sample.format]}"
            (folder / files[sample.position]).write_bytes(sample.data)
            if sample.mask is not None:
                masks[sample.position] = f"{MASKS}/{name}.png"
                (folder / masks[sample.position]).write_bytes(sample.mask)
        index = intake.metadata.index.assign(**{FILE: files, MASK_FILE: masks})
        write_metadata(intake.metadata.with_tables(**{INDEX: index}), folder / METADATA)


class ImageFolder(ByteReader):
    """A folder of images that is open for reading."""

    def __init__(self, path: Path, tables: Collection[str] = TABLES) -> None:
        metadata = read_tables(path, tables)
        if FILE not in metadata.index:
            raise InputError(path / METADATA, "the column is missing.", field=FILE, fix="Encode the dataset anew.")
        names = metadata.index[[FILE, MASK_FILE]]
        for name in names.to_numpy().ravel():
            if name:
                inner_path(path / METADATA, name)
        self._folder = os.fspath(path)
        self._files, self._masks = names[FILE].tolist(), names[MASK_FILE].tolist()
        super().__init__(path, metadata.with_tables(**{INDEX: metadata.index.drop(columns=[FILE, MASK_FILE])}))

    def encoded(self, position: int) -> bytes:
        """Read the image's file."""
        return self._read(position, self._files[position])

    def close(self) -> None:
        """No file stays open."""

    def _encoded_mask(self, position: int) -> bytes:
        return self._read(position, self._masks[position])

    def _read(self, position: int, name: str) -> bytes:
        # The system's own calls: a Path and a Python file cost as much again as the reading.
        try:
            descriptor = os.open(f"{self._folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.read(descriptor, os.fstat(descriptor).st_size)
            finally:
                os.close(descriptor)
        except OSError as error:
            problem = f"{describe(self.metadata, position)}: {name} cannot be read ({error.strerror})."
            raise InputError(self.path, problem) from None


def _folders(metadata: Metadata) -> list[str]:
    """Folders of the images: one a class, also where a class has no image, or the next ones would get its number."""
    if metadata.task != "multiclass" or masked(metadata).any():
        return [IMAGES]
    for name in metadata.class_names:
        too_long = len(name.encode()) > MAX_FILE_NAME_BYTES
        if not name or name.startswith(".") or "/" in name or "\0" in name or name == METADATA or too_long:
            fix = "Rename the class, or choose another encoding."
            raise InputError(metadata.name, f"the class {name!r} cannot name a folder.", fix=fix)
    return list(metadata.class_names)
