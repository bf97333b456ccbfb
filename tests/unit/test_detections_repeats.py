"""Boxes that recur at a camera are found, whatever the order of the file, and struck out."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from megadetector.postprocessing.repeat_detection_elimination import repeat_detections_core as oracle
from megadetector.postprocessing.validate_batch_results import validate_batch_results

from treeline.detections.locations import LocationRule
from treeline.detections.repeats.candidates import read_candidates
from treeline.detections.repeats.find import RepeatParameters, find_repeats
from treeline.detections.repeats.remove import STEP, remove_repeats
from treeline.errors import InputError
from treeline.io.parquet import sha256_of_file
from treeline.io.read_results import read_results

FOLDERS = LocationRule()
SEVERAL_FILES = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def some_results(seed: int, cameras: int = 3, images: int = 60) -> dict[str, Any]:
    """Results as the megadetector package writes them: sorted, with three decimals."""
    chance = np.random.default_rng(seed)
    entries: list[dict[str, Any]] = []
    for camera in range(cameras):
        things = chance.uniform((0, 0, 0.05, 0.05), (0.6, 0.6, 0.3, 0.3), (3, 4))
        for number in range(images):
            boxes = [*(things * (1 + chance.normal(0, 0.01, (3, 4)))), *chance.uniform(0.05, 0.4, (2, 4))]
            detections = [
                {
                    "category": str(chance.integers(1, 3)),
                    "conf": round(float(chance.uniform(0.05, 1)), 3),
                    "bbox": box.round(3).tolist(),
                }
                for box in boxes
                if chance.random() < 0.7
            ]
            detections.sort(key=lambda one: (-one["conf"], one["bbox"]))
            entries.append({"file": f"c{camera}/100RECNX/{number:03}.jpg", "detections": detections})
    entries.append({"file": "c0/100RECNX/broken.jpg", "failure": "image access failure", "detections": None})
    categories = {"1": "animal", "2": "person"}
    entries.sort(key=lambda image: image["file"])
    return {"info": {"format_version": "1.6"}, "detection_categories": categories, "images": entries}


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize("seed", range(3))
def test_results_in_order_give_what_the_megadetector_package_gives(tmp_path: Path, seed: int) -> None:
    results = write(tmp_path / "results.json", some_results(seed))
    options = oracle.RepeatDetectionOptions()
    options.bWriteFilteringFolder = False
    options.nWorkers, options.occurrenceThreshold, options.nDirLevelsFromLeaf = 1, 10, 1
    theirs = oracle.find_repeat_detections(str(results), str(tmp_path / "theirs.json"), options)
    names = {"1": "animal", "2": "person"}
    expected = sorted(
        (group.relativeDir, names[group.category], group.bbox, [(one.filename, one.bbox) for one in group.instances])
        for groups in theirs.suspicious_detections
        for group in groups
    )
    parameters, rule = RepeatParameters(occurrences=10), LocationRule(levels_up=1)
    assert find_repeats(results, tmp_path / "candidates.json", parameters, rule) == len(expected)
    found = sorted(
        (one["location"], one["category"], one["bbox"], [(each["file"], each["bbox"]) for each in one["occurrences"]])
        for one in read_candidates(tmp_path / "candidates.json")["candidates"]
    )
    assert found == expected
    assert len(expected) >= 6

    remove_repeats(results, tmp_path / "candidates.json", None, tmp_path / "ours.json")
    ours, theirs_filtered = (json.loads((tmp_path / name).read_text()) for name in ("ours.json", "theirs.json"))
    assert ours["images"] == theirs_filtered["images"]


@SEVERAL_FILES
@given(st.randoms(use_true_random=False))
def test_candidates_do_not_depend_on_the_order_of_the_file_or_on_numbers(tmp_path: Path, chance: random.Random) -> None:
    content = some_results(1, images=25)
    find_repeats(write(tmp_path / "a.json", content), tmp_path / "a.out", RepeatParameters(occurrences=5), FOLDERS)
    chance.shuffle(content["images"])
    content["detection_categories"] = {"7": "animal", "1": "person"}
    for image in content["images"]:
        chance.shuffle(image["detections"] or [])
        for detection in image["detections"] or []:
            detection["category"] = {"1": "7", "2": "1"}[detection["category"]]
    find_repeats(write(tmp_path / "b.json", content), tmp_path / "b.out", RepeatParameters(occurrences=5), FOLDERS)
    assert (tmp_path / "a.out").read_bytes() == (tmp_path / "b.out").read_bytes()
    assert read_candidates(tmp_path / "a.out")["candidates"]


def still_results(count: int = 20, **changes: Any) -> dict[str, Any]:
    detection = {"category": "1", "conf": 0.5, "bbox": [0.1, 0.1, 0.2, 0.2], **changes}
    images = [{"file": f"c/{number}.jpg", "detections": [dict(detection)]} for number in range(count)]
    categories = {"1": "animal", "2": "animal", "3": "person"}
    return {"info": {"format_version": "1.6"}, "detection_categories": categories, "images": images}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1),
        ({"count": 19}, 0),
        ({"conf": 0.1}, 1),
        ({"conf": 0.099}, 0),
        ({"conf": -0.5}, 0),
        ({"conf": 1.0}, 1),
        ({"bbox": [0, 0, 0.5, 0.4]}, 1),
        ({"bbox": [0, 0, 0.5, 0.401]}, 0),
        ({"bbox": [0.1, 0.1, 0, 0.2]}, 0),
        ({"frame_number": 3}, 0),
    ],
)
def test_the_limits_are_those_of_the_reference(tmp_path: Path, changes: dict[str, Any], expected: int) -> None:
    results = write(tmp_path / "results.json", still_results(**changes))
    assert find_repeats(results, tmp_path / "out", RepeatParameters(), FOLDERS) == expected


def test_names_decide_what_one_category_is_and_locations_what_one_camera_is(tmp_path: Path) -> None:
    content = still_results()
    for image in content["images"][::2]:
        image["detections"][0]["category"] = "2"
    results = write(tmp_path / "results.json", content)
    assert find_repeats(results, tmp_path / "out", RepeatParameters(), FOLDERS) == 1
    content["images"][0]["detections"][0]["category"] = "3"
    assert find_repeats(write(results, content), tmp_path / "out", RepeatParameters(), FOLDERS) == 0
    content = still_results()
    content["images"][0]["file"] = "d/0.jpg"
    assert find_repeats(write(results, content), tmp_path / "out", RepeatParameters(), FOLDERS) == 0


def test_removal_changes_confidences_and_nothing_else(tmp_path: Path) -> None:
    content = some_results(2)
    content["note"] = content["info"]["custom"] = {"any": [1, None]}
    for image in content["images"]:
        image["exif_metadata"] = {"Make": "RECONYX"}
        for detection in image["detections"] or []:
            detection["more"] = "kept"
    content["images"][0]["max_detection_conf"] = content["images"][0]["detections"][0]["conf"]
    results = write(tmp_path / "results.json", content)
    find_repeats(results, tmp_path / "candidates.json", RepeatParameters(), LocationRule(levels_up=1))
    report = remove_repeats(results, tmp_path / "candidates.json", None, tmp_path / "filtered.json")
    filtered = json.loads((tmp_path / "filtered.json").read_text())
    assert validate_batch_results(str(tmp_path / "filtered.json"))["validation_results"]["errors"] == []

    recorded = filtered["info"].pop(STEP)
    assert recorded[0]["parameters"]["iou"] == 0.9
    assert recorded[0]["parameters"]["levels_up"] == 1
    assert recorded[0]["struck_out"] == report.struck_out > 0
    first = filtered["images"][0]
    assert first.pop("max_detection_conf") == max(one["conf"] for one in first["detections"])
    del content["images"][0]["max_detection_conf"]
    negative = sum(one["conf"] < 0 for image in filtered["images"] for one in image["detections"] or [])
    assert negative == report.struck_out
    for image in filtered["images"]:
        for detection in image["detections"] or []:
            detection["conf"] = abs(detection["conf"])
    assert filtered == content


def test_a_second_round_strikes_out_nothing_new_and_is_recorded(tmp_path: Path) -> None:
    results = write(tmp_path / "results.json", still_results())
    find_repeats(results, tmp_path / "candidates.json", RepeatParameters(), FOLDERS)
    remove_repeats(results, tmp_path / "candidates.json", None, tmp_path / "once.json")
    assert find_repeats(tmp_path / "once.json", tmp_path / "again.json", RepeatParameters(), FOLDERS) == 0
    again = remove_repeats(tmp_path / "once.json", tmp_path / "candidates.json", None, tmp_path / "twice.json")
    assert again.struck_out == 0
    once, twice = read_results(tmp_path / "once.json"), read_results(tmp_path / "twice.json")
    assert once["images"] == twice["images"]
    assert len(twice["info"][STEP]) == 2


@pytest.fixture
def two_candidates(tmp_path: Path) -> tuple[Path, Path]:
    """Results and candidates: number 1 with 30 occurrences, number 2 with 20."""
    content = still_results(30)
    for image in content["images"][:20]:
        image["detections"].append({"category": "1", "conf": 0.4, "bbox": [0.6, 0.6, 0.1, 0.1]})
    results = write(tmp_path / "results.json", content)
    assert find_repeats(results, tmp_path / "candidates.json", RepeatParameters(), FOLDERS) == 2
    return results, tmp_path / "candidates.json"


def decide(candidates: Path, keep: Sequence[int] = (), remove: Sequence[int] = (), **changes: Any) -> Path:
    decided = {"candidates_sha256": sha256_of_file(candidates), "keep": keep, "remove": remove, **changes}
    return write(candidates.with_name("decisions.json"), decided)


@pytest.mark.parametrize(
    ("keep", "remove", "struck_out", "not_looked_at"),
    [([], [], 50, 2), ([1], [], 20, 1), ([2], [1], 30, 0), ([1, 2], [], 0, 0), ([], [2], 50, 1)],
)
def test_what_a_person_keeps_stays(
    two_candidates: tuple[Path, Path],
    tmp_path: Path,
    keep: list[int],
    remove: list[int],
    struck_out: int,
    not_looked_at: int,
) -> None:
    results, candidates = two_candidates
    report = remove_repeats(results, candidates, decide(candidates, keep, remove), tmp_path / "out.json")
    assert (report.struck_out, report.not_looked_at) == (struck_out, not_looked_at)
    images = read_results(tmp_path / "out.json")["images"]
    assert sum(one["conf"] < 0 for image in images for one in image["detections"] or []) == struck_out


def test_a_detection_of_two_candidates_stays_if_one_is_kept(two_candidates: tuple[Path, Path], tmp_path: Path) -> None:
    results, candidates = two_candidates
    content = json.loads(candidates.read_text())
    content["candidates"][1]["occurrences"] = copy.deepcopy(content["candidates"][0]["occurrences"][:5])
    write(candidates, content)
    report = remove_repeats(results, candidates, decide(candidates, keep=[2]), tmp_path / "out.json")
    assert report.struck_out == 25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidates_sha256": "0"}, "is not about"),
        ({"keep": [3]}, "there is no candidate 3"),
        ({"keep": [1], "remove": [1]}, "decides twice on a candidate, such as 1"),
        ({"keep": [1, 1]}, "decides twice"),
        ({"keep": "1"}, "field 'keep'"),
        ({"keep": None}, "field 'keep'"),
    ],
)
def test_decisions_that_do_not_fit_are_refused(
    two_candidates: tuple[Path, Path], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    results, candidates = two_candidates
    with pytest.raises(InputError, match=message):
        remove_repeats(results, candidates, decide(candidates, **changes), tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_results_without_a_detection_of_a_candidate_are_refused(
    two_candidates: tuple[Path, Path], tmp_path: Path
) -> None:
    results, candidates = two_candidates
    content = json.loads(results.read_text())
    del content["images"][7]
    with pytest.raises(InputError, match=r"2 detections of .* such as animal \[0.1, 0.1, 0.2, 0.2\] in c/7.jpg"):
        remove_repeats(write(results, content), candidates, None, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"parameters": {}, "candidates": [{}]}', '{"candidates": 1}'])
def test_what_are_no_candidates_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "candidates.json").write_text(content)
    results = write(tmp_path / "results.json", still_results())
    with pytest.raises(InputError, match=r"candidates\.json.*repeats find"):
        remove_repeats(results, tmp_path / "candidates.json", None, tmp_path / "out.json")


def test_no_detections_give_no_candidates_and_remove_nothing(tmp_path: Path) -> None:
    results = write(tmp_path / "results.json", still_results(0))
    assert find_repeats(results, tmp_path / "candidates.json", RepeatParameters(), FOLDERS) == 0
    assert remove_repeats(results, tmp_path / "candidates.json", None, tmp_path / "out.json").struck_out == 0
    assert read_results(tmp_path / "out.json")["images"] == []
