"""Samples of tar archives: each once, whoever reads, and those that WebDataset reads."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import webdataset
from PIL import Image

from tests.dataset_folders import CORNERS, encode, make_dataset
from treeline.config_datasets import Task
from treeline.datasets import Dataset, Spectral, TarStream, stream_loader
from treeline.datasets.augmentations import Augmentations
from treeline.datasets.augmentations.mixing import MixUp
from treeline.errors import ConfigError, InputError

SAMPLES = 23


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    return encode(make_dataset(folder, samples=SAMPLES), "tar", folder / "shards", shard_samples=4)


def ids_of(samples: Iterable[Any]) -> list[int]:
    return [sample["id"] for sample in samples]


def ids_of_batches(batches: Iterable[Any]) -> list[int]:
    return [id for batch in batches for id in batch["id"].tolist()]


def test_as_webdataset_reads(shards: Path) -> None:
    archives = [str(path) for path in sorted(shards.glob("*.tar"))]
    assert len(archives) == 3 + 2 + 2
    theirs = list(webdataset.WebDataset(archives, shardshuffle=False))
    ours = list(TarStream(shards))
    assert len(ours) == len(theirs) == SAMPLES
    for our, their in zip(ours, theirs, strict=True):
        assert our["id"] == int(their["__key__"])
        assert our["target"] == int(their["cls"])
        assert np.array_equal(our["image"].permute(1, 2, 0).numpy(), np.asarray(Image.open(io.BytesIO(their["png"]))))


@pytest.mark.parametrize("task", ["multilabel", "regression", "detection", "segmentation"])
def test_the_same_samples_as_by_number(tmp_path: Path, task: Task) -> None:
    folder = make_dataset(tmp_path / "source", task, samples=5)
    target = encode(folder, "tar", tmp_path / "shards")
    options: dict[str, Any] = {"spatial": CORNERS, "spectral": Spectral(["green"])}
    by_number = sorted(Dataset(target, **options), key=lambda sample: int(sample["id"]))
    streamed = sorted(TarStream(target, **options), key=lambda sample: int(sample["id"]))
    for sample, expected in zip(streamed, by_number, strict=True):
        assert sample.keys() == expected.keys()
        torch.testing.assert_close(sample, expected, rtol=0, atol=0)


def test_splits(shards: Path) -> None:
    parts = [ids_of(TarStream(shards, split)) for split in ("train", "val", "test")]
    assert parts == [Dataset(shards, split).index["id"].tolist() for split in ("train", "val", "test")]


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (1, 2), (3, 0), (2, 2), (9, 0)])
def test_each_sample_once(shards: Path, ranks: int, workers: int) -> None:
    streams = [TarStream(shards, shuffle=5, seed=2, rank=rank, ranks=ranks) for rank in range(ranks)]
    epochs = []
    for epoch in range(2):
        for stream in streams:
            stream.set_epoch(epoch)
        shares = [ids_of_batches(stream_loader(stream, 3, workers=workers)) for stream in streams]
        epochs.append(sum(shares, []))
    every_one = Dataset(shards).index["id"].tolist()
    assert [sorted(ids) for ids in epochs] == [every_one, every_one]
    assert epochs[0] != epochs[1] != every_one


def test_the_seed_says_the_order(shards: Path) -> None:
    orders = [ids_of(TarStream(shards, shuffle=10, seed=seed)) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert ids_of(TarStream(shards)) == ids_of(TarStream(shards))


def test_what_is_drawn_does_not_depend_on_the_worker(shards: Path) -> None:
    def images(workers: int) -> dict[int, list[Any]]:
        stream = TarStream(shards, spatial=CORNERS, seed=4, shuffle=3)
        drawn: dict[int, list[Any]] = {}
        for batch in stream_loader(stream, 4, workers=workers):
            for id, image in zip(batch["id"].tolist(), batch["image"].tolist(), strict=True):
                drawn.setdefault(id, []).append(image)
        return {id: sorted(found) for id, found in drawn.items()}

    assert images(0) == images(2)


def test_batches_of_a_stream_are_mixed(shards: Path) -> None:
    stream = TarStream(shards, transforms=Augmentations([MixUp(probability=1)]))
    targets = [batch["target"] for batch in stream_loader(stream, 5)]
    assert [target.shape for target in targets] == [(5, 3)] * 4 + [(3, 3)]
    assert all(
        torch.equal(*pair) for pair in zip(targets, (b["target"] for b in stream_loader(stream, 5)), strict=True)
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_corrupt_image_is_named(tmp_path: Path, workers: int) -> None:
    folder = make_dataset(tmp_path / "source", samples=4)
    target = encode(folder, "tar", tmp_path / "shards")
    archive = target / "val-00000.tar"
    archive.write_bytes(archive.read_bytes().replace(b"IDAT", b"IDAX"))
    with pytest.raises(InputError) as caught:
        list(stream_loader(TarStream(target), 2, workers=workers))
    assert str(caught.value).startswith(f"{target}: sample 3 (images/001.png): cannot be read: ")
    assert "Traceback" not in str(caught.value)


def test_a_cut_archive_is_an_error(tmp_path: Path) -> None:
    target = encode(make_dataset(tmp_path / "source", samples=4), "tar", tmp_path / "shards")
    archive = target / "val-00000.tar"
    archive.write_bytes(archive.read_bytes()[:2048])
    with pytest.raises(InputError, match=r"val-00000\.tar: not a whole tar archive"):
        list(TarStream(target))


def test_an_archive_of_another_dataset_is_an_error(tmp_path: Path) -> None:
    large, small = (
        encode(make_dataset(tmp_path / f"source-{size}", samples=size), "tar", tmp_path / f"shards-{size}")
        for size in (12, 4)
    )
    (large / "train-00000.tar").rename(small / "train-00000.tar")
    with pytest.raises(InputError, match=r"train-00000\.tar: 00000012 is no sample of the dataset"):
        list(TarStream(small))


@pytest.mark.parametrize("options", [{"rank": 2, "ranks": 2}, {"shuffle": -1}, {"seed": -1}, {"split": "dev"}])
def test_wrong_options(shards: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(options))} is"):
        TarStream(shards, **options)


def test_no_archive_of_a_split(tmp_path: Path) -> None:
    target = encode(make_dataset(tmp_path / "source", samples=1), "tar", tmp_path / "shards")
    with pytest.raises(InputError, match="has no archive of the split test"):
        TarStream(target, "test")
