"""Every encoding holds the same samples."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from tests.encoded_datasets import (
    KINDS,
    OF_BYTES,
    PIXELS_IN_HDF5,
    content_below,
    draw_pixels,
    each,
    encode,
    jpegs,
    make_dataset,
    make_segmentation,
)
from treeline.config_datasets import EncodingName, EncodingOptions, Task
from treeline.io.datasets.encodings import Encoding
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import decode_bands, decode_mask
from treeline.io.encode import encode_png
from treeline.io.images import decode

FORMS = [*(EncodingOptions(kind=kind) for kind in KINDS), PIXELS_IN_HDF5]
TASKS: tuple[Task, ...] = ("multiclass", "multilabel", "regression", "detection", "segmentation")
form = pytest.mark.parametrize("options", FORMS, ids=lambda one: one.kind + one.pixels * "-pixels")


def assert_same_tables(one: Metadata, other: Metadata) -> None:
    assert (one.name, one.task, one.class_names, one.channels) == (
        other.name,
        other.task,
        other.class_names,
        other.channels,
    )
    assert one.tables.keys() == other.tables.keys()
    for name, table in other.tables.items():
        assert_frame_equal(one.tables[name], table, check_dtype=False)


@pytest.mark.parametrize("kind", OF_BYTES)
def test_bytes_pass_through_untouched(kind: EncodingName, tmp_path: Path) -> None:
    encoding = encode(make_dataset([*jpegs(4), encode_png(draw_pixels(9, (7, 5)))]), tmp_path, kind)
    hashes = [hashlib.sha256(encoding.encoded(position)).hexdigest() for position in each(encoding)]
    assert hashes == encoding.metadata.index["sha256"].tolist()


@form
def test_pixels_masks_and_tables_are_those_that_were_put_in(options: EncodingOptions, tmp_path: Path) -> None:
    dataset = metadata, samples = make_segmentation(5)
    encoding = encode(dataset, tmp_path, options)
    given = {sample.id: sample for sample in samples}
    for position, id in enumerate(metadata.index["id"]):
        assert_array_equal(encoding.pixels(position), decode(given[id].data))
        assert_array_equal(decode_bands(encoding.encoded(position)), encoding.pixels(position))
        mask = given[id].mask
        assert mask is not None
        assert_array_equal(encoding.mask(position), decode_mask(mask))
    assert_same_tables(encoding.metadata, metadata)
    encoding.close()
    assert encoding.pixels(0).flags.writeable  # as torch wants it; and read again after it was closed


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", ["imagefolder", "tar"])  # which of them looks at the task
def test_tables_of_every_task(kind: EncodingName, task: Task, tmp_path: Path) -> None:
    dataset = make_segmentation(3) if task == "segmentation" else make_dataset(jpegs(3), task)
    encoding = encode(dataset, tmp_path, kind)
    assert_same_tables(encoding.metadata, dataset[0])
    assert (encoding.mask(2) is None) == (task != "segmentation")


@form
def test_same_bytes_twice(options: EncodingOptions, tmp_path: Path) -> None:
    dataset = make_segmentation(4) if options.kind != "imagefolder" else make_dataset(jpegs(4))
    for name in ("one", "two"):
        encode(dataset, tmp_path / name, options)
    one, two = (content_below(tmp_path / name) for name in ("one", "two"))
    assert one == {name.replace("two", "one", 1): content for name, content in two.items()}


@settings(max_examples=4)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_order_of_samples(tmp_path_factory: pytest.TempPathFactory, seeds: list[int], random: Random) -> None:
    metadata, samples = make_dataset([encode_png(draw_pixels(seed, (8, 9))) for seed in seeds])
    random.shuffle(samples)
    folder = tmp_path_factory.mktemp("order")
    for options in FORMS:
        encoding = encode((metadata, samples), folder, options)
        for position, seed in enumerate(seeds):
            assert_array_equal(encoding.pixels(position), draw_pixels(seed, (8, 9)))
        encoding.close()


def resized(options: EncodingOptions, folder: Path, size: list[int]) -> Encoding:
    dataset = make_dataset([*jpegs(2), encode_png(draw_pixels(2, (80, 30)))], "detection")
    return encode(dataset, folder, options.model_copy(update={"size": size}))


@form
def test_one_size_with_its_boxes(options: EncodingOptions, tmp_path: Path) -> None:
    encoding = resized(options, tmp_path, [20, 120])
    assert {encoding.pixels(position).shape for position in each(encoding)} == {(20, 120, 3)}
    boxes = encoding.metadata.tables["boxes"]
    assert boxes[["x", "y", "width", "height"]].to_numpy().tolist() == [[6, 2, 60, 10], [12, 1, 120, 5]]
    spatial = encoding.metadata.tables["spatial"]
    assert spatial[["image_width", "image_height"]].drop_duplicates().to_numpy().tolist() == [[120, 20]]
    assert spatial["x_gsd"].tolist() == [0.25, 0.25, 0.125]
    assert spatial["y_gsd"].tolist() == [1, 1, 2]


def test_every_encoding_of_a_size_has_the_same_pixels(tmp_path: Path) -> None:
    encodings = [resized(options, tmp_path / str(number), [16, 16]) for number, options in enumerate(FORMS)]
    for position in each(encodings[0]):
        for encoding in encodings[1:]:
            assert_array_equal(encoding.pixels(position), encodings[0].pixels(position))


@form
def test_masks_of_one_size_keep_their_classes(options: EncodingOptions, tmp_path: Path) -> None:
    encoding = encode(make_segmentation(3), tmp_path, options.model_copy(update={"size": [20, 30]}))
    for position in each(encoding):
        original = make_segmentation(3)[1][::-1][position].mask
        assert original is not None
        # Half the size in blocks of ten: any rule that picks the nearest pixel gives the blocks, and no mixture.
        assert_array_equal(encoding.mask(position), decode_mask(original)[1::2, 1::2])


def test_an_image_of_the_size_keeps_its_bytes(tmp_path: Path) -> None:
    photos = jpegs(2)
    encoding = encode(make_dataset(photos), tmp_path, EncodingOptions(kind="tar", size=[40, 60]))
    assert [encoding.encoded(position) for position in each(encoding)] == photos


@form
def test_an_image_that_is_all_black(options: EncodingOptions, tmp_path: Path) -> None:
    encoding = encode(make_dataset([encode_png(np.zeros((4, 5, 3), np.uint8))] * 2), tmp_path, options)
    assert not encoding.pixels(1).any()


@form
def test_samples_without_a_mask(options: EncodingOptions, tmp_path: Path) -> None:
    metadata, samples = make_segmentation(3)
    index = metadata.index.assign(mask_path=["a.png", "", "c.png"])
    encoding = encode(
        (metadata.with_tables(index=index), [samples[0], samples[1]._replace(mask=None), samples[2]]), tmp_path, options
    )
    assert [encoding.mask(position) is None for position in each(encoding)] == [False, True, False]


def test_samples_without_a_split(tmp_path: Path) -> None:
    metadata, samples = make_dataset(jpegs(3))
    index = metadata.index.assign(split=["", "val", ""])
    encoding = encode((metadata.with_tables(index=index), samples), tmp_path, "tar")
    assert sorted(path.name for path in encoding.path.glob("*.tar")) == ["samples-00000.tar", "val-00000.tar"]
    assert [encoding.encoded(position) for position in each(encoding)] == jpegs(3)


def test_tables_stay_where_images_are_moved(tmp_path: Path) -> None:
    """What a dataset is made of is of no use elsewhere; pandas reads the tables beside the images."""
    encode(make_dataset(jpegs(2)), tmp_path, "imagefolder")
    index = pd.read_hdf(tmp_path / "imagefolder" / "metadata.h5", "index")
    for row in index.itertuples():
        file = tmp_path / "imagefolder" / row.file
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row.sha256
        assert Path(row.file).parent.name == row.label
