"""Evaluation: the numbers of pycocotools on the same files."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.evaluations import THRESHOLD, compare
from treeline.detections.evaluate import ALL, Evaluation
from treeline.detections.scores import CURVE_THRESHOLDS

NAMES = ["animal", "person", "vehicle"]

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
