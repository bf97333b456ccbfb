"""A dataset to train with: its samples by number, whatever its encoding."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.datasets.sample_maker import Options, SampleMaker, Transforms
from treeline.datasets.sample_sets import Draw, Sample, SampleSet, generator_of
from treeline.datasets.sampling import Spectral, Tabular, Temporal, choose, column_of, facts_of
from treeline.datasets.windows import Windows
from treeline.errors import ConfigError
from treeline.io.datasets.encodings import Encoding, open_encoding
from treeline.io.datasets.metadata import TRAINVALTEST


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
        spatial: Windows | None = None,
        spectral: Spectral | None = None,
        temporal: Temporal | None = None,
        transforms: Transforms | None = None,
    ) -> None:
        self._encoding = open_encoding(Path(path)) if isinstance(path, str | Path) else path
        metadata = self._encoding.metadata
        file = Path(path) if isinstance(path, str | Path) else Path(metadata.name)
        self._maker = SampleMaker(metadata, file, Options(spatial, spectral, transforms))
        self.contents = (self._maker.content,)
        self._positions = choose(metadata, split, temporal, tabular)
        self._repeats = pd.Series(self._positions).groupby(self._positions).cumcount().to_numpy()
        self._ends = np.arange(1, len(self._positions) + 1) if spatial is None else self._count_windows()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return self._maker.content.class_names

    @property
    def index(self) -> pd.DataFrame:
        """The row of the table `index` of each sample; of a window, that of its image."""
        return self._of_samples(self._encoding.metadata.index)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, draw: Draw) -> Sample:
        """Read a sample."""
        number = int(np.searchsorted(self._ends, draw.number, side="right"))
        window = draw.number - int(self._ends[number - 1] if number else 0)
        position = int(self._positions[number])
        randomness = partial(generator_of, draw, self._maker.id(position), int(self._repeats[number]), window)
        with self._maker.naming(position):
            bands = self._encoding.pixels(position)
            mask = self._encoding.mask(position) if self._maker.has_masks else None
            return self._maker.make(position, bands, mask, window, randomness, draw.within)

    @property
    def mixes(self) -> bool:
        """Whether the transforms mix the samples of a batch."""
        return self._maker.mixes

    @property
    def has_windows(self) -> bool:
        """Whether an image is several samples."""
        return bool(np.diff(self._ends, prepend=0).max() > 1)

    def mix(self, batch: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        """Mix the samples of a batch."""
        return self._maker.mix(batch, generator)

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

    def _count_windows(self) -> npt.NDArray[np.int64]:
        """For each image, how many windows it and those before it have."""
        facts = facts_of(self._encoding.metadata).iloc[self._positions]
        heights, widths = (column_of(facts, name).tolist() for name in ("image_height", "image_width"))
        images = zip(self._positions.tolist(), heights, widths, strict=True)
        ends = np.cumsum([self._maker.count(*image) for image in images])
        if not ends[-1]:
            raise ConfigError(f"{self.name}: no image has one of the windows that are asked for.")
        return ends
