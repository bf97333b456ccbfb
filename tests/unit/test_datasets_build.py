"""Whole builds of metadata: the same bytes again, whole or absent, and what comes at the end."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.dataset_sources import describe, jpeg, measured, write_photos
from tests.training_sets import ANIMAL, build, content, crop_set, detector_set, sequence, split_table, write_images
from treeline.cli import app
from treeline.datasets import build as building
from treeline.datasets.build import write_finished, write_step
from treeline.datasets.plan import write_plan
from treeline.errors import InputError
from treeline.io.datasets.metadata import Metadata, read_metadata
from treeline.io.datasets.samples import read_samples

STEPS: list[dict[str, Any]] = [{"drop_duplicates": {}}, {"resize": {"longest_side": 40}}]


def make(folder: Path) -> None:
    """Build up to the last step, below `folder`, whose sources have the same paths each time."""
    photos = write_photos(folder / "photos", {f"{label}/{seed}.jpg": jpeg(seed) for seed in range(3) for label in "xy"})
    measured(folder, {"kind": "folder", "path": str(photos)}, steps=STEPS)
    for number in range(1, len(STEPS) + 1):
        previous, target = folder / f"{number:02d}/metadata.h5", folder / f"{number + 1:02d}"
        write_step(previous, folder / "tested.yaml", number, target)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build that no test changes."""
    folder = tmp_path_factory.mktemp("made")
    make(folder)
    return folder


def write_splits(file: Path, ids: list[int], splits: list[str]) -> Path:
    pq.write_table(pa.table({"id": ids, "split": splits}), file)
    return file


def test_the_same_bytes_again(tmp_path: Path) -> None:
    make(tmp_path)
    first = content(tmp_path)
    make(tmp_path)
    assert content(tmp_path) == first
    assert {"00/metadata.h5", "02/dropped.csv", "03/images.tar"} <= first.keys()


def _killed_while_writing(folder: Path) -> None:
    def write_half(metadata: Metadata, file: Path) -> None:
        file.write_bytes(b"half")
        os._exit(9)

    building.put_metadata = write_half  # in a process of its own, which ends here
    write_step(folder / "02/metadata.h5", folder / "tested.yaml", 2, folder / "03")


