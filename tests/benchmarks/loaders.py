"""How fast a dataset is read, in one of its forms: the program that `bench_datasets` runs once for each.

Samples are read at random, as in training, but by the webdataset library, which reads them as they lie. Without
workers they are read in a loop, as RGB arrays; with them a `DataLoader` of torch brings batches of tensors.
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
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from treeline.datasets.encodings import open_encoding
from treeline.io.page_cache import forget

ROUNDS = 3
BATCH = 64
WORKERS = (0, 1, 2)

Pixels = npt.NDArray[np.generic]


class Loader(Protocol):
    """One way to read a dataset."""

    def read(self, workers: int) -> Callable[[], Iterable[Any]]:
        """Prepare to read: each call of what is given is a pass, of samples without workers, else of batches."""

    def close(self) -> None:
        """Let go of all files."""


class PillowFiles:
    """A folder of images as torchvision's `ImageFolder` reads it."""

    def __init__(self, path: Path) -> None:
        self._files = sorted(map(str, path.rglob("*.jpg")))

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, position: int) -> Pixels:
        with open(self._files[position], "rb") as file:  # noqa: PTH123 (as torchvision does)
            return np.array(Image.open(file).convert("RGB"))

    def read(self, workers: int) -> Callable[[], Iterable[Any]]:
        return read_at_random(self, workers)

    def close(self) -> None:
        pass


class Encoded:
    """One of our encodings."""

    def __init__(self, path: Path) -> None:
        self._encoding = open_encoding(path)

    def __len__(self) -> int:
        return len(self._encoding.metadata)

    def __getitem__(self, position: int) -> Pixels:
        return self._encoding.pixels(position)

    def read(self, workers: int) -> Callable[[], Iterable[Any]]:
        return read_at_random(self, workers)

    def close(self) -> None:
        self._encoding.close()


class WebDataset:
    """Tar archives, read by the webdataset library.

    Args:
        path: Their folder.
        decode: From bytes to pixels; None for the library's own way.
    """

    def __init__(self, path: Path, decode: Callable[[bytes], Pixels] | None = None) -> None:
        dataset = webdataset.WebDataset(sorted(map(str, path.glob("*.tar"))), shardshuffle=False)
        decoded = dataset.decode("rgb8") if decode is None else dataset.map_dict(jpg=decode)
        self._dataset = decoded.to_tuple("jpg")

    def read(self, workers: int) -> Callable[[], Iterable[Any]]:
        if workers == 0:
            return lambda: self._dataset
        loader = DataLoader(
            self._dataset, BATCH, num_workers=workers, collate_fn=stack_singles, persistent_workers=True
        )
        return lambda: loader

    def close(self) -> None:
        pass


def read_at_random(dataset: PillowFiles | Encoded, workers: int) -> Callable[[], Iterable[Any]]:
    """Read each sample once, the order the same for all."""
    order = np.random.default_rng(0).permutation(len(dataset)).tolist()
    if workers == 0:
        return lambda: map(dataset.__getitem__, order)
    torch_dataset: Dataset[Pixels] = dataset  # type: ignore[assignment]
    loader = DataLoader(
        torch_dataset, BATCH, sampler=order, num_workers=workers, collate_fn=stack, persistent_workers=True
    )
    return lambda: loader


def stack(samples: list[Pixels]) -> torch.Tensor:
    """Make a batch."""
    return torch.from_numpy(np.stack(samples))


def stack_singles(samples: list[tuple[Pixels]]) -> torch.Tensor:
    """Make a batch of what the webdataset library gives."""
    return stack([pixels for (pixels,) in samples])


LOADERS: dict[str, Callable[[Path], Loader]] = {
    "pillow": PillowFiles,
    "encoded": Encoded,
    "webdataset": WebDataset,
    "webdataset-simplejpeg": partial(WebDataset, decode=simplejpeg.decode_jpeg),
}


def main() -> None:
    """Measure, and print the samples a second of each number of workers, warm and cold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loader", choices=LOADERS)
    parser.add_argument("path", type=Path)
    parser.add_argument("samples", type=int)
    arguments = parser.parse_args()
    measured = {
        state: [round(arguments.samples / seconds(arguments, workers, state == "cold")) for workers in WORKERS]
        for state in ("warm", "cold")
    }
    print(json.dumps(measured))


def seconds(arguments: argparse.Namespace, workers: int, is_cold: bool) -> float:
    """The shortest time of some passes; of cold ones, each with its files opened anew and its workers started."""
    times = []
    passing: Callable[[], Iterable[Any]] | None = None
    for round_number in range(ROUNDS + (not is_cold)):
        if passing is None or is_cold:
            loader = LOADERS[arguments.loader](arguments.path)
            passing = loader.read(workers)
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
