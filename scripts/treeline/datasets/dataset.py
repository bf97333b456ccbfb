"""A dataset to train with: its samples by number, whatever its encoding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from treeline.datasets.conditions import facts_of
from treeline.datasets.encodings import Encoding
from treeline.datasets.metadata import ID, TRAINVALTEST
from treeline.datasets.sample_sets import Content, Draw, Sample, SampleSet, generator_of
from treeline.datasets.samples import Bands, Mask
from treeline.datasets.sampling import Spectral, Tabular, Temporal, choose, column_of
from treeline.datasets.targets import UNLABELLED, Boxes, BoxTargets, Naming, SampleError, VectorTargets, targets_of
from treeline.errors import TreelineError


class Spatial(Protocol):
    """Which windows are cut out of an image, or how it is resized; those that there are, are in `windows`."""

    def count(self, height: int, width: int) -> int:
        """How many windows an image of this size has."""

    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> tuple[Bands, Mask | None, Boxes | None]:
        """Cut the window of this number out of an image, its mask and its boxes."""


class Transforms(Protocol):
    """What is done with a sample at the end; those that there are, are in `augmentations`."""

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Change a sample; what is drawn comes from `generator` alone."""


class Dataset(SampleSet):
    """The samples of a dataset.

    Each is `{"image": C x H x W tensor, "target": ..., "id": int}`. The image is of the stored type, bytes for photos.
    The target is a whole number (multiclass), a vector of 0 and 1 (multilabel), a number (regression),
    `{"boxes": N x 4 x0, y0, x1, y1, "labels": N}` (detection), or a mask of H x W whole numbers (segmentation).

    Args:
        path: One of the dataset's encodings, such as `datasets/deer/dataset.h5`; or one that is open.
        split: `train`, `val`, `test`, or `trainvaltest` for all.
        tabular: Which samples, by what the tables say.
        spatial: Which windows of the images; a sample is then a window.
        spectral: Which bands.
        temporal: Which samples, by the time of capture.
        transforms: What is done with each sample at the end.

    Raises:
        ConfigError: An option does not fit the dataset, or leaves no sample.
        InputError: There is no dataset, or its tables are wrong; names the sample.
    """

    def __init__(
        self,
        path: str | Path | Encoding,
        split: str = TRAINVALTEST,
        *,
        tabular: Tabular | None = None,
        spatial: Spatial | None = None,
        spectral: Spectral | None = None,
        temporal: Temporal | None = None,
        transforms: Transforms | None = None,
    ) -> None:
        self._encoding = _open(path)
        metadata = self._encoding.metadata
        self._naming = Naming(metadata, Path(path) if isinstance(path, str | Path) else Path(metadata.name))
        self._targets = targets_of(metadata, self._naming)
        self._positions = choose(metadata, split, temporal, tabular)
        self._ids = metadata.index[ID].to_numpy(np.int64)[self._positions]
        self._repeats = pd.Series(self._positions).groupby(self._positions).cumcount().to_numpy()
        self._bands = spectral.numbers(metadata.channels) if spectral is not None else None
        self._spatial, self._transforms = spatial, transforms
        self._ends = self._count_windows(spatial)
        self._classes = len(metadata.class_names)
        channels = metadata.channels if self._bands is None else tuple(metadata.channels[i] for i in self._bands)
        self.contents = (Content(metadata.name, metadata.task, metadata.class_names, channels),)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return self.contents[0].class_names

    @property
    def index(self) -> pd.DataFrame:
        """The row of the table `index` of each sample; of a window, that of its image."""
        return self._of_samples(self._encoding.metadata.index)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, draw: Draw) -> Sample:
        """Read a sample: choose bands, cut the window, make tensors, transform."""
        number = int(np.searchsorted(self._ends, draw.number, side="right"))
        window = draw.number - int(self._ends[number - 1] if number else 0)
        position, key = int(self._positions[number]), int(self._ids[number])
        generator = generator_of(draw, key, int(self._repeats[number]), window)
        with self._naming_errors(position):
            bands, mask, boxes = self._read(position)
            if self._spatial is not None:
                bands, mask, boxes = self._spatial.cut(bands, mask, boxes, window, generator)
            sample = {"image": _image(bands), "target": self._target(position, mask, boxes), "id": key}
            return sample if self._transforms is None else self._transforms(sample, generator)

    def keys(self, column: str) -> pd.Series[Any]:
        """A column of any table with a row a sample."""
        return column_of(self._of_samples(facts_of(self._encoding.metadata)), column)

    def extents(self) -> pd.DataFrame:
        """What each image covers; of a window, that of its image."""
        from treeline.datasets.joins import extents_of

        return extents_of(self._of_samples(facts_of(self._encoding.metadata)))

    def _of_samples(self, table: pd.DataFrame) -> pd.DataFrame:
        windows = np.diff(self._ends, prepend=0)
        return table.iloc[np.repeat(self._positions, windows)].reset_index(drop=True)

    def _count_windows(self, spatial: Spatial | None) -> npt.NDArray[np.int64]:
        """For each image, how many windows it and those before it have."""
        if spatial is None:
            return np.arange(1, len(self._positions) + 1)
        facts = facts_of(self._encoding.metadata)
        sizes = (column_of(facts, name).to_numpy()[self._positions] for name in ("image_height", "image_width"))
        return np.cumsum([spatial.count(int(height), int(width)) for height, width in zip(*sizes, strict=True)])

    def _read(self, position: int) -> tuple[Bands, Mask | None, Boxes | None]:
        bands = self._encoding.pixels(position)
        mask = self._mask(position, bands) if self._targets is None else None
        boxes = self._targets.at(position) if isinstance(self._targets, BoxTargets) else None
        if self._bands is not None:
            if max(self._bands) >= bands.shape[2]:
                raise self._naming.error(position, f"the image has {bands.shape[2]} bands only.", field="channels")
            bands = bands[..., self._bands]
        return bands, mask, boxes

    def _mask(self, position: int, bands: Bands) -> Mask:
        mask = self._encoding.mask(position)
        if mask is None:
            raise self._naming.error(position, "it has no mask.")
        if mask.shape != bands.shape[:2]:
            sizes = (f"{width} x {height}" for height, width in (mask.shape, bands.shape[:2]))
            raise self._naming.error(position, "its mask is {} pixels, the image {}.".format(*sizes))
        wrong = mask[(mask >= self._classes) & (mask != UNLABELLED)]
        if wrong.size:
            problem = f"its mask has the value {wrong[0]}; the {self._classes} classes are 0 to {self._classes - 1}."
            raise self._naming.error(position, problem, fix=f"{UNLABELLED} is for what is not labelled.")
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

    @contextmanager
    def _naming_errors(self, position: int) -> Iterator[None]:
        """Have each error name the sample."""
        try:
            yield
        except SampleError:
            raise
        except (TreelineError, OSError) as error:
            raise self._naming.error(position, f"cannot be read: {error}") from error


def _open(path: str | Path | Encoding) -> Encoding:
    if not isinstance(path, str | Path):
        return path
    from treeline.datasets.encodings.open import open_encoding

    return open_encoding(Path(path))


def _image(bands: Bands) -> torch.Tensor:
    """C x H x W, of an array that may be that of a file that is read only."""
    native = bands.astype(bands.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.require(native, requirements=("C", "W"))).permute(2, 0, 1)
