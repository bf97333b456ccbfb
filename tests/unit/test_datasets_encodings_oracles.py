"""What is written is read by the programs that it is for."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import h5py
import lmdb
import numpy as np
import pandas as pd
import pytest
import webdataset
import zarr
from numpy.testing import assert_array_equal
from PIL import Image

from tests.encoded_datasets import (
    CLASSES,
    PIXELS_IN_HDF5,
    draw_mask,
    draw_pixels,
    encode,
    jpegs,
    make_dataset,
    make_segmentation,
)
from treeline.config_datasets import EncodingOptions
from treeline.io.datasets.encodings import write_encoding
from treeline.io.datasets.encodings.reading import encode_bands
from treeline.io.datasets.samples import decode_bands, decode_mask
from treeline.io.encode import encode_png
from treeline.io.images import decode

PHOTOS = jpegs(6)


def write(kind: EncodingOptions | str, target: Path, *, task: str = "multiclass") -> pd.DataFrame:
    options = kind if isinstance(kind, EncodingOptions) else EncodingOptions.model_validate({"kind": kind})
    dataset = make_segmentation(6) if task == "segmentation" else make_dataset(PHOTOS, task)  # type: ignore[arg-type]
    write_encoding(*dataset, target, options)
    return dataset[0].index


def test_webdataset_reads_a_split(tmp_path: Path) -> None:
    index = write(EncodingOptions(kind="tar", shard_samples=2), tmp_path / "shards")
    assert sorted(path.name for path in (tmp_path / "shards").glob("*.tar")) == [
        "train-00000.tar",
        "train-00001.tar",
        "val-00000.tar",
    ]
    urls = sorted(map(str, (tmp_path / "shards").glob("train-*.tar")))
    reader = webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8").to_tuple("__key__", "jpg", "cls", "json")
    read = {int(key): rest for key, *rest in reader}
    train = index[index["split"] == "train"]
    assert sorted(read) == train["id"].tolist()
    for row in train.itertuples():
        pixels, number, facts = read[row.id]
        difference = np.abs(pixels.astype(int) - decode(PHOTOS[row.id // 3]))  # Pillow's decoder, and ours
        assert difference.max() <= 8
        assert (number, facts["label"], facts["image_path"]) == (row.label_idx, row.label, row.image_path)


def test_webdataset_reads_masks(tmp_path: Path) -> None:
    write("tar", tmp_path / "shards", task="segmentation")
    for sample in webdataset.WebDataset(str(tmp_path / "shards" / "train-00000.tar"), shardshuffle=False):
        assert_array_equal(decode_mask(sample["mask.png"]), draw_mask(int(sample["__key__"]) // 3))


def test_boxes_beside_an_image_are_those_of_its_size(tmp_path: Path) -> None:
    dataset = make_dataset(PHOTOS, "detection")
    write_encoding(*dataset, tmp_path / "shards", EncodingOptions(kind="tar", size=[20, 120]))
    with tarfile.open(tmp_path / "shards" / "train-00000.tar") as tar:
        names = tar.getnames()
        facts = {name: json.load(tar.extractfile(name)) for name in names if name.endswith(".json")}  # type: ignore[arg-type]
    assert names[:2] == ["00000015.png", "00000015.json"]
    assert facts["00000000.json"]["boxes"] == []
    [box] = facts["00000003.json"]["boxes"]
    assert box == {"label": "deer", "label_idx": 1, "number": 0, "x": 6, "y": 2, "width": 60, "height": 10}


def test_h5py_and_pandas_read_bytes(tmp_path: Path) -> None:
    index = write("hdf5", tmp_path / "dataset.h5")
    with h5py.File(tmp_path / "dataset.h5") as file:
        assert file["class_names"].asstr()[:].tolist() == list(CLASSES)
        for photo, (begin, end) in zip(PHOTOS, file["offsets"][:], strict=True):
            assert file["images"][begin:end].tobytes() == photo
        assert file["index/table"]["id"].tolist() == index["id"].tolist()
    labels = pd.read_hdf(tmp_path / "dataset.h5", "index")["label"]
    assert labels.tolist() == index["label"].tolist()


def test_h5py_reads_pixels_and_masks(tmp_path: Path) -> None:
    write(PIXELS_IN_HDF5, tmp_path / "dataset.h5", task="segmentation")
    with h5py.File(tmp_path / "dataset.h5") as file:
        assert_array_equal(file["images"][:], np.stack([decode(photo) for photo in PHOTOS]))
        assert_array_equal(file["images"][2, 3:7, 5:9], decode(PHOTOS[2])[3:7, 5:9])
        for number, (begin, end) in enumerate(file["mask_offsets"][:]):
            assert_array_equal(decode_mask(file["masks"][begin:end].tobytes()), draw_mask(number))


def test_numpy_maps_arrays(tmp_path: Path) -> None:
    write("numpy", tmp_path / "arrays", task="segmentation")
    images = np.load(tmp_path / "arrays" / "images.npy", mmap_mode="r")
    masks = np.load(tmp_path / "arrays" / "masks.npy", mmap_mode="r")
    assert isinstance(images, np.memmap)
    assert_array_equal(images, np.stack([decode(photo) for photo in PHOTOS]))
    assert_array_equal(masks, np.stack([draw_mask(number) for number in range(6)]))


def test_zarr_reads_arrays(tmp_path: Path) -> None:
    write("zarr", tmp_path / "images.zarr", task="segmentation")
    group = zarr.open_group(tmp_path / "images.zarr", mode="r")
    assert_array_equal(group["images"][:], np.stack([decode(photo) for photo in PHOTOS]))
    assert_array_equal(group["masks"][3], draw_mask(3))
    assert group.attrs["class_names"] == list(CLASSES)


def test_lmdb_reads_bytes(tmp_path: Path) -> None:
    write("lmdb", tmp_path / "lmdb", task="segmentation")
    with lmdb.open(str(tmp_path / "lmdb"), readonly=True, lock=False) as database, database.begin() as transaction:
        assert transaction.get(b"00000006") == PHOTOS[2]
        assert_array_equal(decode_mask(transaction.get(b"00000006.mask")), draw_mask(2))
        assert transaction.stat()["entries"] == 12


@pytest.mark.parametrize(("bands", "dtype"), [(1, "uint8"), (3, "uint16"), (4, "uint8"), (5, "float32")])
def test_rasters_keep_their_bands_and_their_type(bands: int, dtype: str, tmp_path: Path) -> None:
    values = np.concatenate([draw_pixels(seed, (6, 7)) for seed in range(2)], axis=2)[..., :bands].astype(dtype)
    dataset = make_dataset([encode_bands(values)] * 2)
    for number, options in enumerate((EncodingOptions(kind="numpy"), EncodingOptions(kind="zarr"), PIXELS_IN_HDF5)):
        encoding = encode(dataset, tmp_path / str(number), options)
        assert_array_equal(encoding.pixels(1), values)
        assert encoding.pixels(1).dtype == dtype
        assert_array_equal(decode_bands(encoding.encoded(1)), values)


def test_a_palette_mask_keeps_its_numbers(tmp_path: Path) -> None:
    numbers = draw_mask(1)
    image = Image.fromarray(numbers, "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    dataset = make_dataset(PHOTOS[:1], "segmentation", [buffer.getvalue()])
    assert_array_equal(encode(dataset, tmp_path, "tar").mask(0), numbers)
    assert encode_png(numbers) in (tmp_path / "shards" / "train-00000.tar").read_bytes()
