"""Evaluation: the numbers of pycocotools on the same files, and every image accounted for."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO  # noqa: E402
from pycocotools.cocoeval import COCOeval  # noqa: E402

from treeline.detections.evaluate import ALL, Evaluation, evaluate  # noqa: E402
from treeline.detections.evaluation_report import tables_of, write_evaluation  # noqa: E402
from treeline.detections.scores import CURVE_THRESHOLDS  # noqa: E402
from treeline.detections.thresholds import Thresholds  # noqa: E402
from treeline.errors import InputError

NAMES = ["animal", "person", "vehicle"]
THRESHOLD = 0.2
Case = tuple[dict[str, Any], dict[str, Any]]

shares = st.floats(0, 0.5, width=32).map(lambda value: round(value, 4))
boxes = st.tuples(shares, shares, shares, shares).map(list)
# Few values, so that many detections have the same confidence; -0.5 is struck out.
confidences = st.sampled_from([-0.5, 0.0, 0.005, 0.199, 0.2, 0.2, 0.7, 0.7, 0.999, 1.0])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Ground truth in COCO's format, and results whose boxes are those of the truth, near them, or anywhere."""
    truth_ids = dict(zip(NAMES, draw(st.permutations([1, 7, 30])), strict=True))
    result_ids = dict(zip(NAMES, draw(st.permutations(["1", "2", "3"])), strict=True))
    count = draw(st.integers(1, 6))
    ids = draw(st.permutations(range(count)))
    as_text = draw(st.booleans())
    images, annotations, found = [], [], []
    for number in range(count):
        width, height = draw(st.sampled_from([(640, 480), (100, 333), (1, 1)]))
        image_id = f"id {ids[number]}" if as_text else ids[number]
        name, location = f"{number}.jpg", draw(st.sampled_from(["north", "south"]))
        images.append({"id": image_id, "file_name": name, "width": width, "height": height, "location": location})
        true = draw(st.lists(st.tuples(st.sampled_from(NAMES), boxes, st.sampled_from([0, 0, 0, 1])), max_size=5))
        for category, (left, top, box_width, box_height), crowd in true:
            pixels = [left * width, top * height, box_width * width, box_height * height]
            annotation = {"image_id": image_id, "category_id": truth_ids[category], "bbox": pixels, "iscrowd": crowd}
            annotations.append({"id": len(annotations) + 1, "area": pixels[2] * pixels[3], **annotation})
        near = [st.tuples(st.just(category), st.just(box) | shifted(box)) for category, box, _ in true]
        anything = st.tuples(st.sampled_from(NAMES), boxes)
        guesses = draw(st.lists(st.tuples(st.one_of(anything, *near), confidences), max_size=8))
        detections = [
            {"category": result_ids[category], "conf": confidence, "bbox": box}
            for (category, box), confidence in guesses
        ]
        failed = {"failure": "image access failure", "detections": None}
        found.append({"file": name, **(failed if draw(st.integers(0, 9)) == 0 else {"detections": detections})})
    categories = [{"id": truth_ids[name], "name": name} for name in draw(st.permutations(NAMES))]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    results = {
        "info": {"format_version": "1.6"},
        "detection_categories": {result_ids[name]: name for name in NAMES},
        "images": draw(st.permutations(found)),
    }
    return truth, results


def shifted(box: list[float]) -> st.SearchStrategy[list[float]]:
    left, top, width, height = box
    return st.floats(0, 0.5).map(lambda share: [min(left + share * width, 1 - width), top, width, height])


def compare(folder: Path, truth: Any, results: Any, **options: Any) -> Evaluation:
    truth_file, results_file = folder / "truth.json", folder / "results.json"
    truth_file.write_text(truth if isinstance(truth, str) else json.dumps(truth), encoding="utf-8")
    results_file.write_text(json.dumps(results), encoding="utf-8")
    chosen = {"by": None, "labels": {}, "locations": None, "thresholds": Thresholds(THRESHOLD), **options}
    return evaluate(results_file, truth_file, **chosen)


def oracle(truth: dict[str, Any], results: dict[str, Any], images: Iterable[Any] | None = None) -> COCOeval:
    """Have pycocotools evaluate the same, with its own reader of the truth."""
    names = {category["name"]: category["id"] for category in truth["categories"]}
    by_name = {image["file_name"]: image for image in truth["images"]}
    found = []
    for image in results["images"]:
        true = by_name[image["file"]]
        for detection in image["detections"] or ():
            if detection["conf"] >= 0:
                left, top, width, height = detection["bbox"]
                box = [left * true["width"], top * true["height"], width * true["width"], height * true["height"]]
                category = names[results["detection_categories"][detection["category"]]]
                found.append({"image_id": true["id"], "category_id": category, "bbox": box, "score": detection["conf"]})
    with redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = json.loads(json.dumps(truth))
        known.createIndex()
        detected = COCO()
        detected.dataset = {**known.dataset, "annotations": []}
        detected.createIndex()
        if found:
            detected = known.loadRes(found)
        evaluation = COCOeval(known, detected, "bbox")
        if images is not None:
            evaluation.params.imgIds = list(images)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def mean_precision(evaluation: COCOeval, overlaps: slice, category: int | None = None) -> float | None:
    """Average as `COCOeval.summarize` does, for all areas and 100 detections an image."""
    categories = slice(None) if category is None else [evaluation.params.catIds.index(category)]
    precision = evaluation.eval["precision"][overlaps, :, categories, 0, -1]
    return float(np.mean(precision[precision > -1])) if (precision > -1).any() else None


