"""Conversion: there and back without loss, counts that add up, and what other tools' readers make of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.results import by_name, contents, detection, package_errors, results, write
from tests.shards import encode, exif
from treeline.detections.convert import ConvertReport, Format, convert
from treeline.errors import InputError

# No two of them share a file of labels, and a list of files can hold each.
LABEL_FILES = ["a.jpg", "cam 1/b.jpg", "cam 1/c.PNG", "cam/2/d.jpeg", "é,\"'.jpg"]
LOSSLESS = [Format.CSV_LONG, Format.COCO, Format.LABELME]


def there(file: Path, target: Path, to: Format, **options: Any) -> ConvertReport:
    return convert(file, target, from_format=Format.RESULTS, to_format=to, **options)


def back(source: Path, target: Path, from_: Format, **options: Any) -> Any:
    convert(source, target, from_format=from_, to_format=Format.RESULTS, **options)
    assert package_errors(target) == []
    return json.loads(target.read_bytes())


def round_trip(content: Any, to: Format) -> tuple[Any, ConvertReport]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        report = there(write(folder / "in.json", content), folder / "there", to)
        return back(folder / "there", folder / "back.json", to), report


@pytest.mark.parametrize("to", [Format.RESULTS, *LOSSLESS])
@settings(max_examples=25)
@given(content=contents(labels=True, files=LABEL_FILES))
def test_there_and_back_nothing_changes(to: Format, content: Any) -> None:
    again, report = round_trip(content, to)
    assert by_name(again) == by_name(content)
    assert report == ConvertReport(
        len(content["images"]), sum(len(image["detections"]) for image in content["images"]), 0, 0
    )
    assert [image["file"] for image in again["images"]] == (
        sorted(image["file"] for image in content["images"])
        if to is Format.LABELME
        else [image["file"] for image in content["images"]]
    )


@settings(max_examples=25)
@given(content=contents())
def test_a_long_table_keeps_failures_and_what_is_struck_out(content: Any) -> None:
    again, report = round_trip(content, Format.CSV_LONG)
    assert report.failed == report.struck_out == 0
    for image in content["images"]:
        if image.get("failure") is not None and image.get("detections"):
            image["partial_failure"] = image.pop("failure")
        elif image.get("failure") is not None:
            image["detections"] = None
    assert by_name(again) == by_name(content)


@settings(max_examples=25)
@given(content=contents(labels=True))
def test_a_dataset_keeps_what_a_file_says_of_itself(content: Any) -> None:
    again, _ = round_trip(content, Format.COCO)
    assert again["info"] == {**content["info"], "format_version": str(content["info"]["format_version"])}
    for field in ("detection_categories", "classification_categories", "classification_category_descriptions"):
        assert sorted(again.get(field, {}).values()) == sorted(content.get(field, {}).values())


@settings(max_examples=25)
@given(content=contents(labels=True, files=LABEL_FILES))
def test_yolo_keeps_images_boxes_and_categories(content: Any) -> None:
    again, _ = round_trip(content, Format.YOLO)
    assert sorted(again["detection_categories"].values()) == sorted(content["detection_categories"].values())

    def kept(content: Any) -> Any:
        return {
            name: sorted((found["category"], found["bbox"]) for found in image["detections"])
            for name, image in by_name(content).items()
        }

    assert kept(again) == kept(content)
    assert all(found["conf"] == 1 for image in again["images"] for found in image["detections"])


@pytest.mark.parametrize("to", [Format.COCO, Format.YOLO, Format.LABELME])
@settings(max_examples=25)
@given(content=contents(files=LABEL_FILES))
def test_labels_leave_out_failures_and_what_is_struck_out_and_count_them(to: Format, content: Any) -> None:
    for image in content["images"]:
        image.update(width=10, height=10)
    again, report = round_trip(content, to)
    assert report.images == len(content["images"])
    assert report.failed == sum(
        image.get("failure") is not None and not image.get("detections") for image in content["images"]
    )
    found = [found for image in content["images"] for found in image.get("detections") or ()]
    assert report.detections == len(found)
    assert report.struck_out == sum(one["conf"] < 0 for one in found)
    assert len(again["images"]) == report.images - report.failed
    assert sum(len(image["detections"]) for image in again["images"]) == report.detections - report.struck_out


@pytest.mark.parametrize("to", list(Format))
@settings(max_examples=8)
@given(content=contents(labels=True, files=LABEL_FILES))
def test_bytes_depend_on_the_input_alone(to: Format, content: Any) -> None:
    with TemporaryDirectory() as name:
        file = write(Path(name) / "in.json", content)
        outputs = []
        for attempt in ("one", "two"):
            target = Path(name) / attempt
            there(file, target, to)
            files = sorted(path for path in target.rglob("*") if path.is_file()) if target.is_dir() else [target]
            outputs.append([(str(path.relative_to(target)), path.read_bytes()) for path in files])
    assert outputs[0] == outputs[1]


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
        {"id": 1, "name": "CC0", "url": ""},
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


def test_what_ultralytics_has_predicted_becomes_results(tmp_path: Path) -> None:
    """Lines with a sixth number, no list of images, and no file for an image where nothing was found."""
    source, images = tmp_path / "run", tmp_path / "photos"
    (source / "labels" / "cam").mkdir(parents=True)
    (source / "labels" / "cam" / "a.txt").write_text("1 0.5 0.5 0.2 0.4 0.875\n\n")
    (source / "data.yaml").write_text("names: [deer, fox]\n")
    for name in ("cam/a.JPG", "b.png"):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(b"")
    content = back(source, tmp_path / "back.json", Format.YOLO, images=images)
    assert by_name(content) == {
        "b.png": {"file": "b.png", "detections": []},
        "cam/a.JPG": {
            "file": "cam/a.JPG",
            "detections": [{"category": "fox", "conf": 0.875, "bbox": [0.4, 0.3, 0.2, 0.4]}],
        },
    }


def test_boxes_that_overshoot_are_cut_for_yolo(tmp_path: Path) -> None:
    content = results({"file": "a.jpg", "detections": [detection(bbox=(-0.005, 0.5, 0.1, 0.505))]})
    there(write(tmp_path / "in.json", content), tmp_path / "yolo", Format.YOLO)
    line = (tmp_path / "yolo" / "labels" / "a.txt").read_text().split()
    assert [float(value) for value in line] == [0, 0.0475, 0.75, 0.095, 0.5]


def test_sizes_come_from_the_images_where_results_have_none(tmp_path: Path) -> None:
    content = results({"file": "cam/a.jpg", "detections": [detection(bbox=(0.5, 0, 0.5, 1))]})
    file = write(tmp_path / "in.json", content)
    with pytest.raises(InputError, match=r"in\.json.*width.*'cam/a\.jpg'.*--images"):
        there(file, tmp_path / "coco.json", Format.COCO)
    (tmp_path / "cam").mkdir()
    with pytest.raises(InputError, match=r"a\.jpg: has no size that can be read"):
        there(file, tmp_path / "coco.json", Format.COCO, images=tmp_path)
    turned_by_a_quarter = encode(Image.new("RGB", (36, 24)), "JPEG", exif=exif(6))
    (tmp_path / "cam" / "a.jpg").write_bytes(turned_by_a_quarter)
    there(file, tmp_path / "coco.json", Format.COCO, images=tmp_path)
    dataset = json.loads((tmp_path / "coco.json").read_bytes())
    assert (dataset["images"][0]["width"], dataset["images"][0]["height"]) == (24, 36)
    assert dataset["annotations"][0]["bbox"] == [12, 0, 12, 36]


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
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.jpg", "a.png"], r"'a\.png' would have its labels .* where those of 'a\.jpg' are"),
        (["../a.jpg"], r"'\.\./a\.jpg' names no file inside a folder"),
        (["/a.jpg"], r"'/a\.jpg' names no file"),
        (["x/../../a.jpg"], "names no file"),
        (["."], "names no file"),
        (["x" * 300 + ".jpg"], "too long"),
    ],
)
def test_no_labels_overwrite_others_or_leave_their_folder(
    tmp_path: Path, to: Format, names: list[str], words: str
) -> None:
    images = [{"file": name, "detections": [], "width": 1, "height": 1} for name in names]
    file = write(tmp_path / "in.json", results(*images))
    with pytest.raises(InputError, match=words):
        there(file, tmp_path / "labels", to)
    assert list(tmp_path.iterdir()) == [file]


def test_a_label_file_cannot_be_a_folder_of_others(tmp_path: Path) -> None:
    images = [{"file": name, "detections": []} for name in ("a.txt/b.jpg", "a.jpg")]
    with pytest.raises(InputError, match="would have its labels in a.txt"):
        there(write(tmp_path / "in.json", results(*images)), tmp_path / "labels", Format.YOLO)


@pytest.mark.parametrize("to", [Format.YOLO, Format.LABELME])
def test_a_folder_that_holds_something_is_not_replaced(file: Path, tmp_path: Path, to: Format) -> None:
    (tmp_path / "photos").mkdir()
    there(file, tmp_path / "photos", to)
    with pytest.raises(InputError, match="photos: is there already"):
        there(file, tmp_path / "photos", to)
    with pytest.raises(InputError, match="is there already"):
        there(file, file, to)
    assert json.loads(file.read_text()) == EXAMPLE


COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}],
    "categories": [{"id": 5, "name": "deer"}],
}


def test_peoples_labels_are_certain(tmp_path: Path) -> None:
    content = back(write(tmp_path / "coco.json", COCO), tmp_path / "back.json", Format.COCO)
    assert by_name(content)["a.jpg"]["detections"] == [{"category": "deer", "conf": 1.0, "bbox": [0.1, 0.2, 0.3, 0.4]}]


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("images", {"file_name": None}, "images[0].file_name"),
        ("images", {"width": 0}, "'a.jpg'"),
        ("images", {"width": None}, "images[0].width"),
        ("annotations", {"bbox": None}, "annotations[0].bbox"),
        ("annotations", {"bbox": [1, 2, 3]}, "annotations[0].bbox"),
        ("annotations", {"bbox": [1, 2, float("nan"), 4]}, "annotations[0].bbox[2]"),
        ("annotations", {"bbox": [1, 2, 30, 4]}, "a.jpg"),
        ("annotations", {"image_id": 2}, "annotations[0].image_id"),
        ("annotations", {"category_id": 1}, "annotations[0].category_id"),
        ("annotations", {"score": 7}, "a.jpg"),
        ("categories", {"name": 1}, "categories[0].name"),
        ("categories", {"name": " "}, "detection_categories"),
    ],
)
def test_a_dataset_that_is_none_is_refused(tmp_path: Path, part: str, change: Any, words: str) -> None:
    dataset = {**COCO, part: [{**COCO[part][0], **change}]}
    with pytest.raises(InputError) as caught:
        back(write(tmp_path / "coco.json", dataset), tmp_path / "back.json", Format.COCO)
    assert str(caught.value).startswith(str(tmp_path / "coco.json"))
    assert words in str(caught.value)


@pytest.mark.parametrize("part", ["images", "categories"])
def test_ids_of_a_dataset_are_unique(tmp_path: Path, part: str) -> None:
    dataset = {**COCO, part: [*COCO[part], {**COCO[part][0], "file_name": "b.jpg", "name": "b"}]}
    with pytest.raises(InputError, match=rf"{part}\[1\]\.id.*twice"):
        back(write(tmp_path / "coco.json", dataset), tmp_path / "back.json", Format.COCO)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "field 'file'"),
        ("name\n", "field 'file'"),
        ("file,category\n,animal\n", "row 1, field 'file'"),
        ("file,category\na.jpg,animal\n", "row 1, field 'x_min'"),
        ("file,x_min,y_min,box_width,box_height\na.jpg,0,0,1,1\n", "row 1, field 'category'"),
        (
            "file,category,x_min,y_min,box_width,box_height\na.jpg,x,0,0,1,one\n",
            "row 1, field 'box_width'|'box_height'",
        ),
        ("file,category,x_min,y_min,box_width,box_height\na.jpg,x,0,0,1,nan\n", "a.jpg"),
        ("file,category,x_min,y_min,box_width,box_height\na.jpg,x,0,0,1,9\n", "a.jpg"),
        ("file,image_width\na.jpg,4\na.jpg,5\n", "row 2, field 'width'"),
        ("file,image_fields\na.jpg,[]\n", "row 1, field 'image_fields'"),
        ("file,image_fields\na.jpg,{\n", "row 1, field 'image_fields'"),
        ("file\na.jpg,1\n", "row 1"),
        ('file\n"a.jpg\n', "cannot be read as CSV"),
    ],
)
def test_a_long_table_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "long.csv").write_text(content)
    with pytest.raises(InputError, match=rf"long\.csv.*({words})"):
        back(tmp_path / "long.csv", tmp_path / "back.json", Format.CSV_LONG)


def test_a_long_table_may_have_few_columns(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text(
        "file,category,x_min,y_min,box_width,box_height,classification\nb.jpg,deer,0,0,1,1,roe\na.jpg,,,,,,\n",
        "utf-8-sig",
    )
    content = back(tmp_path / "long.csv", tmp_path / "back.json", Format.CSV_LONG)
    found = {"category": "deer", "conf": 1.0, "bbox": [0, 0, 1, 1], "classifications": [["roe", 1.0]]}
    assert by_name(content) == {
        "b.jpg": {"file": "b.jpg", "detections": [found]},
        "a.jpg": {"file": "a.jpg", "detections": []},
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 0.1", r"a\.txt, row 1"),
        ("0 0.5 0.5 0.1 0.1 0.9 0.1", r"a\.txt, row 1"),
        ("deer 0.5 0.5 0.1 0.1", r"a\.txt, row 1"),
        ("7 0.5 0.5 0.1 0.1", r"a\.txt, row 1: class 7"),
        ("0 nan 0.5 0.1 0.1", r"a\.txt, row 1"),
        ("0 0.5 0.5 5 5", r"a\.jpg"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, line: str, words: str) -> None:
    source = tmp_path / "yolo"
    there(write(tmp_path / "in.json", results({"file": "a.jpg", "detections": []})), source, Format.YOLO)
    (source / "labels" / "a.txt").write_text(line + "\n")
    with pytest.raises(InputError, match=words):
        back(source, tmp_path / "back.json", Format.YOLO)


@pytest.mark.parametrize("content", ["", "names: 5\n", "{", "names: {a: b}\n"])
def test_yolo_without_names_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text(content)
    with pytest.raises(InputError, match=r"data\.yaml"):
        back(tmp_path, tmp_path / "back.json", Format.YOLO)


def test_yolo_labels_of_no_image_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "yolo"
    there(write(tmp_path / "in.json", results({"file": "a.jpg", "detections": []})), source, Format.YOLO)
    (source / "labels" / "b.txt").write_text("")
    with pytest.raises(InputError, match=r"b\.txt: labels an image that is not listed"):
        back(source, tmp_path / "back.json", Format.YOLO)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"imagePath": 1}, "imagePath"),
        ({"imageHeight": None}, "imageHeight"),
        ({"shapes": {}}, "shapes"),
        ({"shapes": [{"label": "x", "shape_type": "circle", "points": [[0, 0], [1, 1]]}]}, r"shapes\[0\].*'circle'"),
        ({"shapes": [{"label": "x", "shape_type": "rectangle", "points": [[0, 0]]}]}, r"shapes\[0\].*1 points"),
        ({"shapes": [{"label": "x", "shape_type": "rectangle", "points": [[0, 0], [99, 1]]}]}, r"a\.jpg"),
    ],
)
def test_labelme_files_that_are_none_are_refused(tmp_path: Path, change: Any, words: str) -> None:
    good = {"imagePath": "a.jpg", "imageHeight": 10, "imageWidth": 10, "shapes": []}
    (tmp_path / "labels").mkdir()
    write(tmp_path / "labels" / "a.json", good)
    back(tmp_path / "labels", tmp_path / "back.json", Format.LABELME)
    write(tmp_path / "labels" / "a.json", {**good, **change})
    with pytest.raises(InputError, match=words):
        back(tmp_path / "labels", tmp_path / "back.json", Format.LABELME)


def test_a_rectangle_may_be_drawn_from_any_corner(tmp_path: Path) -> None:
    shape = {"label": "deer", "shape_type": "rectangle", "points": [[6, 2], [4, 8]]}
    folder = tmp_path / "labels" / "cam"
    folder.mkdir(parents=True)
    write(folder / "a.json", {"imagePath": "a.jpg", "imageHeight": 10, "imageWidth": 10, "shapes": [shape]})
    content = back(tmp_path / "labels", tmp_path / "back.json", Format.LABELME)
    assert by_name(content)["cam/a.jpg"]["detections"][0]["bbox"] == [0.4, 0.2, 0.2, 0.6]


@settings(max_examples=8)
@given(st.permutations(LABEL_FILES))
def test_the_order_of_images_does_not_matter_to_folders(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        contents_of = []
        for number, order in enumerate((names, LABEL_FILES)):
            images = [{"file": name, "detections": [detection()], "width": 9, "height": 9} for name in order]
            target = Path(folder) / str(number)
            there(write(Path(folder) / f"{number}.json", results(*images)), target, Format.LABELME)
            contents_of.append({path.name: path.read_bytes() for path in target.rglob("*.json")})
    assert contents_of[0] == contents_of[1]
