"""Two results side by side: matched, lost and gained."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.results import contents, detection, results, write
from treeline.cli import app
from treeline.detections.compare import Comparison, compare_results, write_differing, write_report

THRESHOLDS = st.sampled_from([0.0, 0.2, 0.9])


def compare(
    before: Any, after: Any, iou: float = 0.5, threshold: float = 0.2, threshold_after: float | None = None
) -> Comparison:
    with TemporaryDirectory() as name:
        first, second = write(Path(name) / "before.json", before), write(Path(name) / "after.json", after)
        threshold_after = threshold if threshold_after is None else threshold_after
        return compare_results(first, second, iou=iou, threshold_before=threshold, threshold_after=threshold_after)


def overlap(first: list[float], second: list[float]) -> float:
    """Intersection over union, said anew; 1 for equal boxes."""
    if first == second:
        return 1.0
    sides = [
        max(min(first[side] + first[side + 2], second[side] + second[side + 2]) - max(first[side], second[side]), 0.0)
        for side in (0, 1)
    ]
    shared = sides[0] * sides[1]
    union = first[2] * first[3] + second[2] * second[3] - shared
    return shared / union if union else 0.0


def most_pairs(first: list[list[float]], second: list[list[float]], iou: float) -> int:
    """The most pairs there can be, by trying all."""
    if len(first) > len(second):
        first, second = second, first
    orders = itertools.permutations(second, len(first))
    return max(sum(overlap(*pair) >= iou for pair in zip(first, order, strict=True)) for order in orders)


@settings(max_examples=30)
@given(before=contents(), after=contents(), threshold=THRESHOLDS, threshold_after=THRESHOLDS)
def test_counts_add_up_and_swap_with_the_files(
    before: Any, after: Any, threshold: float, threshold_after: float
) -> None:
    there = compare(before, after, 0.5, threshold, threshold_after)
    back = compare(after, before, 0.5, threshold_after, threshold)
    assert there.total.matched == back.total.matched
    assert (there.total.lost, there.total.gained) == (back.total.gained, back.total.lost)
    assert (there.only_before, there.only_after) == (back.only_after, back.only_before)
    assert [line.category for line in there.categories] == [line.category for line in back.categories]
    assert there.compared + there.failed + there.only_before == len(before["images"])
    for column in ("before", "after", "matched", "lost", "gained"):
        assert sum(line.counts[column] for line in there.categories) == there.total.counts[column]
    assert sum(line.lost for line in there.differing) == there.total.lost
    assert sum(line.gained for line in there.differing) == there.total.gained


@settings(max_examples=30)
@given(content=contents(), iou=st.sampled_from([0.01, 0.5, 1.0]))
def test_everything_matches_itself(content: Any, iou: float) -> None:
    comparison = compare(content, content, iou, 0.0)
    assert comparison.total.lost == comparison.total.gained == 0
    assert comparison.differing == []


@settings(max_examples=30)
@given(before=contents(files=["a.jpg"]), after=contents(files=["a.jpg"]), iou=st.sampled_from([0.1, 0.3]))
def test_as_many_as_possible_are_paired(before: Any, after: Any, iou: float) -> None:
    comparison = compare(before, after, iou, 0.0)
    if not comparison.compared:
        return
    for line in comparison.categories:
        first, second = (
            [
                found["bbox"]
                for found in content["images"][0]["detections"]
                if content["detection_categories"][found["category"]] == line.category and found["conf"] >= 0
            ]
            for content in (before, after)
        )
        assert (line.before, line.after) == (len(first), len(second))
        assert line.matched == most_pairs(first, second, iou)


def test_names_and_frames_decide_what_can_match() -> None:
    before = results({"file": "a.mp4", "detections": [detection(frame_number=1), detection(frame_number=2)]})
    after = results({"file": "a.mp4", "detections": [detection(category="2", frame_number=2)]})
    after["detection_categories"] = {"1": "person", "2": "animal"}
    comparison = compare(before, after)
    assert [line.counts for line in comparison.categories][0] == {
        "before": 2, "after": 1, "matched": 1, "lost": 1, "gained": 0
    }  # fmt: skip
    assert [line.category for line in comparison.categories] == ["animal", "person", "vehicle"]


def test_a_box_is_paired_once_and_the_best_first_choice_does_not_cost_a_pair() -> None:
    """The nearest pair first would leave two boxes alone."""
    before = [(0.0, 0.0, 0.10, 1.0), (0.04, 0.0, 0.10, 1.0)]
    after = [(0.03, 0.0, 0.10, 1.0), (0.07, 0.0, 0.10, 1.0)]
    first, second = (
        results({"file": "a.jpg", "detections": [detection(bbox=box) for box in boxes]}) for boxes in (before, after)
    )
    assert compare(first, second).total.matched == 2


def test_reports(tmp_path: Path) -> None:
    before = results(
        {"file": "a.jpg", "detections": [detection(), detection(category="3"), detection(-0.9)]},
        {"file": "b.jpg", "detections": [detection()]},
        {"file": "c.jpg", "failure": "x"},
        {"file": "d.jpg", "detections": []},
    )
    after = results(
        {"file": "a.jpg", "detections": [detection(0.21), detection(bbox=(0.5, 0.5, 0.1, 0.1))]},
        {"file": "b.jpg", "detections": [detection()]},
        {"file": "c.jpg", "detections": []},
    )
    files = [write(tmp_path / "before.json", before), write(tmp_path / "after.json", after)]
    report, differing = tmp_path / "report.json", tmp_path / "differing.csv"
    command = ["detections", "compare", *map(str, files), "--report", str(report), "--differing", str(differing)]
    outcome = CliRunner().invoke(app, command)
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(report.read_bytes()) == {
        "images": {"compared": 2, "failed": 1, "only_before": 1, "only_after": 0},
        "detections": {"before": 3, "after": 3, "matched": 2, "lost": 1, "gained": 1},
        "categories": {
            "animal": {"before": 2, "after": 3, "matched": 2, "lost": 0, "gained": 1},
            "person": {"before": 0, "after": 0, "matched": 0, "lost": 0, "gained": 0},
            "vehicle": {"before": 1, "after": 0, "matched": 0, "lost": 1, "gained": 0},
        },
    }
    with differing.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "category", "before", "after", "matched", "lost", "gained"],
            ["a.jpg", "animal", "1", "2", "1", "0", "1"],
            ["a.jpg", "vehicle", "1", "0", "0", "1", "0"],
        ]
    lines = [line.split() for line in outcome.stdout.splitlines()]
    assert ["animal", "2", "3", "2", "0", "1"] in lines
    assert ["all", "3", "3", "2", "1", "1"] in lines
    assert (
        "2 images compared; 1 failed in one or both, 1 are only in the first file, 0 only in the second."
        in outcome.stdout
    )


@pytest.mark.parametrize("content", [results(), results({"file": "a.jpg", "detections": []})])
def test_nothing_to_compare_is_no_error(tmp_path: Path, content: Any) -> None:
    comparison = compare(content, content)
    write_report(tmp_path / "report.json", comparison)
    write_differing(tmp_path / "differing.csv", comparison)
    assert comparison.total.counts == dict.fromkeys(["before", "after", "matched", "lost", "gained"], 0)
