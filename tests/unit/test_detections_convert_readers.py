"""What the readers of other tools make of converted detections."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from tests.conversions import back, there
from tests.results import detection, results, write
from treeline.detections.convert import Format
from treeline.errors import InputError

EXAMPLE = results(
    {"file": "a/1.jpg", "detections": [detection(0.9), detection(0.25, "3", (0.5, 0.5, 0.25, 0.5))],
     "width": 40, "height": 20, "datetime": "2024:05:06 07:08:09"},
    {"file": "a/2.jpg", "detections": [], "width": 30, "height": 30},
    {"file": "b.jpg", "detections": [detection(-0.5), detection(0.75)], "width": 20, "height": 20},
    {"file": "c.jpg", "failure": "image access failure"},
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "results.json", EXAMPLE)


def test_pandas_reads_the_long_table(file: Path, tmp_path: Path) -> None:
    there(file, tmp_path / "long.csv", Format.CSV_LONG)
    table = pd.read_csv(tmp_path / "long.csv")
    assert table["file"].tolist() == ["a/1.jpg", "a/1.jpg", "a/2.jpg", "b.jpg", "b.jpg", "c.jpg"]
    assert table["confidence"].tolist()[:2] == [0.9, 0.25]
    assert table["category"].isna().tolist() == [False, False, True, False, False, True]
    assert table.loc[5, "failure"] == "image access failure"
    assert table.loc[1, ["x_min", "y_min", "box_width", "box_height"]].tolist() == [0.5, 0.5, 0.25, 0.5]


def test_a_wide_table_has_a_row_an_image(file: Path, tmp_path: Path) -> None:
    there(file, tmp_path / "wide.csv", Format.CSV_WIDE)
    with (tmp_path / "wide.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["file"], row["count_animal"], row["max_confidence_animal"]) for row in rows] == [
        ("a/1.jpg", "1", "0.9"), ("a/2.jpg", "0", ""), ("b.jpg", "1", "0.75"), ("c.jpg", "", "")
    ]  # fmt: skip
    assert rows[0]["datetime"] == "2024:05:06 07:08:09"
    assert [row["count_vehicle"] for row in rows] == ["1", "0", "0", ""]
    assert rows[3]["failure"] == "image access failure"


def test_a_wide_table_cannot_be_read_back(file: Path, tmp_path: Path) -> None:
    there(file, tmp_path / "wide.csv", Format.CSV_WIDE)
    with pytest.raises(InputError, match="no way back from csv-wide"):
        back(tmp_path / "wide.csv", tmp_path / "back.json", Format.CSV_WIDE)


def test_the_package_checks_the_dataset(file: Path, tmp_path: Path) -> None:
    from megadetector.data_management.integrity_check_json_db import IntegrityCheckOptions, integrity_check_json_db

    (tmp_path / "licenses.csv").write_text("file,license\nb.jpg,CC0\na/1.jpg,https://example.org/by\nx.jpg,\n")
    there(file, tmp_path / "coco.json", Format.COCO, licenses=tmp_path / "licenses.csv")
    options = IntegrityCheckOptions()
    options.bRequireLocation, options.allowIntIDs, options.validateBoxes = False, True, "error"
    options.requireInfo, options.verbose, options.nThreads = True, False, 1
    categories, dataset, errors = integrity_check_json_db(str(tmp_path / "coco.json"), options)
    assert {category["name"]: category["_count"] for category in categories} == {"animal": 2, "vehicle": 1, "person": 0}
    assert [image["file_name"] for image in dataset["images"]] == ["a/1.jpg", "a/2.jpg", "b.jpg"]
    dataset = json.loads((tmp_path / "coco.json").read_bytes())
    assert dataset["licenses"] == [
        {"id": 1, "name": "CC0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"},
        {"id": 2, "name": "https://example.org/by", "url": "https://example.org/by"},
    ]
    assert [image.get("license") for image in dataset["images"]] == [2, None, 1]
    assert dataset["images"][0]["date_captured"] == "2024-05-06 07:08:09"
    for part in ("images", "annotations", "categories", "licenses"):
        ids = [item["id"] for item in dataset[part]]
        assert ids == list(range(1, len(ids) + 1))
    first, second, _ = dataset["annotations"]
    assert (second["bbox"], second["area"], second["score"], second["category_id"]) == ([20, 10, 10, 10], 100, 0.25, 3)
    assert first["bbox"] == pytest.approx([4, 4, 12, 8])


def test_the_package_reads_labelme_files(file: Path, tmp_path: Path) -> None:
    from megadetector.data_management.labelme_to_coco import labelme_to_coco

    there(file, tmp_path / "labels", Format.LABELME)
    written = (path.relative_to(tmp_path / "labels") for path in (tmp_path / "labels").rglob("*.json"))
    assert sorted(map(str, written)) == ["a/1.json", "a/2.json", "b.json"]
    for name in ("a/1.jpg", "a/2.jpg", "b.jpg"):
        (tmp_path / "labels" / name).write_bytes(b"")
    dataset = labelme_to_coco(str(tmp_path / "labels"), validate_image_sizes=False)
    names = {category["id"]: category["name"] for category in dataset["categories"]}
    boxes = sorted(
        (annotation["image_id"], names[annotation["category_id"]], [round(value, 6) for value in annotation["bbox"]])
        for annotation in dataset["annotations"]
        if "bbox" in annotation
    )
    assert boxes == [
        ("a/1.jpg", "animal", [4, 4, 12, 8]),
        ("a/1.jpg", "vehicle", [20, 10, 10, 10]),
        ("b.jpg", "animal", [2, 4, 6, 8]),
    ]


def test_the_package_reads_yolo_files(file: Path, tmp_path: Path) -> None:
    from megadetector.data_management.yolo_to_coco import yolo_to_coco

    dataset_folder = tmp_path / "yolo"
    there(file, dataset_folder, Format.YOLO)
    assert (dataset_folder / "labels" / "a" / "1.txt").read_text().splitlines()[1] == (
        "2 0.625000000 0.750000000 0.250000000 0.500000000"
    )
    assert (dataset_folder / "labels" / "a" / "2.txt").read_text() == ""
    settings = yaml.safe_load((dataset_folder / "data.yaml").read_text())
    assert settings["names"] == {0: "animal", 1: "person", 2: "vehicle"}
    listed = (dataset_folder / settings["train"]).read_text().splitlines()
    assert listed == ["./images/a/1.jpg", "./images/a/2.jpg", "./images/b.jpg"]
    for image, size in zip(listed, ((40, 20), (30, 30), (20, 20)), strict=True):
        (dataset_folder / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(dataset_folder / image)
    dataset = yolo_to_coco(
        input_folder=str(dataset_folder / "images"),
        class_name_file=str(dataset_folder / "data.yaml"),
        label_folder=str(dataset_folder / "labels"),
        n_workers=1,
    )
    names = {category["id"]: category["name"] for category in dataset["categories"]}
    boxes = sorted(
        (annotation["image_id"], names[annotation["category_id"]], [round(value, 6) for value in annotation["bbox"]])
        for annotation in dataset["annotations"]
        if "bbox" in annotation
    )
    assert boxes == [
        ("a/1.jpg", "animal", [4, 4, 12, 8]),
        ("a/1.jpg", "vehicle", [20, 10, 10, 10]),
        ("b.jpg", "animal", [2, 4, 6, 8]),
    ]


def test_licenses_of_a_shard_are_found_by_uuid(file: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"uuid": ["1", "b", "z"], "license": ["CC0", None, "BY"]}), tmp_path / "shard.parquet")
    there(file, tmp_path / "coco.json", Format.COCO, licenses=tmp_path / "shard.parquet")
    dataset = json.loads((tmp_path / "coco.json").read_bytes())
    assert [image.get("license") for image in dataset["images"]] == [1, None, None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file\n", "field 'license'"),
        ("name,license\n", "field 'file'"),
        ("file,license\na,CC0\na,BY\n", "row 2, field 'license': 'a' has another license"),
    ],
)
def test_a_table_of_licenses_that_is_none_is_refused(file: Path, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "licenses.csv").write_text(content)
    with pytest.raises(InputError, match=rf"licenses\.csv, {words}"):
        there(file, tmp_path / "coco.json", Format.COCO, licenses=tmp_path / "licenses.csv")


@pytest.mark.parametrize("to", [Format.YOLO, Format.LABELME])
def test_a_folder_that_holds_something_is_not_replaced(file: Path, tmp_path: Path, to: Format) -> None:
    (tmp_path / "photos").mkdir()
    there(file, tmp_path / "photos", to)
    with pytest.raises(InputError, match="photos: is there already"):
        there(file, tmp_path / "photos", to)
    with pytest.raises(InputError, match="is there already"):
        there(file, file, to)
    assert json.loads(file.read_text()) == EXAMPLE
