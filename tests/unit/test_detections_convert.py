"""Conversion: there and back without loss, counts that add up, and what other tools' readers make of it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conversions import back, there
from tests.results import by_name, contents, detection, results, write
from tests.shards import encode, exif
from treeline.detections.convert import ConvertReport, Format
from treeline.errors import InputError

# No two of them share a file of labels, and a list of files can hold each.
LABEL_FILES = ["a.jpg", "cam 1/b.jpg", "cam 1/c.PNG", "cam/2/d.jpeg", "é,\"'.jpg"]
LOSSLESS = [Format.CSV_LONG, Format.COCO, Format.LABELME]


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
