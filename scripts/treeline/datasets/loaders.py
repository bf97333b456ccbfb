"""Batches of samples: in an order that can be saved and gone on with, the same for any number of workers.

PyTorch's loader asks its sampler for samples long before it gives them, so that a sampler cannot know how far training
is. Here the order counts what was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from treeline.datasets.sample_sets import Draw, Sample, SampleSet
from treeline.errors import ConfigError, InputError, TreelineError

StartMethod = Literal["fork", "spawn", "forkserver"]
Batch = Any
"""`{"image": B x C x H x W, "target": ..., "id": B}`; of a join, a tuple of one such a side."""


class Order(torch.utils.data.Sampler[Draw]):
    """The order in which samples are read: the same for the same seed, epoch and number of samples.

    Args:
        samples: How many there are.
        seed: Another one shuffles, crops and augments otherwise.
        shuffle: Or by their numbers.
    """

    def __init__(self, samples: int, *, seed: int, shuffle: bool) -> None:
        self._samples, self._seed, self._shuffle = samples, seed, shuffle
        self._epoch = self._given = 0
        self._goes_on = False

    def __len__(self) -> int:
        return self._samples

    def __iter__(self) -> Iterator[Draw]:
        """What has not been given yet in this epoch."""
        generator = np.random.default_rng((self._seed, self._epoch))
        order = generator.permutation(self._samples) if self._shuffle else np.arange(self._samples)
        yield from (Draw(int(index), self._epoch, self._seed) for index in order[self._given :])

    def begin(self) -> None:
        """Begin the next epoch; or go on with the one of a loaded state."""
        if self._given and not self._goes_on:
            self.end()
        self._goes_on = False

    def give(self, count: int) -> None:
        """Count samples that are given."""
        self._given += count

    def end(self) -> None:
        """End the epoch."""
        self._epoch, self._given = self._epoch + 1, 0

    def state_dict(self) -> dict[str, int | bool]:
        """Where the order is: numbers that JSON can hold."""
        return {**self._identity(), "epoch": self._epoch, "given": self._given}

    def load_state_dict(self, state: Mapping[str, int | bool]) -> None:
        """Go on from where `state_dict` was taken.

        Raises:
            ConfigError: The state is of other samples, or of another order of them.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ConfigError(
                    f"the saved order has {name} {state.get(name)}, and this one {value}: go on with the same."
                )
        self._epoch, self._given, self._goes_on = int(state["epoch"]), int(state["given"]), True

    def _identity(self) -> dict[str, int | bool]:
        return {"samples": self._samples, "seed": self._seed, "shuffle": self._shuffle}


class Loader(torch.utils.data.DataLoader[Batch]):
    """Gives batches; `loader` makes it.

    Each iteration is an epoch, with an order and random crops of its own. That which follows `load_state_dict` is the
    rest of the saved one: the same batches as if it had not been interrupted.
    """

    def __init__(
        self, samples: SampleSet, order: Order, batch_size: int, workers: int, start: StartMethod | None
    ) -> None:
        self.order = order
        super().__init__(
            _Batches(samples),
            batch_size=batch_size,
            sampler=order,
            num_workers=workers,
            collate_fn=_as_it_is,
            multiprocessing_context=start if workers else None,
        )

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Give batches.

        Raises:
            InputError: A sample cannot be read; names it, and comes as it is out of a worker too.
        """
        self.order.begin()
        for batch in super().__iter__():
            if isinstance(batch, TreelineError):
                raise batch
            self.order.give(_size(batch))
            yield batch
        self.order.end()

    def state_dict(self) -> dict[str, int | bool]:
        """How many batches were given, the last one included: to be saved beside the model's weights."""
        return self.order.state_dict()

    def load_state_dict(self, state: Mapping[str, int | bool]) -> None:
        """Have the next iteration be the rest of the saved epoch.

        Raises:
            ConfigError: The state is of other samples, or of another order of them.
        """
        self.order.load_state_dict(state)


def loader(
    samples: SampleSet,
    batch_size: int,
    *,
    workers: int = 0,
    seed: int = 0,
    shuffle: bool = False,
    start: StartMethod | None = None,
) -> Loader:
    """Make a loader of batches.

    Args:
        samples: A dataset, a concatenation or a join.
        batch_size: Samples a batch; the last one may have less.
        workers: Processes that read; the batches are the same for any number.
        seed: Of the order, of random crops and of augmentations.
        shuffle: Whether each epoch has an order of its own.
        start: How workers are started; None is Python's way.

    Raises:
        ConfigError: A number is too small.
    """
    for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0), ("seed", seed, 0)):
        if value < least:
            raise ConfigError(f"{name} is {value}; it is at least {least}.")
    return Loader(samples, Order(len(samples), seed=seed, shuffle=shuffle), batch_size, workers, start)


def collate(samples: Sequence[Sample]) -> Batch:
    """Make a batch of samples.

    Images, masks and vectors are stacked, numbers become a tensor; the targets of a detection, of which each may have
    another number of boxes, are a list.

    Raises:
        InputError: Images are of several sizes; names two samples.
    """
    if isinstance(samples[0], tuple):
        return tuple(collate(side) for side in zip(*samples, strict=True))
    ids = [sample["id"] for sample in samples]
    return {name: _collated([sample[name] for sample in samples], name, ids) for name in samples[0]}


def _collated(values: list[Any], name: str, ids: Sequence[int]) -> Any:
    if isinstance(values[0], dict):
        return values
    if not isinstance(values[0], torch.Tensor):
        return torch.tensor(values)
    for value, number in zip(values, ids, strict=True):
        if value.shape != values[0].shape:
            sizes = [" x ".join(map(str, tensor.shape)) for tensor in (values[0], value)]
            problem = f"the {name} of sample {ids[0]} is {sizes[0]}, that of sample {number} is {sizes[1]}."
            raise InputError("batch", problem, fix="Bring them to one size, by `spatial`.")
    return torch.utils.data.default_collate(values)


class _Batches(torch.utils.data.Dataset[Batch]):
    """Reads whole batches, and gives an error like one: PyTorch would bury it in a worker's traceback."""

    def __init__(self, samples: SampleSet) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitems__(self, draws: Sequence[Draw]) -> Batch | TreelineError:
        try:
            return collate([self._samples[draw] for draw in draws])
        except TreelineError as error:
            return error


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _size(batch: Batch) -> int:
    return len((batch[0] if isinstance(batch, tuple) else batch)["id"])
