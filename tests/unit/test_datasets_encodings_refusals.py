"""Whatever cannot be encoded, or read, is one error that names the sample; and nothing is left of the target."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.encoded_datasets import (
    KINDS,
    OF_BYTES,
    OF_PIXELS,
    PIXELS_IN_HDF5,
    draw_mask,
    draw_pixels,
    encode,
    jpegs,
    make_dataset,
    make_segmentation,
)
from treeline.config_datasets import EncodingName, EncodingOptions, Task
from treeline.errors import InputError
from treeline.io.datasets.encodings import TARGETS, open_encoding, write_encoding
from treeline.io.datasets.metadata import Metadata, read_metadata, write_metadata
from treeline.io.datasets.samples import Sample
from treeline.io.encode import encode_png

Dataset = tuple[Metadata, list[Sample]]
each_kind = pytest.mark.parametrize("kind", KINDS)


def refused(dataset: Dataset, folder: Path, options: EncodingOptions | EncodingName, match: str) -> None:
    """Encoding it is an error, after which the target is as it was before."""
    target = folder / TARGETS[options if isinstance(options, str) else options.kind]
    with pytest.raises(InputError, match=match):
        encode(dataset, folder, options)
    assert not target.exists()
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


@each_kind
def test_what_is_no_image(kind: EncodingName, tmp_path: Path) -> None:
    refused(make_dataset([*jpegs(2), b"<html>"]), tmp_path, kind, r"sample 6 \(photos/0/002.jpg\): not an image")


@pytest.mark.parametrize("kind", OF_PIXELS)
def test_a_truncated_image_where_pixels_are_stored(kind: EncodingName, tmp_path: Path) -> None:
    photos = jpegs(3)
    refused(make_dataset([photos[0], photos[1][:700], photos[2]]), tmp_path, kind, r"sample 3 .*: corrupt JPEG")


@pytest.mark.parametrize("kind", OF_BYTES)
def test_a_truncated_image_where_bytes_are_read(kind: EncodingName, tmp_path: Path) -> None:
    photos = jpegs(2)
    encoding = encode(make_dataset([photos[0], photos[1][:700]]), tmp_path, kind)
    with pytest.raises(InputError, match=r"sample 3 \(photos/1/001.jpg\): corrupt JPEG"):
        encoding.pixels(1)


@pytest.mark.parametrize("options", [*(EncodingOptions(kind=kind) for kind in OF_PIXELS), PIXELS_IN_HDF5])
def test_images_of_several_sizes_in_an_array(options: EncodingOptions, tmp_path: Path) -> None:
    dataset = make_dataset([*jpegs(1, (30, 20)), *jpegs(1)])
    match = r"sample 0 .* 20 x 30 pixels of 3 channels \(uint8\), but sample 3 .* 60 x 40 .* Give --height and --width"
    refused(dataset, tmp_path, options, match)


@each_kind
def test_a_mask_of_another_size(kind: EncodingName, tmp_path: Path) -> None:
    metadata, samples = make_segmentation(2)
    samples[0] = samples[0]._replace(mask=encode_png(draw_mask(0, (40, 50))))
    refused((metadata, samples), tmp_path, kind, r"sample 3 .*: its mask is of 50 x 40 pixels, the image of 60 x 40")


@each_kind
def test_a_mask_that_is_missing(kind: EncodingName, tmp_path: Path) -> None:
    metadata, samples = make_segmentation(2)
    refused(
        (metadata, [samples[0]._replace(mask=None), samples[1]]), tmp_path, kind, "sample 3 .*: its mask is missing"
    )


@each_kind
def test_a_mask_of_no_class(kind: EncodingName, tmp_path: Path) -> None:
    metadata, samples = make_segmentation(2)
    mask = np.full((40, 60), 255, np.uint8)
    mask[7, 9] = 3
    refused(
        (metadata, [samples[0]._replace(mask=encode_png(mask)), samples[1]]),
        tmp_path,
        kind,
        r"sample 3 .*: its mask holds 3: there are 3 classes",
    )


@pytest.mark.parametrize(("task", "table"), [("detection", "boxes"), ("multilabel", "labels")])
def test_a_label_in_another_table(task: Task, table: str, tmp_path: Path) -> None:
    metadata, samples = make_dataset(jpegs(4), task)
    rows = metadata.tables[table]
    changed = metadata.with_tables(**{table: rows.assign(label=[*rows["label"][:-1], "fox"])})
    sample = rows["id"].iloc[-1]
    refused((changed, samples), tmp_path, "tar", rf"sample {sample} .*, field 'label': 'fox' is not class number")


@each_kind
def test_a_label_that_is_no_class(kind: EncodingName, tmp_path: Path) -> None:
    metadata, samples = make_dataset(jpegs(3))
    for column, value in (("label", "fox"), ("label_idx", 0)):
        index = metadata.index.copy()
        index.loc[1, column] = value
        refused((metadata.with_tables(index=index), samples), tmp_path, kind, r"sample 3 .*, field 'label'")


def test_samples_that_do_not_belong_together(tmp_path: Path) -> None:
    metadata, samples = make_dataset(jpegs(3))
    refused((metadata, samples[:1]), tmp_path, "tar", r"sample 0 .*: it is one of 2 that are missing")
    refused((metadata, samples + samples[:1]), tmp_path, "tar", r"sample 6 .*: it is there twice")
    refused((metadata, [Sample(5, samples[0].data, None)]), tmp_path, "tar", "know no sample 5")
    refused((metadata.only(metadata.index["id"][:0]), []), tmp_path, "tar", "the dataset has no samples")


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "metadata.h5", "x" * 256])
def test_a_class_that_cannot_name_a_folder(name: str, tmp_path: Path) -> None:
    metadata, samples = make_dataset(jpegs(1))
    index = metadata.index.assign(label=name, label_idx=0)
    named = Metadata("example", "multiclass", (name,), {"index": index})
    refused((named, samples), tmp_path, "imagefolder", "cannot name a folder")
    assert encode((named, samples), tmp_path, "tar").encoded(0) == samples[0].data


@each_kind
def test_an_error_leaves_the_last_one(kind: EncodingName, tmp_path: Path) -> None:
    encode(make_dataset(jpegs(2)), tmp_path, kind).close()
    with pytest.raises(InputError):
        encode(make_dataset([*jpegs(2), b"no image"]), tmp_path, kind)
    assert len(open_encoding(tmp_path / TARGETS[kind]).metadata) == 2


DAMAGED = {
    "imagefolder": "imagefolder/deer/00000003.jpg",
    "tar": "shards/train-00000.tar",
    "numpy": "arrays/images.npy",
    "zarr": "images.zarr/images/c.1.0.0.0",
}


@pytest.mark.parametrize(("kind", "name"), DAMAGED.items())
def test_a_file_that_has_lost_its_end(kind: EncodingName, name: str, tmp_path: Path) -> None:
    encode(make_dataset(jpegs(2)), tmp_path, kind)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
    with pytest.raises(InputError, match=r"sample 3 .*broken JPEG|ends before"):
        open_encoding(tmp_path / TARGETS[kind]).pixels(1)


@pytest.mark.parametrize(("kind", "name"), DAMAGED.items())
def test_a_file_that_is_missing(kind: EncodingName, name: str, tmp_path: Path) -> None:
    encode(make_dataset(jpegs(4)), tmp_path, kind)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"no such file|cannot be read|is in no archive|is no array|column is missing"):
        open_encoding(tmp_path / TARGETS[kind]).pixels(1)


def test_an_archive_that_does_not_belong_there(tmp_path: Path) -> None:
    encode(make_dataset(jpegs(2)), tmp_path, "tar")
    for name in ("train-00000.tar", "train-00000.tar.index.csv"):
        shutil.copy(tmp_path / "shards" / name, tmp_path / "shards" / name.replace("0.tar", "1.tar"))
    with pytest.raises(InputError, match="sample . is in it twice"):
        open_encoding(tmp_path / "shards")


def test_what_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        open_encoding(tmp_path / "missing")
    with pytest.raises(InputError, match=r"metadata\.h5: no such file"):
        open_encoding(tmp_path)
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="is no metadata"):
        open_encoding(tmp_path / "text.h5")


def test_a_file_outside_of_the_folder(tmp_path: Path) -> None:
    encode(make_dataset(jpegs(2)), tmp_path, "imagefolder")
    tables = tmp_path / "imagefolder" / "metadata.h5"
    metadata = read_metadata(tables)
    for name in ("../secret.jpg", "/etc/passwd"):
        write_metadata(metadata.with_tables(index=metadata.index.assign(file=["ant/00000000.jpg", name])), tables)
        with pytest.raises(InputError, match="is no path below a folder"):
            open_encoding(tmp_path / "imagefolder")


def test_an_array_that_others_have_written(tmp_path: Path) -> None:
    encode(make_dataset(jpegs(2)), tmp_path, "numpy")
    for strange in (np.asfortranarray(np.zeros((2, 4, 5, 3))), np.array([{}], dtype=object)):
        np.save(tmp_path / "arrays" / "images.npy", strange, allow_pickle=True)
        with pytest.raises(InputError, match="is no array of images"):
            open_encoding(tmp_path / "arrays")


def test_a_zarr_array_that_others_have_written(tmp_path: Path) -> None:
    import zarr

    encode(make_dataset(jpegs(2)), tmp_path, "zarr")
    zarr.create_array(tmp_path / "images.zarr" / "images", data=np.stack([draw_pixels(1)] * 2), overwrite=True)
    with pytest.raises(InputError, match="its chunks lie otherwise"):
        open_encoding(tmp_path / "images.zarr")


def test_writes_over_what_was_there(tmp_path: Path) -> None:
    for count in (2, 3):
        write_encoding(*make_dataset(jpegs(count)), tmp_path / "dataset.h5", EncodingOptions(kind="hdf5"))
        assert len(open_encoding(tmp_path / "dataset.h5").metadata) == count
