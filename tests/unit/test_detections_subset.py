"""Parts of results: what is kept, why the rest is not, and that nothing else changes."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.results import contents, detection, package_errors, results, write
from treeline.detections.subset import Selection, SubsetReport, subset_results
from treeline.errors import InputError
from treeline.io.read_results import read_results

selections = st.builds(
    Selection,
    paths=st.lists(st.sampled_from(["cam*", "*.jpg", "a.jpg", "cam[ /]1/?.*", "nothing"]), max_size=2),
    threshold=st.none() | st.sampled_from([0.0, 0.2, 1.0]),
    min_size=st.none() | st.sampled_from([0.0, 0.05]),
    max_size=st.none() | st.sampled_from([0.2, 1.0]),
)


def subset(content: Any, selection: Selection) -> tuple[Any, SubsetReport]:
    with TemporaryDirectory() as name:
        file, target = write(Path(name) / "in.json", content), Path(name) / "out.json"
        report = subset_results(file, target, selection)
        assert package_errors(target) == []
        read_results(target)
        return json.loads(target.read_bytes()), report


def count(content: Any) -> int:
    return sum(len(image.get("detections") or ()) for image in content["images"])


@settings(max_examples=50)
@given(content=contents(), selection=selections)
def test_counts_add_up_and_a_second_time_changes_nothing(content: Any, selection: Selection) -> None:
    once, report = subset(content, selection)
    assert len(content["images"]) == report.images + report.images_left_out
    assert count(content) == report.detections + sum(report.detections_left_out.values())
    assert (report.images, report.detections) == (len(once["images"]), count(once))
    again, second = subset(once, selection)
    assert again == once
    assert second.images_left_out == sum(second.detections_left_out.values()) == 0


@settings(max_examples=50)
@given(content=contents(), first=selections, second=selections)
def test_two_selections_can_be_made_in_either_order(content: Any, first: Selection, second: Selection) -> None:
    assert subset(subset(content, first)[0], second)[0] == subset(subset(content, second)[0], first)[0]


@settings(max_examples=50)
@given(content=contents(), selection=selections, data=st.data())
def test_what_is_kept_is_what_fits(content: Any, selection: Selection, data: st.DataObject) -> None:
    categories = data.draw(st.lists(st.sampled_from(sorted(content["detection_categories"].values())), unique=True))
    selection = Selection(**{**vars(selection), "categories": categories})
    part, _ = subset(content, selection)
    paths = selection.paths or ["*"]
    expected = [image for image in content["images"] if any(fnmatchcase(image["file"], path) for path in paths)]
    assert [image["file"] for image in part["images"]] == [image["file"] for image in expected]
    for image, before in zip(part["images"], expected, strict=True):
        if not before.get("detections"):
            assert image["detections"] == (None if "failure" in before else [])
            continue
        assert image["detections"] == [
            found
            for found in before["detections"]
            if (not categories or content["detection_categories"][found["category"]] in categories)
            and (selection.threshold is None or found["conf"] >= selection.threshold)
            and (selection.min_size is None or found["bbox"][2] * found["bbox"][3] >= selection.min_size)
            and (selection.max_size is None or found["bbox"][2] * found["bbox"][3] <= selection.max_size)
        ]


@settings(max_examples=50)
@given(content=contents())
def test_without_a_selection_all_is_kept(content: Any) -> None:
    part, report = subset(content, Selection())
    assert report.images == len(content["images"])
    for field in content.keys() - {"images", "info"}:
        assert part[field] == content[field]
    assert part["info"] == {**content["info"], "format_version": str(content["info"]["format_version"])}


def test_an_image_without_detections_left_is_one_that_was_looked_at() -> None:
    content = results({"file": "a.jpg", "detections": [detection(0.1), detection(-0.9)], "max_detection_conf": 0.1})
    part, _ = subset(content, Selection(threshold=0.2))
    assert part["images"] == [{"file": "a.jpg", "detections": [], "max_detection_conf": 0.0}]


def test_an_image_with_a_failure_and_detections_does_not_fail_when_the_detections_go() -> None:
    content = results({"file": "a.jpg", "detections": [detection(0.1)], "failure": "frame 7 is broken"})
    part, _ = subset(content, Selection(threshold=0.2))
    assert part["images"] == [{"file": "a.jpg", "detections": [], "partial_failure": "frame 7 is broken"}]


def test_a_category_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "in.json", results())
    with pytest.raises(InputError, match="no category 'Animal', but animal, person, vehicle"):
        subset_results(file, tmp_path / "out.json", Selection(categories=["Animal"]))
    assert not (tmp_path / "out.json").exists()
