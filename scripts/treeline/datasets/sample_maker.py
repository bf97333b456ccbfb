"""From the pixels of a sample to what a model is given: bands, windows, targets, tensors, transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from treeline.config_datasets import Task
from treeline.datasets.ground import grounds_of
from treeline.datasets.sample_sets import Content, Sample
from treeline.datasets.sampling import Spectral, facts_of
from treeline.datasets.targets import ANEW, Boxes, BoxTargets, Naming, VectorTargets, targets_of
from treeline.datasets.windows import Ground, Then, Windows
from treeline.errors import ConfigError, TreelineError
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import NOT_LABELLED, Bands, Mask


class Transforms(Protocol):
    """What is done with a sample at the end."""

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Change a sample; what is drawn comes from `generator` alone."""


@runtime_checkable
class Augments(Transforms, Protocol):
    """Transforms that know what they are for, and may mix batches; those that there are, are in `augmentations`."""

    of_batches: Sequence[object]
    """Those that mix."""

    def check(self, task: Task, channels: Sequence[str]) -> None:
        """Check that they fit a dataset."""

    def mix(self, batch: dict[str, Any], classes: int, generator: np.random.Generator) -> dict[str, Any]:
        """Mix the samples of a batch."""


@dataclass(frozen=True)
class Options:
    """What is done with each sample.

    Args:
        spatial: Which windows of the images; a sample is then a window.
        spectral: Which bands.
        transforms: What is done with each sample at the end.
    """

    spatial: Windows | None = None
    spectral: Spectral | None = None
    transforms: Transforms | None = None


class SampleMaker:
    """Makes the samples of a dataset.

    Args:
        metadata: The dataset's.
        file: Where it is, for errors.
        options: What is done with each sample.

    Raises:
        ConfigError: There is no such band, or the transforms are not for this task.
        InputError: The tables are wrong; names the sample.
    """

    def __init__(self, metadata: Metadata, file: Path, options: Options) -> None:
        self._naming = Naming(metadata, file)
        self._targets = targets_of(metadata, self._naming)
        self._options = options
        self._classes = len(metadata.class_names)
        self._metadata = metadata
        channels = metadata.channels
        self._bands = options.spectral.numbers(channels) if options.spectral is not None else range(len(channels))
        chosen = tuple(channels[number] for number in self._bands)
        if isinstance(options.transforms, Augments):
            options.transforms.check(metadata.task, chosen)
        self.content = Content(metadata.name, metadata.task, metadata.class_names, chosen)

    @property
    def has_masks(self) -> bool:
        """Whether the targets are masks."""
        return self._targets is None

    def id(self, position: int) -> int:
        """The id of the sample in a row of the index."""
        return self._naming.id(position)

    def count(self, position: int, height: float, width: float) -> int:
        """How many samples an image makes.

        Args:
            position: Row of the index.
            height: In pixels.
            width: In pixels.

        Raises:
            InputError: It has no such windows; names the sample.
        """
        with self.naming(position):
            windows = self._windows(position, None)
            if not np.isfinite([height, width]).all():
                raise self._naming.error(position, "its size is not known.", field="image_height", fix=ANEW)
            return 1 if windows is None else windows.count(int(height), int(width))

    def make(
        self,
        position: int,
        bands: Bands,
        mask: Mask | None,
        window: int,
        randomness: Callable[[], np.random.Generator],
        within: Windows | None = None,
    ) -> Sample:
        """Make a sample.

        Args:
            position: Row of the index.
            bands: The image.
            mask: Its mask, where there is one.
            window: Which of its windows.
            randomness: Gives the generator from which alone all that is drawn comes; it is asked where one is needed.
            within: What is wanted of the image, before anything is cut out of it; None is all.

        Raises:
            InputError: Image and mask are not what the tables say; names the sample.
        """
        boxes = self._targets.at(position) if isinstance(self._targets, BoxTargets) else None
        mask = self._checked(position, mask, bands) if self._targets is None else None
        bands = self._chosen(position, bands)
        windows, transforms = self._windows(position, within), self._options.transforms
        # To make a generator takes as long as to read a sample of raw pixels.
        generator = None if windows is None and transforms is None else randomness()
        if windows is not None and generator is not None:
            bands, mask, boxes = windows.cut(bands, mask, boxes, window, generator)
        target = self._target(position, mask, boxes)
        sample = {"image": _image(bands), "target": target, "id": self._naming.id(position)}
        return sample if transforms is None or generator is None else transforms(sample, generator)

    @property
    def mixes(self) -> bool:
        """Whether samples of a batch are mixed."""
        return isinstance(self._options.transforms, Augments) and bool(self._options.transforms.of_batches)

    def mix(self, batch: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        """Mix the samples of a batch, where the transforms do."""
        transforms = self._options.transforms
        return transforms.mix(batch, self._classes, generator) if isinstance(transforms, Augments) else batch

    @contextmanager
    def naming(self, position: int) -> Iterator[None]:
        """Have each error name the sample."""
        try:
            yield
        except (TreelineError, OSError) as error:
            if self._naming.name(position) in str(error):
                raise
            problem = str(error) if isinstance(error, ConfigError) else f"cannot be read: {error}"
            raise self._naming.error(position, problem) from error

    @cached_property
    def _grounds(self) -> Sequence[Ground | None]:
        return grounds_of(facts_of(self._metadata))

    def _windows(self, position: int, within: Windows | None) -> Windows | None:
        spatial = self._options.spatial
        wanted = spatial if within is None else within if spatial is None else Then(within, spatial)
        return None if wanted is None else wanted.at(self._grounds[position])

    def _chosen(self, position: int, bands: Bands) -> Bands:
        expected = len(self._metadata.channels)
        if bands.shape[2] != expected:
            raise self._naming.error(position, f"the image has {bands.shape[2]} bands, the dataset {expected}.")
        return bands if self._options.spectral is None else bands[..., self._bands]

    def _checked(self, position: int, mask: Mask | None, bands: Bands) -> Mask:
        if mask is None:
            raise self._naming.error(position, "it has no mask.")
        if mask.shape != bands.shape[:2]:
            sizes = (f"{width} x {height}" for height, width in (mask.shape, bands.shape[:2]))
            raise self._naming.error(position, "its mask is {} pixels, the image {}.".format(*sizes))
        wrong = mask[(mask >= self._classes) & (mask != NOT_LABELLED)]
        if wrong.size:
            problem = f"its mask has the value {wrong[0]}; the {self._classes} classes are 0 to {self._classes - 1}."
            raise self._naming.error(position, problem, fix=f"{NOT_LABELLED} is for what is not labelled.")
        return mask

    def _target(self, position: int, mask: Mask | None, boxes: Boxes | None) -> Any:
        if mask is not None:
            return torch.from_numpy(mask.astype(np.int64))
        if boxes is not None:
            corners = torch.from_numpy(boxes.corners.astype(np.float32))
            return {"boxes": corners, "labels": torch.from_numpy(boxes.labels.copy())}
        assert self._targets is not None  # only of masks
        target = self._targets.at(position)
        return torch.from_numpy(target) if isinstance(self._targets, VectorTargets) else target


def _image(bands: Bands) -> torch.Tensor:
    """C x H x W, of an array that may be that of a file that is read only."""
    native = bands.astype(bands.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.require(native, requirements=("C", "W"))).permute(2, 0, 1)
