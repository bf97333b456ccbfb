"""Merging: the same whatever the order and grouping, by names, with accounting that adds up."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.results import by_name, contents, detection, package_errors, results, write
from treeline.detections.merge import merge_results
from treeline.errors import InputError
from treeline.io.read_results import read_results


def first_image(**more: Any) -> Any:
    return {"file": "a.jpg", "detections": [detection(0.9)], "width": 640, **more}


def merge(*content: Any) -> bytes:
    """The bytes of the merged file, checked by us and by the package."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = []
        for number, part in enumerate(content):
            file = folder / f"{number}.json"
            if isinstance(part, bytes):
                file.write_bytes(part)
            else:
                write(file, part)
            files.append(file)
        report = merge_results(files, folder / "merged.json")
        merged = read_results(folder / "merged.json")
        assert package_errors(folder / "merged.json") == []
        read = [read_results(file)["images"] for file in files]
        assert report.images_read == sum(map(len, read))
        assert report.images == len(merged["images"]) == len({image["file"] for images in read for image in images})
        assert report.detections_read == sum(len(image["detections"] or ()) for images in read for image in images)
        assert report.detections == sum(len(image["detections"] or ()) for image in merged["images"])
        assert sorted(path.name for path in folder.iterdir()) == sorted([*(file.name for file in files), "merged.json"])
        return (folder / "merged.json").read_bytes()


@settings(max_examples=40)
@given(first=contents(), second=contents(), third=contents())
def test_order_grouping_and_repetition_do_not_matter(first: Any, second: Any, third: Any) -> None:
    together = merge(first, second, third)
    assert merge(third, first, second) == together
    assert merge(merge(first, second), third) == together
    assert merge(first, merge(third, second)) == together
    assert merge(together) == together
    assert merge(together, first, second, second) == together


@settings(max_examples=40)
@given(content=contents())
def test_one_file_keeps_all_that_it_says(content: Any) -> None:
    before, after = by_name(content), by_name(json.loads(merge(content)))
    assert list(after) == sorted(before)
    for name, image in before.items():
        merged = after[name]
        for field in image.keys() - {"detections", "failure"}:
            assert merged[field] == image[field]
        if image["detections"]:
            kept = {json.dumps(found, sort_keys=True) for found in merged["detections"]}
            for found in image["detections"]:
                struck_out = {**found, "conf": -abs(found["conf"])}
                assert {json.dumps(one, sort_keys=True) for one in (found, struck_out)} & kept
            assert merged.get("partial_failure") == image.get("failure")
        else:
            assert merged.get("failure") == image.get("failure")


def test_names_decide_not_ids() -> None:
    first = results(first_image(), classification_categories={"0": "deer", "1": "fox"})
    first["images"][0]["detections"][0]["classifications"] = [["0", 0.8], ["1", 0.1]]
    second = {
        "info": {"format_version": "1.3"},
        "detection_categories": {"0": "vehicle", "1": "bird", "2": "animal"},
        "classification_categories": {"0": "fox", "5": "bear"},
        "images": [
            {
                "file": "b.jpg",
                "detections": [
                    detection(0.8, "1", classifications=[["5", 0.6], ["0", 0.2]]),
                    detection(0.7, "2"),
                    detection(0.6, "0"),
                ],
            }
        ],
    }
    merged = json.loads(merge(first, second))
    assert merged["info"]["format_version"] == "1.3"
    assert merged["detection_categories"] == {"1": "animal", "2": "person", "3": "vehicle", "4": "bird"}
    assert merged["classification_categories"] == {"1": "bear", "2": "deer", "3": "fox"}
    assert merged["images"][0]["detections"][0]["classifications"] == [["2", 0.8], ["3", 0.1]]
    found = merged["images"][1]["detections"]
    assert [one["category"] for one in found] == ["4", "1", "3"]
    assert found[0]["classifications"] == [["1", 0.6], ["3", 0.2]]