def expect_equal(evaluation: Evaluation, truth: dict[str, Any], results: dict[str, Any], location: str) -> None:
    images = [image["id"] for image in truth["images"] if location in (ALL, image["location"])]
    expected = oracle(truth, results, images)
    ids = {category["name"]: category["id"] for category in truth["categories"]}
    measures = {measure.category: measure for measure in evaluation.measures if measure.location == location}
    assert set(measures) == {ALL, *NAMES}
    for category, measure in measures.items():
        number = None if category == ALL else ids[category]
        assert measure.average_precision == pytest.approx(mean_precision(expected, slice(None), number), abs=1e-12)
        assert measure.average_precision_50 == pytest.approx(mean_precision(expected, slice(0, 1), number), abs=1e-12)
        assert measure.images == len(images)


@settings(max_examples=100)
@given(case=cases())
def test_average_precision_is_that_of_pycocotools(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    truth, results = case
    evaluation = compare(tmp_path_factory.mktemp("coco"), truth, results, by="box")
    locations = {image["location"] for image in truth["images"]}
    for location in [ALL, *(sorted(locations) if len(locations) > 1 else [])]:
        expect_equal(evaluation, truth, results, location)


@settings(max_examples=40)
@given(case=cases())
def test_counts_are_the_matches_of_pycocotools_above_the_threshold(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    truth, results = case
    evaluation = compare(tmp_path_factory.mktemp("coco"), truth, results, by="box")
    kept = json.loads(json.dumps(results))
    for image in kept["images"]:
        image["detections"] = [found for found in image["detections"] or () if found["conf"] >= THRESHOLD]
    expected = oracle(truth, kept)
    ids = {category["id"]: category["name"] for category in truth["categories"]}
    for measure in evaluation.measures:
        if measure.location == ALL and measure.category != ALL:
            matched = [
                image
                for image in expected.evalImgs
                if image and ids[image["category_id"]] == measure.category and image["aRng"] == [0, 1e10]
            ]
            right = sum(int(((image["dtMatches"][0] > 0) & (image["dtIgnore"][0] == 0)).sum()) for image in matched)
            counted = sum(int((image["dtIgnore"][0] == 0).sum()) for image in matched)
            truths = sum(int((np.asarray(image["gtIgnore"]) == 0).sum()) for image in matched)
            assert measure.counts == (right, counted - right, truths - right)
            assert measure.truths == truths


@settings(max_examples=20)
@given(case=cases())
def test_labels_are_compared_as_boxes_around_whole_images_would_be(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    truth, results = case
    evaluation = compare(tmp_path_factory.mktemp("labels"), truth, results, by="image")
    boxed: dict[str, Any] = {**truth, "annotations": []}
    sizes = {image["id"]: [0, 0, image["width"], image["height"]] for image in truth["images"]}
    for image_id, category in sorted({(one["image_id"], one["category_id"]) for one in truth["annotations"]}):
        annotation = {"image_id": image_id, "category_id": category, "bbox": sizes[image_id], "iscrowd": 0, "area": 1}
        boxed["annotations"].append({"id": len(boxed["annotations"]) + 1, **annotation})
    best = json.loads(json.dumps(results))
    for image in best["images"]:
        highest: dict[str, float] = {}
        for found in image["detections"] or ():
            highest[found["category"]] = max(found["conf"], highest.get(found["category"], -1))
        image["detections"] = [
            {"category": category, "conf": confidence, "bbox": [0, 0, 1, 1]} for category, confidence in highest.items()
        ]
    expect_equal(evaluation, boxed, best, ALL)


@settings(max_examples=20)
@given(case=cases(), seed=st.integers(0, 99))
def test_the_order_of_the_files_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, case: Case, seed: int
) -> None:
    truth, results = case
    one = compare(tmp_path_factory.mktemp("one"), truth, results, by="box")
    for entries in (truth["images"], truth["categories"], results["images"]):
        random.Random(seed).shuffle(entries)
    assert compare(tmp_path_factory.mktemp("other"), truth, results, by="box").measures == one.measures


@settings(max_examples=20)
@given(case=cases())
def test_the_curve_says_at_each_threshold_what_that_threshold_gives(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    evaluation = compare(tmp_path_factory.mktemp("curve"), *case, by="box")
    for scored in evaluation.scored.values():
        curve = dict(scored.curve())
        assert list(curve) == list(CURVE_THRESHOLDS)
        assert all(counts == scored.counts(threshold) for threshold, counts in curve.items())


@settings(max_examples=20)
@given(case=cases())
def test_chunks_of_images_make_no_difference(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    whole = compare(tmp_path_factory.mktemp("whole"), *case, by="box")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("treeline.detections.matching.CHUNK_IMAGES", 2)
        assert compare(tmp_path_factory.mktemp("chunks"), *case, by="box").measures == whole.measures


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
