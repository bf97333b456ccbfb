"""The samples of a dataset by their number."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import treeline.datasets
from tests.dataset_folders import CLASSES, CORNERS, Folder, encode, image_of, make_dataset, mask_of, with_table
from treeline.datasets import Dataset, Spectral, collate
from treeline.datasets.ground import Bounds
from treeline.datasets.sample_sets import Draw
from treeline.errors import ConfigError, InputError
from treeline.io.datasets.encodings import TARGETS
from treeline.io.datasets.encodings.reading import encode_bands


def test_importing_the_command_line_imports_no_torch() -> None:
    code = "import sys, treeline.datasets, treeline.datasets.app; print({'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_all_names_can_be_imported() -> None:
    assert all(getattr(treeline.datasets, name) is not None for name in treeline.datasets.__all__)
    with pytest.raises(ImportError, match="no_such_name"):
        from treeline.datasets import no_such_name  # noqa: F401


@pytest.mark.parametrize("position", [0, 4, 5])
def test_images_and_targets(tmp_path: Path, position: int) -> None:
    expected = {
        "multiclass": position % 3,
        "multilabel": torch.tensor([1.0, 1.0, 0.0] if position == 5 else [1.0, 0, 0] if position == 4 else [0.0, 0, 0]),
        "regression": position / 8,
        "segmentation": torch.from_numpy(mask_of(position).astype(np.int64)),
    }
    for task, target in expected.items():
        sample = Dataset(make_dataset(tmp_path / task, task))[position]  # type: ignore[arg-type]
        assert sample["id"] == position * 3
        assert sample["image"].dtype == torch.uint8
        assert np.array_equal(sample["image"].numpy(), np.moveaxis(image_of(position), -1, 0))
        assert type(sample["target"]) is type(target)
        torch.testing.assert_close(sample["target"], target, rtol=0, atol=0)


def test_boxes(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, "detection"))
    boxes = [dataset[number]["target"] for number in range(3)]
    assert boxes[0]["boxes"].shape == (0, 4)
    assert boxes[2]["boxes"].tolist() == [[0.5, 1.0, 4.5, 3.5], [1.5, 1.0, 5.5, 3.5]]
    assert boxes[2]["labels"].tolist() == [0, 1]
    assert {(box["boxes"].dtype, box["labels"].dtype) for box in boxes} == {(torch.float32, torch.int64)}


def test_numbers_are_those_of_a_sequence(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path), "val")
    assert [sample["id"] for sample in dataset] == [3, 15, 27] == dataset.index["id"].tolist()
    assert dataset[-1]["id"] == dataset[np.int64(2)]["id"] == 27
    assert dataset.class_names == CLASSES
    for number in (3, -4):
        with pytest.raises(IndexError, match="3 samples"):
            dataset[number]


def test_bands(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path)
    dataset = Dataset(folder, spectral=Spectral(["blue", 0]))
    assert dataset.contents[0].channels == ("blue", "red")
    assert np.array_equal(dataset[2]["image"].numpy(), np.moveaxis(image_of(2)[..., [2, 0]], -1, 0))
    for bands in (["nir"], [3], [-1], []):
        with pytest.raises(ConfigError, match="red, green, blue"):
            Dataset(folder, spectral=Spectral(bands))


def test_windows_are_samples_whose_place_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path, "segmentation")
    dataset = Dataset(folder, "train", spatial=CORNERS)
    assert len(dataset) == 12
    assert [dataset[number]["id"] for number in range(4)] == [0, 0, 6, 6]
    images = {
        draw: dataset[Draw(*draw)]["image"].numpy().tobytes()
        for draw in [(2, 0, 0), (3, 0, 0), (2, 1, 0), (2, 0, 1), (2, 2, 0), (2, 0, 2)]
    }
    assert len(set(images.values())) > 3
    again = pickle.loads(pickle.dumps(dataset))
    for draw, image in reversed(images.items()):
        assert again[Draw(*draw)]["image"].numpy().tobytes() == image


def test_windows_by_bounds(tmp_path: Path) -> None:
    ground = {"crs": "EPSG:32632", "x_offset": [0.0, 6.0, 100.0], "y_offset": 10.0, "x_gsd": 1.0, "y_gsd": 1.0}
    folder = with_table(make_dataset(tmp_path, samples=3), "spatial", **ground)
    dataset = Dataset(folder, spatial=Bounds(8, 4, 16, 7, "EPSG:32632"))
    assert [sample["id"] for sample in dataset] == dataset.index["id"].tolist() == [0, 3]
    expected = image_of(0)[3:6, 8:12], image_of(1)[3:6, 2:10]
    for sample, image in zip(dataset, expected, strict=True):
        assert np.array_equal(sample["image"].permute(1, 2, 0).numpy(), image)
    with pytest.raises(ConfigError, match="no image has one of the windows"):
        Dataset(folder, spatial=Bounds(50, 4, 60, 7, "EPSG:32632"))
    with pytest.raises(InputError, match=r"sample 0 \(images/000\.png\): spatial: the bounds are in EPSG:32633"):
        Dataset(folder, spatial=Bounds(8, 4, 16, 7, "EPSG:32633"))


def test_windows_need_to_know_the_size(tmp_path: Path) -> None:
    folder = with_table(make_dataset(tmp_path, samples=3), "spatial", image_width=[12.0, np.nan, 12.0])
    with pytest.raises(InputError, match=r"sample 3 \(images/001\.png\): its size is not known"):
        Dataset(folder, spatial=CORNERS)


def test_transforms_have_the_last_word(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path)
    dataset = Dataset(folder, transforms=lambda sample, generator: {**sample, "draw": generator.random()})
    assert dataset[3]["draw"] == dataset[3]["draw"] != dataset[4]["draw"]


@pytest.mark.parametrize("kind", ["imagefolder", "hdf5", "tar", "numpy", "lmdb", "zarr"])
def test_the_same_samples_of_every_encoding(tmp_path: Path, kind: Any) -> None:
    folder = make_dataset(tmp_path / "source", "segmentation", samples=4)
    size = {"size": [10, 12]} if kind in ("numpy", "zarr") else {}
    written = Dataset(str(encode(folder, kind, tmp_path / TARGETS[kind], **size)), spatial=CORNERS)
    for sample, expected in zip(written, Dataset(folder, spatial=CORNERS), strict=True):
        assert sample["id"] == expected["id"]
        assert torch.equal(sample["image"], expected["image"])
        assert torch.equal(sample["target"], expected["target"])


def test_an_encoding_names_a_sample_once(tmp_path: Path) -> None:
    target = encode(make_dataset(tmp_path / "source"), "imagefolder", tmp_path / "imagefolder")
    (target / "bird" / "00000009.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^\S*imagefolder: sample 9 \(images/003\.png\): not an image"):
        Dataset(target)[3]


WRONG_TABLES = [
    (
        "multiclass",
        "index",
        {"label": lambda table: table["label"].replace("fox", "wolf")},
        r"sample 6 \(images/002.*'wolf'",
    ),
    (
        "multiclass",
        "index",
        {"label_idx": lambda table: table["label_idx"] + 1},
        r"sample 0 \(images/000\.png\): 1 is not",
    ),
    ("multilabel", "labels", {"label": lambda table: ["cow", *table["label"][1:]]}, r"sample 3 \(images/001.*'cow'"),
    ("multilabel", "labels", {"id": lambda table: table["id"] + 1}, "sample 4, the index has not"),
    ("regression", "index", {"target": float("nan")}, r"sample 0 \(.*is no number \(12 rows"),
    ("detection", "boxes", {"width": 0.0}, r"sample 3 \(images/001.*0\.0 is no side of a box"),
    ("detection", "boxes", {"x": float("inf")}, r"sample 3 \(.*'x'|inf is no number"),
    ("segmentation", "index", {"mask_path": ""}, r"sample 0 \(.*names no mask"),
]


@pytest.mark.parametrize(("task", "table", "columns", "message"), WRONG_TABLES)
def test_wrong_tables(tmp_path: Path, task: Any, table: str, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Dataset(with_table(make_dataset(tmp_path, task), table, **columns))


@pytest.mark.parametrize("damage", ["missing", "corrupt", "no image"])
def test_a_sample_that_cannot_be_read_is_named(tmp_path: Path, damage: str) -> None:
    folder = make_dataset(tmp_path)
    file = tmp_path / "images" / "003.png"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:60] if damage == "corrupt" else b"GIF, or not")
    dataset = Dataset(folder)
    with pytest.raises(InputError, match=r"drawn: sample 9 \(images/003\.png\): cannot be read"):
        dataset[3]
    assert dataset[4]["id"] == 12


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((5, 12), np.uint8), "its mask is 12 x 5 pixels, the image 12 x 10"),
        (np.full((10, 12), 3, np.uint8), "its mask has the value 3; the 3 classes are 0 to 2"),
        (np.zeros((10, 12), np.uint16), "a mask has 8 bits a pixel"),
    ],
)
def test_a_wrong_mask_is_named(tmp_path: Path, mask: npt.NDArray[Any], message: str) -> None:
    from PIL import Image

    folder = make_dataset(tmp_path, "segmentation")
    Image.fromarray(mask).save(tmp_path / "masks" / "003.png")
    with pytest.raises(InputError, match=rf"sample 9 \(images/003\.png\): .*{message}"):
        Dataset(folder)[3]


@pytest.mark.parametrize("kind", ["uint16", "int16", "float32"])
def test_bands_of_rasters_keep_their_type(tmp_path: Path, kind: str) -> None:
    folder = make_dataset(tmp_path, samples=2)
    bands = np.random.default_rng(0).integers(0, 30_000, (2, 10, 12, 4)).astype(kind)
    for number in range(2):
        (tmp_path / "images" / f"00{number}.png").write_bytes(encode_bands(bands[number]))
    metadata = dataclasses.replace(folder.metadata, channels=("red", "green", "blue", "nir"))
    dataset = Dataset(Folder(metadata, tmp_path), spectral=Spectral(["nir", "red"]))
    images = collate([dataset[0], dataset[1]])["image"]
    assert np.array_equal(images.numpy(), np.moveaxis(bands[..., [3, 0]], -1, 1))
    assert str(images.dtype) == f"torch.{kind}"


def test_an_image_with_other_bands_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path)
    metadata = dataclasses.replace(folder.metadata, channels=("red", "green", "blue", "nir"))
    with pytest.raises(InputError, match=r"sample 0 \(images/000\.png\): the image has 3 bands, the dataset 4"):
        Dataset(Folder(metadata, tmp_path))[0]