def test_two_detectors_over_the_same_images_add_up() -> None:
    one = results(first_image(), {"file": "b.jpg", "failure": "inference failure"}, {"file": "c.jpg", "failure": "x"})
    one["info"]["detector"] = "one.pt"
    equal, near = detection(0.9), detection(0.8, bbox=(0.1, 0.2, 0.3, 0.41))
    two = results(
        {"file": "a.jpg", "detections": [near, equal], "height": 480},
        {"file": "b.jpg", "detections": []},
        {"file": "c.jpg", "failure": "y"},
    )
    two["info"]["detector"] = "two.pt"
    merged = json.loads(merge(one, two))
    assert merged["images"] == [
        {"file": "a.jpg", "detections": [equal, near], "height": 480, "width": 640},
        {"file": "b.jpg", "detections": [], "partial_failure": "inference failure"},
        {"file": "c.jpg", "detections": None, "failure": "x; y"},
    ]
    assert merged["info"] == {
        "format_version": "1.6",
        "detector": "one.pt, two.pt",
        "merged_from": [{"detector": "one.pt"}, {"detector": "two.pt"}],
    }


def test_what_one_file_has_struck_out_is_struck_out() -> None:
    """Results from before and after the removal of repeat detections."""
    before = results({"file": "a.jpg", "detections": [detection(0.9), detection(0.5, "2")]})
    after = results({"file": "a.jpg", "detections": [detection(-0.9), detection(0.5, "2")]})
    merged = json.loads(merge(before, after))
    assert [found["conf"] for found in merged["images"][0]["detections"]] == [0.5, -0.9]


def test_parts_of_one_run_are_one_origin() -> None:
    first, second = results(first_image()), results(first_image(file="b.jpg"))
    for content, time in ((first, "2024-01-01 00:00:00"), (second, "2024-01-02 00:00:00")):
        content["info"].update(detector="a.pt", detection_completion_time=time)
    info = json.loads(merge(first, second))["info"]
    assert info == {"format_version": "1.6", "detector": "a.pt", "detection_completion_time": "2024-01-02 00:00:00"}


def test_what_was_added_to_a_merged_file_is_kept() -> None:
    parts = [results(), results(), results()]
    for number, part in enumerate(parts):
        part["info"]["detector"] = f"{number}.pt"
    merged = json.loads(merge(*parts[:2]))
    merged["info"]["note"] = "checked by hand"
    origins = json.loads(merge(merged, parts[2]))["info"]["merged_from"]
    assert [origin.get("note") for origin in origins] == ["checked by hand", None]


def test_the_highest_confidence_of_older_files_is_that_of_all_detections() -> None:
    older = results({"file": "a.jpg", "detections": [detection(0.4)], "max_detection_conf": 0.4})
    failed = results({"file": "b.jpg", "failure": "x", "max_detection_conf": 0.0})
    images = json.loads(merge(older, results(first_image()), failed))["images"]
    assert [image["max_detection_conf"] for image in images] == [0.9, None]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"width": 641}, "width"), ({"datetime": "x"}, "datetime"), ({"site": {"name": "x"}}, "site")],
)
def test_two_images_of_one_name_are_refused(tmp_path: Path, change: Any, field: str) -> None:
    image = first_image(datetime="2024:01:01 00:00:00", site={"name": "y"})
    files = [
        write(tmp_path / "first.json", results(image)),
        write(tmp_path / "second.json", results({**image, **change})),
    ]
    with pytest.raises(InputError) as caught:
        merge_results(files, tmp_path / "merged.json")
    for word in ("first.json", "second.json", "'a.jpg'", f"field '{field}'"):
        assert word in str(caught.value)
    assert not (tmp_path / "merged.json").exists()


@settings(max_examples=40)
@given(st.lists(contents(), min_size=2, max_size=3))
def test_unknown_fields_of_files_are_kept(parts: list[Any]) -> None:
    for number, part in enumerate(parts):
        part[f"mine_{number}"] = [number]
    merged = json.loads(merge(*parts))
    assert [merged[f"mine_{number}"] for number in range(len(parts))] == [[number] for number in range(len(parts))]
