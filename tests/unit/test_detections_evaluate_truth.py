"""Ground truth of every kind: every image accounted for, or refused with what to do; and the report."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.evaluations import compare
from treeline.detections.evaluate import ALL, Evaluation, evaluate
from treeline.detections.evaluation_report import tables_of, write_evaluation
from treeline.detections.thresholds import Thresholds
from treeline.errors import InputError

RESULTS = {
    "info": {"format_version": "1.6"},
    "detection_categories": {"1": "animal", "2": "person"},
    "images": [
        {"file": "a/1.jpg", "detections": [{"category": "1", "conf": 0.9, "bbox": [0, 0, 0.5, 0.5]}]},
        {"file": "a/2.jpg", "detections": []},
        {"file": "b/3.jpg", "detections": [{"category": "2", "conf": 0.8, "bbox": [0, 0, 0.5, 0.5]}]},
        {"file": "b/4.jpg", "detections": None, "failure": "image access failure"},
    ],
}
LABELS = "file,label\na/1.jpg,deer\na/2.jpg,blank\nb/3.jpg,unsure\nb/4.jpg,hare\nc/5.jpg,deer\n"


def labels(folder: Path, text: str, **options: Any) -> Evaluation:
    (folder / "truth.csv").write_text(text, encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(RESULTS))
    chosen = {"by": None, "labels": {}, "locations": None, "thresholds": Thresholds(), **options}
    return evaluate(folder / "results.json", folder / "truth.csv", **chosen)


def test_labels_count_as_what_the_user_says_and_every_image_is_accounted_for(tmp_path: Path) -> None:
    mapped = {"blank": "empty", "unsure": "ignore", "*": "animal"}
    evaluation = labels(tmp_path, LABELS, labels=mapped)
    assert (evaluation.by, evaluation.categories) == ("image", ["animal"])
    assert (evaluation.images, evaluation.failed, evaluation.ignored) == (3, 1, 1)
    assert (evaluation.without_results, evaluation.without_truth) == (1, 1)
    assert evaluation.measures[1].counts == (1, 0, 1)  # what a failed image holds is missed
    places = {(measure.location, measure.category): measure.counts for measure in evaluation.measures}
    assert places["a", "animal"] == (1, 0, 0)
    assert places["b", "animal"] == (0, 0, 1)


def test_a_label_that_is_no_category_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'deer', a label of 2 images, is no category.*--label 'deer=CATEGORY'"):
        labels(tmp_path, LABELS, labels={"blank": "empty", "unsure": "ignore"})


def test_detections_that_the_truth_does_not_know_are_counted(tmp_path: Path) -> None:
    evaluation = labels(tmp_path, "file,label\na/1.jpg,animal\nb/3.jpg,empty\n")
    assert evaluation.not_evaluated == {"person": 1}


def test_a_table_of_locations_comes_before_what_the_truth_says(tmp_path: Path) -> None:
    text = "file,label,location\na/1.jpg,animal,x\nb/3.jpg,empty,y\n"
    assert {measure.location for measure in labels(tmp_path, text).measures} == {ALL, "x", "y"}
    table = {"a/1.jpg": "site", "b/3.jpg": "site"}
    assert {measure.location for measure in labels(tmp_path, text, locations=table).measures} == {ALL}


def test_a_category_of_its_own_threshold(tmp_path: Path) -> None:
    text = "file,label\na/1.jpg,animal\nb/3.jpg,person\n"
    evaluation = labels(tmp_path, text, thresholds=Thresholds(0.2, {"person": 0.85}))
    counts = {measure.category: measure.counts for measure in evaluation.measures if measure.location == ALL}
    assert counts == {ALL: (1, 0, 1), "animal": (1, 0, 0), "person": (0, 0, 1)}
    with pytest.raises(InputError, match="no category 'persn'"):
        labels(tmp_path, text, thresholds=Thresholds(0.2, {"persn": 0.85}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "column is missing"),
        ("file,name\na,b\n", "'label': the column is missing"),
        ("file,label\na/1.jpg,\n", "row 1, field 'label': is empty"),
        ("file,label\na/1.jpg,animal,more\n", "row 1: has more fields"),
        ("file,label\nelsewhere.jpg,animal\n", r"has no image of .*elsewhere\.jpg.*a/1\.jpg"),
        ("file,label\na/1.jpg,ignore\n", "has no image that can be evaluated"),
        ("file,label,location\na/1.jpg,animal,x\na/1.jpg,person,y\n", "row 2, field 'location'"),
        ("file,label\na/1.jpg,empty\n", "has no category of the results"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        labels(tmp_path, text)


def test_a_table_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_bytes("file,label\na/1.jpg,animal\né.jpg,animal\n".encode("latin-1"))
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    with pytest.raises(InputError, match="no CSV table in UTF-8"):
        evaluate(
            tmp_path / "results.json",
            tmp_path / "truth.csv",
            by=None,
            labels={},
            locations=None,
            thresholds=Thresholds(),
        )


def coco(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a/1.jpg", "width": 100, "height": 50}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [0, 0, 50, 25]}],
        "categories": [{"id": 5, "name": "animal"}],
        **changes,
    }


IMAGE = coco()["images"][0]
ANNOTATION = coco()["annotations"][0]


@pytest.mark.parametrize(
    ("truth", "problem"),
    [
        ("{", "Invalid JSON"),
        ("[]", "the whole file"),
        (coco(images=[{**IMAGE, "file_name": 3}]), r"images\.0\.file_name"),
        (coco(images=[IMAGE, {**IMAGE, "id": 2}]), r"a/1\.jpg is there twice"),
        (coco(images=[IMAGE, {**IMAGE, "file_name": "b"}]), "1 is there twice"),
        (coco(annotations=[{**ANNOTATION, "image_id": 2}]), "no image has the id 2"),
        (coco(annotations=[{**ANNOTATION, "category_id": "5"}]), "no category has the id '5'"),
        (coco(annotations=[{**ANNOTATION, "bbox": [0, 0, -1, 1]}]), "negative side"),
        (coco(annotations=[{**ANNOTATION, "bbox": [0, 0, 1]}]), r"annotations\.0\.bbox"),
        (json.dumps(coco(annotations=[{**ANNOTATION, "bbox": [0, 0, float("nan"), 1]}])), "Invalid JSON|finite"),
        (coco(images=[{"id": 1, "file_name": "a/1.jpg"}]), "no width and height"),
        (coco(annotations=[ANNOTATION, {"image_id": 1, "category_id": 5}]), "labels without boxes.*--by image"),
    ],
)
def test_json_that_cannot_be_used_is_refused(tmp_path: Path, truth: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        compare(tmp_path, truth, RESULTS)


def test_no_such_truth(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    with pytest.raises(InputError, match="no such file"):
        evaluate(
            tmp_path / "results.json",
            tmp_path / "none.json",
            by=None,
            labels={},
            locations=None,
            thresholds=Thresholds(),
        )


def test_camera_trap_labels_without_boxes(tmp_path: Path) -> None:
    truth = coco(
        images=[{"id": "x", "file_name": "a/1.jpg", "location": 7}, {"id": "y", "file_name": "a/2.jpg", "location": 8}],
        annotations=[{"image_id": "x", "category_id": 5}, {"image_id": "y", "category_id": 0}],
        categories=[{"id": 0, "name": "empty"}, {"id": 5, "name": "animal"}],
    )
    evaluation = compare(tmp_path, truth, RESULTS)
    assert evaluation.by == "image"
    assert {measure.location for measure in evaluation.measures} == {ALL, "7", "8"}
    assert evaluation.measures[0].average_precision == pytest.approx(1)


def test_boxes_of_a_turned_image_are_warned_of(tmp_path: Path) -> None:
    results = json.loads(json.dumps(RESULTS))
    results["images"][0] |= {"width": 50, "height": 100}
    assert compare(tmp_path, coco(), results).other_shape == 1
    results["images"][0] |= {"width": 200, "height": 100}
    assert compare(tmp_path, coco(), results).other_shape == 0


def test_the_report_is_the_same_every_time_and_agrees_with_itself(tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        mapped = {"blank": "empty", "unsure": "ignore", "*": "animal"}
        evaluation = labels(folder, LABELS, labels=mapped)
        write_evaluation(folder / "report", evaluation, folder / "results.json", folder / "truth.csv")
        written.append({file.name: file.read_bytes() for file in sorted((folder / "report").iterdir())})
    assert written[0] == written[1]
    assert list(written[0]) == ["curves.csv", "curves.svg", "measures.csv", "report.json"]
    report = json.loads(written[0]["report.json"])
    assert report["truth"]["file"] == "truth.csv"
    rows = list(csv.DictReader(io.StringIO(written[0]["measures.csv"].decode())))
    expected = [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in report["measures"]
    ]
    assert rows == expected
    assert ElementTree.fromstring(written[0]["curves.svg"]).tag.endswith("svg")
    at = [row for row in csv.DictReader(io.StringIO(written[0]["curves.csv"].decode())) if row["threshold"] == "0.2"]
    assert [row["recall"] for row in at] == [
        row["recall"] for row in rows if (row["location"], row["category"]) == ("", "animal")
    ]


def test_the_terminal_shows_categories_and_locations(tmp_path: Path) -> None:
    evaluation = labels(tmp_path, LABELS, labels={"blank": "empty", "unsure": "ignore", "*": "animal"})
    titles = [str(table.title) for table in tables_of(evaluation)]
    assert titles == ["3 images, compared by labels of images", "2 locations"]