def test_a_kill_leaves_what_was_there(tmp_path: Path, made: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    write_step(tmp_path / "02/metadata.h5", tmp_path / "tested.yaml", 2, tmp_path / "03")
    before = content(tmp_path / "03")
    killed = multiprocessing.get_context("fork").Process(target=_killed_while_writing, args=(tmp_path,))
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert content(tmp_path / "03") == before
    write_step(tmp_path / "02/metadata.h5", tmp_path / "tested.yaml", 2, tmp_path / "03")
    assert content(tmp_path / "03") == before
    assert not list(tmp_path.glob(".tmp-*"))


def test_finished_metadata_have_the_splits(tmp_path: Path, made: Path) -> None:
    splits = write_splits(tmp_path / "splits.parquet", [2, 0, 1], ["test", "train", "val"])
    write_finished(made / "03/metadata.h5", splits, tmp_path / "metadata.h5")
    finished = read_metadata(tmp_path / "metadata.h5")
    assert finished.index["split"].tolist() == ["train", "val", "test"]
    assert finished.class_names == ("x",)
    assert "problem" not in finished.tables["additional"]
    with h5py.File(tmp_path / "metadata.h5") as file:
        assert file["index/table"]["split"].astype(str).tolist() == ["train", "val", "test"]
    assert pd.read_hdf(tmp_path / "metadata.h5", "spatial", where="image_width == 40")["id"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("ids", "splits", "message"),
    [
        ([0, 1], ["train", "val"], r"x/2\.jpg \(id 2\) has no split out of train, val, test"),
        ([0, 1, 2], ["train", "valid", "test"], r"x/1\.jpg \(id 1\) has no split"),
        ([0, 1, 2, 2], ["train"] * 4, "the sample 2 is there twice"),
    ],
)
def test_splits_that_do_not_fit(tmp_path: Path, made: Path, ids: list[int], splits: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_finished(
            made / "03/metadata.h5", write_splits(tmp_path / "splits.parquet", ids, splits), tmp_path / "metadata.h5"
        )
    assert not (tmp_path / "metadata.h5").exists()


def test_a_step_that_is_not_there(tmp_path: Path, made: Path) -> None:
    with pytest.raises(InputError, match="has 2 steps, and no number 3"):
        write_step(made / "03/metadata.h5", made / "tested.yaml", 3, tmp_path / "04")


def test_a_plan_keeps_what_does_not_change(tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [{"drop_duplicates": {}}, {"resize": {"longest_side": 9}}]
    source = {"kind": "folder", "path": "x"}
    write_plan(describe(tmp_path / "tested.yaml", source, steps=steps), tmp_path / "plan")
    before = {file.name: file.stat().st_ino for file in (tmp_path / "plan").iterdir()}
    assert before.keys() >= {"00-source.json", "02-drop_duplicates.json", "03-resize.json", "encoding-imagefolder.json"}
    write_plan(describe(tmp_path / "tested.yaml", source, steps=steps[1:]), tmp_path / "plan")
    after = {file.name: file.stat().st_ino for file in (tmp_path / "plan").iterdir()}
    assert after.keys() == before.keys() - {"02-drop_duplicates.json", "03-resize.json"} | {"02-resize.json"}
    assert {name for name in after if before.get(name) == after[name]} == after.keys() - {"plan.json", "02-resize.json"}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Images at three locations, one in each split."""
    names = {"train": "a.png", "val": "b.png", "test": "c.png"}
    sequences = [sequence(file, [ANIMAL, ANIMAL], location=split) for split, file in names.items()]
    write_images(tmp_path / "originals", names.values())
    return build(tmp_path / "catalog.duckdb", sequences, split_table(**{split: [split] for split in names}))


def test_a_training_set_of_crops(tmp_path: Path, catalog: Path) -> None:
    crop_set(catalog, tmp_path / "crops", tmp_path / "originals")
    more: dict[str, Any] = {"groups": ["location"], "splits": {"kind": "predefined", "column": "split"}}
    metadata = measured(tmp_path, {"kind": "training_set", "path": str(tmp_path / "crops")}, **more)
    assert metadata.class_names == ("deer",)
    assert len(metadata) == 6
    assert metadata.index["location"].tolist() == metadata.tables["additional"]["split"].tolist()
    assert len(list(read_samples(metadata))) == 6


def test_a_training_set_with_boxes(tmp_path: Path, catalog: Path) -> None:
    detector_set(catalog, tmp_path / "set", tmp_path / "originals", placement="copy")
    more: dict[str, Any] = {"groups": ["location"], "splits": {"kind": "predefined", "column": "split"}}
    metadata = measured(tmp_path, {"kind": "training_set", "path": str(tmp_path / "set")}, "detection", **more)
    assert metadata.class_names == ("animal",)
    assert metadata.index["image_path"].tolist() == ["caltech/a.png", "caltech/b.png", "caltech/c.png"]
    assert metadata.tables["additional"]["split"].tolist() == ["train", "val", "test"]
    boxes = metadata.tables["boxes"]
    assert boxes[["id", "number"]].values.tolist() == [[id, number] for id in range(3) for number in range(2)]
    assert boxes[["x", "y", "width", "height"]].drop_duplicates().values.tolist() == [[18.0, 12.0, 36.0, 24.0]]
    with pytest.raises(InputError, match=r"instances_train\.json, field 'camera': the images have no such field"):
        measured(tmp_path, {"kind": "training_set", "path": str(tmp_path / "set")}, "detection", keep=["camera"])


def test_boxes_of_a_query(tmp_path: Path, catalog: Path) -> None:
    answer = tmp_path / "answer.parquet"
    asked = ["query", "annotated_images", "--catalog", str(catalog), "--out", str(answer)]
    assert CliRunner().invoke(app, asked).exit_code == 0
    source = {"kind": "table", "path": str(answer), "images": [str(tmp_path / "originals")]}
    metadata = measured(tmp_path, source, "detection", labels=["bbox"])
    assert metadata.class_names == ("animal",)
    assert metadata.tables["boxes"][["x", "y", "width", "height"]].values.tolist() == [[18.0, 12.0, 36.0, 24.0]] * 6
    (tmp_path / "rows.csv").write_text('file,bbox\na.png,"[{""category"": ""animal"", ""bbox"": [0, 0, 1]}]"\n')
    with pytest.raises(InputError, match=r"rows\.csv, row 1, field 'bbox': a\.png: .* is no list of boxes"):
        measured(tmp_path, {**source, "path": str(tmp_path / "rows.csv")}, "detection", labels=["bbox"])
