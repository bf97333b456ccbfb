"""Files that a conversion cannot read, and folders that it must not write: each is refused with the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conversions import back, there
from tests.results import by_name, results, write
from treeline.detections.convert import Format
from treeline.errors import InputError


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
