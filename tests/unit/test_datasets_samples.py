"""The bytes of samples come from wherever they lie, each once, in the order in which they lie there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.errors import InputError
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import Sample, read_samples
from treeline.io.tar import tar_writer

LOOSE = "photos"
ARCHIVES = ("one.tar", "photos/two.tar", "photos/a-b/three.tar.gz")
SOURCES = ("photos", "one.tar")
FOLDERS = st.sampled_from(["", "a/", "a-b/", "a/b/", "Ä/"])
PLACES = st.sampled_from([LOOSE, *ARCHIVES])


class Drawn(NamedTuple):
    """A sample: the folder in its name, where its image lies, where its mask does, and whether that comes first."""

    folder: str
    image: str
    mask: str | None
    is_mask_first: bool

    def files(self, id: int) -> list[tuple[str, str, bytes]]:
        """Place, name and content of its files."""
        image = (self.image, self.image_path(id), f"image {id}".encode())
        mask = [] if self.mask is None else [(self.mask, self.mask_path(id), f"mask {id}".encode())]
        return [*mask, image] if self.is_mask_first else [image, *mask]

    def image_path(self, id: int) -> str:
        return f"{self.folder}{id}.jpg"

    def mask_path(self, id: int) -> str:
        return "" if self.mask is None else f"{self.folder}{id}-mask.png"


SAMPLES = st.lists(st.builds(Drawn, FOLDERS, PLACES, st.none() | PLACES, st.booleans()), min_size=1, max_size=12)


def write(folder: Path, samples: Mapping[int, Drawn]) -> Metadata:
    """Write the samples' files, and beside them such as are not of the dataset."""
    files = [file for id, sample in samples.items() for file in sample.files(id)]
    for place in (LOOSE, *ARCHIVES):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        members = [(name, content) for of, name, content in files if of == place]
        if place != LOOSE:
            with tar_writer(folder / place) as tar:
                for name, content in [(f"{place}-other.jpg", b"other"), *members]:
                    tar.add(name, content)
            continue
        for name, content in members:
            (folder / place / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / place / name).write_bytes(content)
    (folder / LOOSE / os.fsdecode(b"no-text-\xff.jpg")).touch()
    index = pd.DataFrame(
        {
            "id": list(samples),
            "image_path": [sample.image_path(id) for id, sample in samples.items()],
            "mask_path": [sample.mask_path(id) for id, sample in samples.items()],
        }
    )
    return Metadata("drawn", "segmentation", (), {"index": index}, images=tuple(str(folder / name) for name in SOURCES))


@given(SAMPLES)
def test_every_sample_is_read_once(tmp_path_factory: pytest.TempPathFactory, samples: list[Drawn]) -> None:
    metadata = write(tmp_path_factory.mktemp("samples"), dict(enumerate(samples)))
    read = list(read_samples(metadata))
    assert sorted(read) == [
        Sample(id, f"image {id}".encode(), None if sample.mask is None else f"mask {id}".encode())
        for id, sample in enumerate(samples)
    ]


@given(SAMPLES)
def test_files_come_by_their_paths_and_members_as_they_stand(
    tmp_path_factory: pytest.TempPathFactory, samples: list[Drawn]
) -> None:
    folder = tmp_path_factory.mktemp("samples")
    unmasked = {id: sample._replace(mask=None) for id, sample in enumerate(samples)}
    read = [sample.id for sample in read_samples(write(folder, unmasked))]

    def order(id: int) -> tuple[bool, Path, int]:
        sample = unmasked[id]
        inside = sample.image_path(id) if sample.image == LOOSE else ""
        return sample.image == "one.tar", folder / sample.image / inside, id

    assert read == sorted(unmasked, key=order)


def test_what_is_missing_is_named_or_left_out(tmp_path: Path) -> None:
    loose = Drawn("", LOOSE, LOOSE, False)
    metadata = write(tmp_path, dict.fromkeys(range(4), loose))
    for name in ("1.jpg", "2-mask.png", "3.jpg", "3-mask.png"):
        (tmp_path / LOOSE / name).unlink()
    assert [sample.id for sample in read_samples(metadata, skip_missing=True)] == [0]
    with pytest.raises(InputError, match=r"photos: 1\.jpg is not there; 4 of the dataset's files are missing"):
        next(read_samples(metadata))


def test_a_name_that_two_images_have_is_refused(tmp_path: Path) -> None:
    metadata = write(tmp_path, {0: Drawn("", "one.tar", None, False)})
    (tmp_path / LOOSE / "0.jpg").touch()
    with pytest.raises(InputError, match=r"one\.tar: 0\.jpg is both in .*photos/0\.jpg and in .*one\.tar"):
        next(read_samples(metadata))


def test_an_archive_that_changes_meanwhile_is_named(tmp_path: Path) -> None:
    metadata = write(tmp_path, {0: Drawn("", LOOSE, None, False), 1: Drawn("", "one.tar", None, False)})
    samples = read_samples(metadata)
    assert next(samples).id == 0
    write(tmp_path, {})
    with pytest.raises(InputError, match=r"one\.tar: 1\.jpg is no longer in it"):
        next(samples)
