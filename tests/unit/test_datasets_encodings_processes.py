"""Encodings in several processes, in little memory, and under the eyes of torchvision."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tests.encoded_datasets import CLASSES, KINDS, PIXELS_IN_HDF5, each, encode, jpegs, make_dataset
from treeline.config_datasets import EncodingOptions
from treeline.io.datasets.encodings import Encoding, open_encoding, write_encoding
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import Sample
from treeline.io.encode import encode_png

FORMS = [*(EncodingOptions(kind=kind) for kind in KINDS), PIXELS_IN_HDF5]
LARGE = (256, 256)
LARGE_BYTES = 256 * 256 * 3


class Hashes:
    """A map-style dataset: hashes of the images of all encodings."""

    def __init__(self, encodings: list[Encoding]) -> None:
        self.encodings = encodings

    def __len__(self) -> int:
        return sum(len(encoding.metadata) for encoding in self.encodings)

    def __getitem__(self, number: int) -> str:
        encoding, position = divmod(number, len(self.encodings[0].metadata))
        return hashlib.sha256(self.encodings[encoding].pixels(position).tobytes()).hexdigest()

    def all(self) -> list[str]:
        return [self[number] for number in range(len(self))]


@pytest.fixture(scope="module")
def hashes(tmp_path_factory: pytest.TempPathFactory) -> Hashes:
    """Of encodings that this process has read already: its open files must not be those of others."""
    folder = tmp_path_factory.mktemp("encodings")
    dataset = make_dataset(jpegs(6))
    made = Hashes([encode(dataset, folder / str(number), options) for number, options in enumerate(FORMS)])
    assert len(set(made.all())) == 6
    return made


def test_forked_workers_of_torch(hashes: Hashes) -> None:
    from torch.utils.data import DataLoader

    loader = DataLoader(hashes, num_workers=2, batch_size=None, multiprocessing_context="fork")  # type: ignore[arg-type,var-annotated]
    assert list(loader) == hashes.all()
    assert list(loader) == hashes.all()


def test_spawned_process(hashes: Hashes) -> None:
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(hashes.all) == hashes.all()


def test_forks_while_others_read(hashes: Hashes) -> None:
    """The two sides of a fork read on, in turn, from the same files."""
    with get_context("fork").Pool(2) as pool:
        there = pool.map_async(hashes.__getitem__, list(range(len(hashes))) * 3, chunksize=1)
        here = [hashes.all() for _ in range(3)]
        assert there.get() == [one for row in here for one in row]


def test_one_process_reads_a_database_twice_and_one_that_takes_its_place(tmp_path: Path) -> None:
    photos = jpegs(2)
    first = encode(make_dataset(photos), tmp_path, "lmdb")
    assert first.encoded(0) == open_encoding(tmp_path / "lmdb").encoded(0) == photos[0]
    assert encode(make_dataset(photos[::-1]), tmp_path, "lmdb").encoded(0) == photos[1]


def stream(metadata: Metadata, image: bytes) -> Iterator[Sample]:
    """Samples of which each has its bytes for itself."""
    return (Sample(int(id), bytes(bytearray(image)), None) for id in metadata.index["id"])


@pytest.mark.parametrize("options", FORMS, ids=lambda one: one.kind + one.pixels * "-pixels")
def test_memory_is_that_of_a_few_images(options: EncodingOptions, tmp_path: Path) -> None:
    image = encode_png(np.random.default_rng(0).integers(0, 256, (*LARGE, 3), dtype=np.uint8))
    metadata, _ = make_dataset([image] * 40)
    tracemalloc.start()
    try:
        write_encoding(metadata, stream(metadata, image), tmp_path / "written", options)
        encoding = open_encoding(tmp_path / "written")
        for position in each(encoding):
            encoding.pixels(position)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * LARGE_BYTES  # of 40


def test_hugging_face_numbers_the_classes_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    from datasets import load_dataset

    index = encode(make_dataset(jpegs(6)), tmp_path, "imagefolder").metadata.index
    folder = load_dataset("imagefolder", data_dir=str(tmp_path / "imagefolder"), cache_dir=str(tmp_path / "cache"))
    assert folder["train"].features["label"].names == list(CLASSES)
    assert sorted(folder["train"]["label"]) == sorted(index["label_idx"])


def test_torchvision_numbers_the_classes_alike(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    index = encode(make_dataset(jpegs(6)), tmp_path, "imagefolder").metadata.index
    folder = ImageFolder(tmp_path / "imagefolder")
    numbers = {int(Path(path).stem): number for path, number in folder.samples}
    assert numbers == dict(zip(index["id"], index["label_idx"], strict=True))
