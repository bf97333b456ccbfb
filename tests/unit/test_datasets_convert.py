"""From any encoding to any other, and back."""

from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

from tests.encoded_datasets import (
    KINDS,
    OF_BYTES,
    PIXELS_IN_HDF5,
    content_below,
    each,
    encode,
    jpegs,
    make_dataset,
    make_segmentation,
)
from treeline.cli import app
from treeline.config_datasets import EncodingOptions
from treeline.datasets.convert import convert, kind_of
from treeline.errors import InputError
from treeline.io.datasets.encodings import TARGETS, Encoding, open_encoding
from treeline.io.datasets.metadata import Metadata, write_metadata

FORMS = [*(EncodingOptions(kind=kind) for kind in KINDS), PIXELS_IN_HDF5]
OPTIONS = {f"{form.kind}{'-pixels' * form.pixels}": form for form in FORMS}


@pytest.fixture(scope="module")
def encodings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoding]:
    return {
        name: encode(make_segmentation(3), tmp_path_factory.mktemp(name), options) for name, options in OPTIONS.items()
    }


@pytest.mark.parametrize(("source", "target"), list(product(OPTIONS, OPTIONS)))
def test_any_to_any(source: str, target: str, encodings: dict[str, Encoding], tmp_path: Path) -> None:
    converted_from = encodings[source]
    assert convert(converted_from.path, tmp_path / "made", OPTIONS[target]) == 3
    made = open_encoding(tmp_path / "made")
    for position in each(made):
        assert_array_equal(made.pixels(position), converted_from.pixels(position))
        assert_array_equal(made.mask(position), converted_from.mask(position))
    for name, table in converted_from.metadata.tables.items():
        assert_frame_equal(made.metadata.tables[name], table, check_dtype=False)
    if OPTIONS[source].kind in OF_BYTES and not OPTIONS[source].pixels and target in OF_BYTES:
        hashes = [hashlib.sha256(made.encoded(position)).hexdigest() for position in each(made)]
        assert hashes == made.metadata.index["sha256"].tolist()


@pytest.mark.parametrize("kind", OF_BYTES)
def test_there_and_back_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    options = OPTIONS[kind]
    there = tmp_path / "there" / TARGETS[options.kind]
    metadata, samples = make_dataset(jpegs(4))
    encode((metadata, samples[::-1]), there.parent, options)  # in the order in which an encoding is read
    convert(there, tmp_path / "lmdb", OPTIONS["lmdb"])
    back = tmp_path / "back" / TARGETS[options.kind]
    convert(tmp_path / "lmdb", back, options)
    assert content_below(back) == content_below(there)


def test_names_say_the_form() -> None:
    assert {kind_of(Path("a", name)) for name in TARGETS.values()} == set(KINDS)
    assert (kind_of(Path("birds.h5")), kind_of(Path("birds.zarr"))) == ("hdf5", "zarr")
    with pytest.raises(InputError, match="Give --kind"):
        kind_of(Path("birds"))


def test_not_onto_itself(encodings: dict[str, Encoding]) -> None:
    path = encodings["tar"].path
    with pytest.raises(InputError, match="is the source"):
        convert(path, path.parent / "." / path.name, OPTIONS["lmdb"])
    assert len(open_encoding(path).metadata) == 3


def photos_on_disk(folder: Path) -> Metadata:
    metadata, samples = make_dataset(jpegs(3))
    for sample, name in zip(samples[::-1], metadata.index["image_path"], strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(sample.data)
    return Metadata(metadata.name, metadata.task, metadata.class_names, metadata.tables, images=(str(folder),))


def test_commands(tmp_path: Path) -> None:
    write_metadata(photos_on_disk(tmp_path / "photos"), tmp_path / "metadata.h5")
    commands = (
        ["encode", "--metadata", "metadata.h5", "--kind", "tar", "--output", "shards", "--shard-samples", "2"],
        ["convert", "shards", "images.zarr", "--height", "20", "--width", "30"],
        ["convert", "shards", "pixels", "--kind", "hdf5", "--pixels"],
    )
    for command in commands:
        arguments = [str(tmp_path / word) if (tmp_path / word).exists() or "." in word else word for word in command]
        arguments = [str(tmp_path / word) if word in ("shards", "pixels") else word for word in arguments]
        result = CliRunner().invoke(app, ["datasets", *arguments], catch_exceptions=False)
        assert (result.exit_code, result.stdout.split(": ")[-1]) == (0, "3 samples\n")
    assert [open_encoding(tmp_path / "shards").encoded(position) for position in range(3)] == jpegs(3)
    assert open_encoding(tmp_path / "images.zarr").pixels(0).shape == (20, 30, 3)
    assert open_encoding(tmp_path / "pixels").pixels(0).shape == (40, 60, 3)
    refused = CliRunner().invoke(app, ["datasets", "convert", "shards", "images.zarr", "--height", "20"])
    assert refused.exit_code == 2
    assert "both or neither" in refused.stderr
