"""From images to what a model says of each, with a batch of them in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

import numpy as np
import numpy.typing as npt

from treeline.errors import ImageError, InputError
from treeline.io.atomic import atomic_path
from treeline.io.csv_tables import csv_rows
from treeline.io.datasets.samples import Bands
from treeline.io.image_sources import LoadedImage, Place, find_images, load_from
from treeline.io.images import Size
from treeline.models.inference import OnnxModel

FAILURES_COLUMNS = ("image", "reason")

Key = TypeVar("Key")
Numbers = npt.NDArray[np.float32]


class Failures:
    """The list of images of which nothing can be said; `failures_file` makes one."""

    def __init__(self, file: TextIO) -> None:
        self._write = csv_rows(file, FAILURES_COLUMNS)
        self.count = 0

    def add(self, image: str, reason: str) -> None:
        """Put an image on the list."""
        self._write((image, reason))
        self.count += 1


class Ready(NamedTuple):
    """An image as a model takes it.

    Args:
        image: 1 x channels x height x width.
        size: Height and width that it had, in pixels.
    """

    image: Numbers
    size: Size


def find_named(sources: Sequence[Path], output: Path) -> dict[str, Place]:
    """List the images of sources, as `find_images`.

    Raises:
        InputError: There is none, or a name cannot be written.
    """
    places = find_images(sources, output)
    if not places:
        raise InputError(sources[0], "holds no image.", fix="Give folders, archives or shards that hold some.")
    for name, place in places.items():
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(place.path, f"the name {name!r} is not UTF-8.", fix="Rename the file.") from None
    return places


def load_named(places: Mapping[str, Place], failures: Failures) -> Iterator[LoadedImage]:
    """Read images one at a time, as `load_images`; one that is gone or cannot be read is a failure."""
    for place, group in groupby(places, key=places.__getitem__):
        missing = set(group)
        reason = "is not there any more"
        try:
            for image in load_from(place, set(missing)):
                missing.discard(image.name)
                yield image
        except OSError as error:
            if place.archived:
                raise
            reason = f"cannot be read: {error.strerror}"
        for name in sorted(missing):
            failures.add(name, reason)


def make_ready(model: OnnxModel, pixels: Bands) -> Ready:
    """Bring an image to what the model takes.

    Raises:
        ImageError: It has other channels, or holds what is no number.
    """
    try:
        image = model.prepare([pixels])
    except ValueError as error:
        raise ImageError(str(error)) from None
    if not np.isfinite(image).all():
        raise ImageError("holds NaN or infinity")
    return Ready(image, (pixels.shape[0], pixels.shape[1]))


def run_in_batches(
    model: OnnxModel, images: Iterable[tuple[Key, Ready]], batch_size: int
) -> Iterator[tuple[Key, Ready, Numbers]]:
    """Give each image's outputs, in the order of the images."""
    remaining = iter(images)
    while batch := list(islice(remaining, batch_size)):
        answers = model.run(np.concatenate([ready.image for _, ready in batch]))
        for (key, ready), outputs in zip(batch, answers.outputs, strict=True):
            yield key, ready, outputs


@contextmanager
def failures_file(target: Path) -> Iterator[Failures]:
    """Write a CSV of images of which nothing can be said: as a whole or not at all, and also where there is none."""
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield Failures(file)


def failures_of(output: Path) -> Path:
    """The list of failures that is written beside an output: `<name without ending>.failures.csv`."""
    return output.with_name(f"{output.stem}.failures.csv")
