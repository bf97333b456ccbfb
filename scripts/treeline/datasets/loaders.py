"""Batches of samples: in an order that can be saved and gone on with, the same for any number of workers.

PyTorch's loader asks its sampler for samples long before it gives them, so that a sampler cannot know how far training
is. Here the order counts what was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from treeline.datasets.sample_sets import Draw, Sample, SampleSet, check_least, generator_of
from treeline.errors import ConfigError, InputError, TreelineError

if TYPE_CHECKING:
    from treeline.datasets.tar_stream import TarStream

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
        generator = generator_of(Draw(0, self._epoch, self._seed))
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
        if state.keys() != self.state_dict().keys():
            raise ConfigError(
                f"a saved order has {', '.join(self.state_dict())}, and not {', '.join(state) or 'nothing'}."
            )
        for name, value in self._identity().items():
            if state[name] != value:
                raise ConfigError(
                    f"the saved order has {name} {state[name]}, and this one {value}: go on with the same."
                )
        self._epoch, self._given, self._goes_on = int(state["epoch"]), int(state["given"]), True

    def _identity(self) -> dict[str, int | bool]:
        return {"samples": self._samples, "seed": self._seed, "shuffle": self._shuffle}


class _Loader(torch.utils.data.DataLoader[Batch]):
    """A loader out of which errors come as they are: PyTorch would bury them in a worker's traceback."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, TreelineError):
                raise batch
            yield batch


class Loader(_Loader):
    """Gives batches; `loader` makes it.

    Each iteration is an epoch, with an order and random crops of its own. That which follows `load_state_dict` is the
    rest of the saved one: the same batches as if it had not been interrupted.
    """

    def __init__(
        self,
        samples: SampleSet,
        order: Order,
        batch_size: int,
        workers: int,
        start: StartMethod | None,
        pinned: bool,
    ) -> None:
        self.order = order
        super().__init__(
            _Batches(samples),
            batch_size=batch_size,
            sampler=order,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pinned,
            multiprocessing_context=start if workers else None,
        )

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Give batches.

        Raises:
            InputError: A sample cannot be read; names it.
        """
        self.order.begin()
        for batch in super().__iter__():
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
    pinned: bool = False,
) -> Loader:
    """Make a loader of batches.

    Args:
        samples: A dataset, a concatenation or a join.
        batch_size: Samples a batch; the last one may have less.
        workers: Processes that read; the batches are the same for any number.
        seed: Of the order, of random crops and of augmentations.
        shuffle: Whether each epoch has an order of its own.
        start: How workers are started; None is Python's way.
        pinned: Whether batches lie in memory that is never swapped out, of which a GPU fetches them while the CPU goes
            on; needs a GPU.

    Raises:
        ConfigError: A number is too small.
    """
    check_least(batch_size=(batch_size, 1), workers=(workers, 0), seed=(seed, 0))
    return Loader(samples, Order(len(samples), seed=seed, shuffle=shuffle), batch_size, workers, start, pinned)


def stream_loader(
    stream: TarStream, batch_size: int, *, workers: int = 0, start: StartMethod | None = None
) -> Iterable[Batch]:
    """Make a loader of batches of a stream; their order hangs on the number of workers.

    Args:
        stream: Samples of tar archives.
        batch_size: Samples a batch; the last one of each worker may have less.
        workers: Processes that read.
        start: How workers are started; None is Python's way.

    Raises:
        ConfigError: A number is too small.
    """
    check_least(batch_size=(batch_size, 1), workers=(workers, 0))
    return _Loader(
        _StreamBatches(stream, batch_size),
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        multiprocessing_context=start if workers else None,
    )


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
    return _stacked(values)


def _stacked(values: list[torch.Tensor]) -> torch.Tensor:
    """Stack tensors as they lie in memory: images by pixels, which takes a fifth of the time of turning each."""
    pixels = [value.permute(1, 2, 0) for value in values] if values[0].ndim == 3 else []
    if pixels and pixels[0].is_contiguous():
        images: torch.Tensor = torch.utils.data.default_collate(pixels)
        return images.permute(0, 3, 1, 2)
    stacked: torch.Tensor = torch.utils.data.default_collate(values)
    return stacked


class _Batches(torch.utils.data.Dataset[Batch]):
    """Reads whole batches, and gives an error like one."""

    def __init__(self, samples: SampleSet) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitems__(self, draws: Sequence[Draw]) -> Batch | TreelineError:
        try:
            batch = collate([self._samples[draw] for draw in draws])
            first = draws[0]
            return (
                self._samples.mix(batch, generator_of(first, first.number, len(draws)))
                if self._samples.mixes
                else batch
            )
        except TreelineError as error:
            return error


class _StreamBatches(torch.utils.data.IterableDataset[Batch]):
    """Reads whole batches of a stream, and gives an error like one, the last."""

    def __init__(self, stream: TarStream, batch_size: int) -> None:
        self._stream, self._batch_size = stream, batch_size

    def __iter__(self) -> Iterator[Batch | TreelineError]:
        samples = iter(self._stream)
        try:
            while batch := list(islice(samples, self._batch_size)):
                yield self._stream.mix(collate(batch))
        except TreelineError as error:
            yield error


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _size(batch: Batch) -> int:
    return len((batch[0] if isinstance(batch, tuple) else batch)["id"])
