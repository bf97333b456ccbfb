"""What can be read by number, one sample at a time, and how such sets are put one after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
import pandas as pd
import torch

from treeline.config_datasets import Task
from treeline.errors import ConfigError, InputError

if TYPE_CHECKING:
    from treeline.datasets.ground import Bounds

Sample: TypeAlias = Any
"""`{"image": C x H x W tensor, "target": ..., "id": int}`; of a join, a tuple of one such a side."""


class Draw(NamedTuple):
    """Which sample is asked for, and what its randomness hangs on.

    Args:
        number: Of the sample in its set.
        epoch: Another epoch crops and augments otherwise.
        seed: So does another seed.
        within: What is wanted of the image, before anything is cut out of it; None is all.
    """

    number: int
    epoch: int = 0
    seed: int = 0
    within: Bounds | None = None


class Content(NamedTuple):
    """What the samples of a dataset are.

    Args:
        name: The dataset's.
        task: What is to be learned.
        class_names: In the order of their numbers.
        channels: Names of the images' channels.
    """

    name: str
    task: Task
    class_names: tuple[str, ...]
    channels: tuple[str, ...]


class SampleSet(torch.utils.data.Dataset[Sample], ABC):
    """Samples by number: a map-style dataset of PyTorch.

    A whole number gives the sample as epoch 0 with seed 0 draws it; `loaders.loader` asks with a `Draw` instead.
    """

    contents: tuple[Content, ...]
    """What the samples are; of a join, of each side."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, draw: Draw) -> Sample:
        """Read a sample; `draw.number` is from 0 to the length - 1."""

    @abstractmethod
    def keys(self, column: str) -> pd.Series[Any]:
        """A column of the tables, a value a sample.

        Raises:
            ConfigError: There is none of this name.
        """

    @abstractmethod
    def extents(self) -> pd.DataFrame:
        """What each sample covers; its columns are `joins.EXTENT`."""

    @property
    def mixes(self) -> bool:
        """Whether the samples of a batch are to be mixed."""
        return False

    @property
    def has_windows(self) -> bool:
        """Whether an image may be several samples."""
        return False

    def mix(self, batch: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        """Mix the samples of a batch; what is drawn comes from `generator` alone."""
        return batch

    @property
    def name(self) -> str:
        """The name of the dataset, or of those that it is made of."""
        return " * ".join(content.name for content in self.contents)

    def __getitem__(self, number: SupportsIndex | Draw) -> Sample:
        """Read a sample; numbers below 0 count from the end.

        Raises:
            IndexError: There is no such number.
            InputError: The sample is missing, corrupt, or not what the tables say; names it.
        """
        draw = number if isinstance(number, Draw) else Draw(index(number))
        if not -len(self) <= draw.number < len(self):
            raise IndexError(f"{self.name} has {len(self)} samples, and none of number {draw.number}")
        return self.read(draw._replace(number=draw.number % len(self)))

    def __iter__(self) -> Iterator[Sample]:
        """Read all samples in order."""
        return (self[number] for number in range(len(self)))

    def __add__(self, other: torch.utils.data.Dataset[Sample]) -> Concatenation:  # type: ignore[override]
        """The samples of this one, then those of the other.

        Raises:
            InputError: The tasks, the classes or the numbers of channels differ.
        """
        return Concatenation(self, other) if isinstance(other, SampleSet) else NotImplemented

    def __mul__(self, other: SampleSet) -> SampleSet:
        """Pairs of samples that belong together: `joins.join`, where both know their place on the ground, by that.

        Raises:
            InputError: No two belong together.
        """
        from treeline.datasets.joins import join

        return join(self, other) if isinstance(other, SampleSet) else NotImplemented


class Concatenation(SampleSet):
    """The samples of one set after those of another.

    Args:
        *parts: Sets of the same task with the same classes.

    Raises:
        InputError: The tasks, the classes or the numbers of channels differ; says how.
    """

    def __init__(self, *parts: SampleSet) -> None:
        for other in parts[1:]:
            _check_alike(parts[0], other)
        self.parts = parts
        self.contents = parts[0].contents
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def read(self, draw: Draw) -> Sample:
        """Read a sample of one of the parts."""
        part = bisect_right(self._ends, draw.number)
        start = self._ends[part - 1] if part else 0
        return self.parts[part].read(draw._replace(number=draw.number - start))

    @property
    def mixes(self) -> bool:
        """Whether all parts do."""
        return self.parts[0].mixes

    @property
    def has_windows(self) -> bool:
        """Whether that is so in any part."""
        return any(part.has_windows for part in self.parts)

    def mix(self, batch: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        """Mix samples of all parts, as the first one does."""
        return self.parts[0].mix(batch, generator)

    def keys(self, column: str) -> pd.Series[Any]:
        """Those of all parts."""
        return pd.concat([part.keys(column) for part in self.parts], ignore_index=True)

    def extents(self) -> pd.DataFrame:
        """Those of all parts."""
        return pd.concat([part.extents() for part in self.parts], ignore_index=True)


def generator_of(draw: Draw, *numbers: int) -> np.random.Generator:
    """The source of what is drawn: the same for the same seed, epoch and numbers, in whatever process.

    Args:
        draw: With the seed and the epoch.
        *numbers: What it is for, 0 or more each.
    """
    return np.random.default_rng(np.random.SeedSequence((draw.seed, draw.epoch), spawn_key=numbers))


def check_least(**options: tuple[int, int]) -> None:
    """Check that options are not too small: each with its value and the least that it may be.

    Raises:
        ConfigError: One is.
    """
    for name, (value, least) in options.items():
        if value < least:
            raise ConfigError(f"{name} is {value}; it is at least {least}.")


def _check_alike(one: SampleSet, other: SampleSet) -> None:
    together = f"{one.name} + {other.name}"
    if len(one.contents) != len(other.contents):
        raise InputError(together, f"the first has {len(one.contents)} sides, the second {len(other.contents)}.")
    if one.mixes != other.mixes:
        raise InputError(together, "only one of them mixes its batches.", fix="Give both the same transforms.")
    for first, second in zip(one.contents, other.contents, strict=True):
        if first.task != second.task:
            raise InputError(together, f"the tasks differ: {first.task} and {second.task}.")
        if first.class_names != second.class_names:
            fix = "Describe both with the same list of `classes`, and make them anew."
            raise InputError(together, f"the classes differ: {_difference(first, second)}.", fix=fix)
        if len(first.channels) != len(second.channels):
            problem = f"the channels differ: {', '.join(first.channels)} and {', '.join(second.channels)}."
            raise InputError(together, problem, fix="Choose bands: spectral=Spectral([...]).")


def _difference(first: Content, second: Content) -> str:
    sides = (
        ("the first", set(first.class_names) - set(second.class_names)),
        ("the second", set(second.class_names) - set(first.class_names)),
    )
    return (
        ", ".join(f"only {side} has {', '.join(sorted(names))}" for side, names in sides if names) or "in their order"
    )
