"""How fast a dataset is read, in one of its forms: the program that `bench_datasets` runs once for each.

A sample is a tensor of channels x height x width bytes. Without workers a loop takes one after the other; with them a
`DataLoader` of torch brings batches.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
import webdataset
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import PILToTensor

from treeline.io.datasets.encodings import open_encoding
from treeline.io.page_cache import forget

ROUNDS = 3
BATCH = 64
WORKERS = (0, 1, 2)

STATES = {"warm": True, "cold": False, "cold, at random": True}
"""Where what is read is before it is read; and whether it is read at random, or as it lies."""


class Loader(Protocol):
    """One way to read a dataset."""

    def read(self, workers: int, *, at_random: bool) -> Callable[[], Iterable[Any]]:
        """Prepare to read: each call of what is given is a pass, of samples without workers, else of batches."""

    def close(self) -> None:
        """Let go of all files."""


class TorchvisionFolder:
    """A folder of images, as torchvision's `ImageFolder` reads it with Pillow."""

    def __init__(self, path: Path) -> None:
        self._folder = ImageFolder(path, transform=PILToTensor())

    def __len__(self) -> int:
        return len(self._folder)

    def __getitem__(self, position: int) -> torch.Tensor:
        image: torch.Tensor = self._folder[position][0]
        return image

    def read(self, workers: int, *, at_random: bool) -> Callable[[], Iterable[Any]]:
        return read_by_number(self, workers, at_random)

    def close(self) -> None:
        pass


class Encoded:
    """One of our encodings."""

    def __init__(self, path: Path) -> None:
        self._encoding = open_encoding(path)

    def __len__(self) -> int:
        return len(self._encoding.metadata)

    def __getitem__(self, position: int) -> torch.Tensor:
        return as_tensor(self._encoding.pixels(position))

    def read(self, workers: int, *, at_random: bool) -> Callable[[], Iterable[Any]]:
        return read_by_number(self, workers, at_random)

    def close(self) -> None:
        self._encoding.close()


class WebDataset:
    """Tar archives, read by the webdataset library, which knows no other order than theirs.

    Args:
        path: Their folder.
        decode: From bytes to a tensor; None for the library's own way.
    """

    def __init__(self, path: Path, decode: Callable[[bytes], torch.Tensor] | None = None) -> None:
        dataset = webdataset.WebDataset(sorted(map(str, path.glob("*.tar"))), shardshuffle=False)
        decoded = dataset.decode("torchrgb8") if decode is None else dataset.map_dict(jpg=decode)
        self._dataset = decoded.to_tuple("jpg")

    def read(self, workers: int, *, at_random: bool) -> Callable[[], Iterable[Any]]:
        if workers == 0:
            return lambda: self._dataset
        loader = DataLoader(
            self._dataset, BATCH, num_workers=workers, collate_fn=stack_singles, persistent_workers=True
        )
        return lambda: loader

    def close(self) -> None:
        pass


def read_by_number(dataset: TorchvisionFolder | Encoded, workers: int, at_random: bool) -> Callable[[], Iterable[Any]]:
    """Read each sample once, as they lie, or in an order that is the same for all."""
    count = len(dataset)
    order = np.random.default_rng(0).permutation(count).tolist() if at_random else range(count)
    if workers == 0:
        return lambda: map(dataset.__getitem__, order)
    torch_dataset: Dataset[torch.Tensor] = dataset  # type: ignore[assignment]
    loader = DataLoader(
        torch_dataset, BATCH, sampler=order, num_workers=workers, collate_fn=torch.stack, persistent_workers=True
    )
    return lambda: loader


def as_tensor(pixels: npt.NDArray[np.generic]) -> torch.Tensor:
    """Channels x height x width, of the same memory."""
    return torch.from_numpy(pixels).permute(2, 0, 1)


def stack_singles(samples: list[tuple[torch.Tensor]]) -> torch.Tensor:
    """Make a batch of what the webdataset library gives."""
    return torch.stack([tensor for (tensor,) in samples])


def decode_fast(jpeg: bytes) -> torch.Tensor:
    """Decode with simplejpeg."""
    return as_tensor(simplejpeg.decode_jpeg(jpeg))


LOADERS: dict[str, Callable[[Path], Loader]] = {
    "torchvision": TorchvisionFolder,
    "encoded": Encoded,
    "webdataset": WebDataset,
    "webdataset-simplejpeg": partial(WebDataset, decode=decode_fast),
}


def main() -> None:
    """Measure, and print the samples a second of each number of workers, warm and cold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loader", choices=LOADERS)
    parser.add_argument("path", type=Path)
    parser.add_argument("samples", type=int)
    arguments = parser.parse_args()
    measured = {
        state: [round(arguments.samples / seconds(arguments, workers, state)) for workers in WORKERS]
        for state in STATES
    }
    print(json.dumps(measured))


def seconds(arguments: argparse.Namespace, workers: int, state: str) -> float:
    """The shortest time of some passes; of cold ones, each with its files opened anew and its workers started."""
    times = []
    passing: Callable[[], Iterable[Any]] | None = None
    is_cold = state != "warm"
    for round_number in range(ROUNDS + (not is_cold)):
        if passing is None or is_cold:
            loader = LOADERS[arguments.loader](arguments.path)
            passing = loader.read(workers, at_random=STATES[state])
        if is_cold:
            loader.close()
            forget_all(arguments.path)
        started = perf_counter()
        count = sum(1 if workers == 0 else len(batch) for batch in passing())
        ended = perf_counter()
        assert count == arguments.samples
        if is_cold or round_number > 0:  # the first warm one fills the system's memory
            times.append(ended - started)
    loader.close()
    return min(times)


def forget_all(path: Path) -> None:
    """Have the system read a file, or all files of a folder, from the disk again."""
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            forget(file)


if __name__ == "__main__":
    main()
