"""A dataset's samples as they stand in its tar archives: read from beginning to end, as disks and networks like it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from treeline.datasets.sample_maker import Options, SampleMaker, Transforms
from treeline.datasets.sample_sets import Draw, Sample, check_least, generator_of
from treeline.datasets.sampling import Spectral
from treeline.datasets.windows import Windows
from treeline.errors import ConfigError, InputError, ShardError
from treeline.io.datasets.encodings.reading import METADATA
from treeline.io.datasets.encodings.tar import ARCHIVES, CLASS, FACTS, MASK
from treeline.io.datasets.metadata import ID, SPLITS, TRAINVALTEST, read_metadata
from treeline.io.datasets.samples import decode_bands, decode_mask
from treeline.io.tar import Member, read_members


class _Encoded(NamedTuple):
    """The bytes of a sample."""

    position: int
    image: bytes
    mask: bytes | None


class TarStream(torch.utils.data.IterableDataset[Sample]):
    """The samples of the encoding `tar`, for a loader of PyTorch with any number of workers.

    Whole archives are divided over all workers of all ranks, so that each sample comes once; a worker for which there
    is no archive gives nothing. What is drawn for a sample depends on the seed, the epoch and its id, its place on the
    number of workers too.

    Args:
        path: Folder of the archives, such as `datasets/deer/shards`.
        split: `train`, `val`, `test`, or `trainvaltest` for all.
        spatial: Which windows of the images; a sample is then a window.
        spectral: Which bands.
        transforms: What is done with each sample at the end.
        shuffle: Samples among which each next one is drawn, which are held in memory; 0 leaves all in their order.
        seed: Another one shuffles, crops and augments otherwise.
        rank: Number of this process among those that train together, from 0.
        ranks: How many they are.

    Raises:
        ConfigError: An option is wrong.
        InputError: There is no such dataset, or its tables are wrong; names the sample.
    """

    def __init__(
        self,
        path: str | Path,
        split: str = TRAINVALTEST,
        *,
        spatial: Windows | None = None,
        spectral: Spectral | None = None,
        transforms: Transforms | None = None,
        shuffle: int = 0,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if not 0 <= rank < ranks:
            raise ConfigError(f"rank is {rank}; it is from 0 to {ranks - 1}.")
        check_least(shuffle=(shuffle, 0), seed=(seed, 0))
        folder = Path(path)
        metadata = read_metadata(folder / METADATA)
        self._archives = _archives(folder, split)
        self._maker = SampleMaker(metadata, folder, Options(spatial, spectral, transforms))
        self._positions = {int(id): position for position, id in enumerate(metadata.index[ID])}
        self._shuffle, self._seed, self._rank, self._ranks = shuffle, seed, rank, ranks
        # Shared, for workers that outlive an epoch hear of the next one in no other way.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    def set_epoch(self, epoch: int) -> None:
        """Shuffle, crop and augment as in this epoch from the next iteration on."""
        self._epoch[0] = epoch

    def mix(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Mix the samples of a batch, where the transforms do; what is drawn depends on which they are."""
        if not self._maker.mixes:
            return batch
        draw = Draw(0, int(self._epoch[0]), self._seed)
        return self._maker.mix(batch, generator_of(draw, int(batch["id"][0]), len(batch["id"])))

    def __iter__(self) -> Iterator[Sample]:
        """Read this worker's samples.

        Raises:
            InputError: A sample is corrupt, or not what the tables say; names it.
            ShardError: An archive is missing or damaged.
        """
        draw = Draw(0, int(self._epoch[0]), self._seed)
        worker = torch.utils.data.get_worker_info()
        workers, number = (1, 0) if worker is None else (worker.num_workers, worker.id)
        share = self._rank * workers + number
        archives = self._archives
        if self._shuffle:
            order = generator_of(draw).permutation(len(archives))
            archives = [archives[place] for place in order]
        encoded = self._read(archives[share :: self._ranks * workers])
        shuffled = _shuffled(encoded, self._shuffle, generator_of(draw, share)) if self._shuffle else encoded
        for sample in shuffled:
            yield from self._samples(sample, draw)

    def _read(self, archives: list[Path]) -> Iterator[_Encoded]:
        for archive in archives:
            for key, group in groupby(read_members(archive), key=_key):
                members = {member.name.removeprefix(key): member.data for member in group}
                mask = members.pop(MASK, None)
                images = [data for ending, data in members.items() if ending not in (CLASS, FACTS)]
                position = self._positions.get(int(key)) if key.isdecimal() else None
                if position is None or len(images) != 1:
                    problem = f"{key} is no sample of the dataset." if position is None else f"{key} is not one image."
                    raise ShardError(archive, problem, fix="Encode the dataset anew.")
                yield _Encoded(position, images[0], mask)

    def _samples(self, encoded: _Encoded, draw: Draw) -> Iterator[Sample]:
        with self._maker.naming(encoded.position):
            bands = decode_bands(encoded.image)
            mask = decode_mask(encoded.mask) if self._maker.has_masks and encoded.mask is not None else None
            for window in range(self._maker.count(encoded.position, *bands.shape[:2])):
                randomness = partial(generator_of, draw, self._maker.id(encoded.position), 0, window)
                yield self._maker.make(encoded.position, bands, mask, window, randomness)


def _key(member: Member) -> str:
    """What the members of a sample have in common: what stands before the first dot."""
    return member.name.partition(".")[0]


def _archives(folder: Path, split: str) -> list[Path]:
    if split not in (*SPLITS, TRAINVALTEST):
        raise ConfigError(f"split is {split!r}; it is {', '.join(SPLITS)} or {TRAINVALTEST}.")
    archives = sorted(folder.glob(ARCHIVES if split == TRAINVALTEST else f"{split}-{ARCHIVES}"))
    if not archives:
        raise InputError(folder, f"has no archive of the split {split}.", fix="Encode the dataset as `tar`.")
    return archives


def _shuffled(samples: Iterator[_Encoded], count: int, generator: np.random.Generator) -> Iterator[_Encoded]:
    """Draw each next sample among so many."""
    held: list[_Encoded] = []
    for sample in samples:
        held.append(sample)
        if len(held) > count:
            yield _drawn(held, generator)
    while held:
        yield _drawn(held, generator)


def _drawn(held: list[_Encoded], generator: np.random.Generator) -> _Encoded:
    place = int(generator.integers(len(held)))
    held[place], held[-1] = held[-1], held[place]
    return held.pop()
