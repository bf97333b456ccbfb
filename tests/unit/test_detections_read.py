"""Results files as hostile, careless and old programs write them: read, or refused with one clear error."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from tests.results import contents, detection, results, write
from treeline.cli import app
from treeline.errors import InputError
from treeline.io.read_results import read_results

GOOD = results(
    {"file": "a.jpg", "detections": [detection(), detection(-0.3)], "width": 4, "height": 3},
    {"file": "b.jpg", "detections": [detection(classifications=[["7", 0.5]], frame_number=3)]},
    {"file": "c.jpg", "detections": []},
    {"file": "d.jpg", "failure": "image access failure"},
    classification_categories={"7": "deer"},
)
REMOVED = object()


def changed(*path: Any) -> dict[str, Any]:
    """`GOOD` with the last of `path` in the place that the others lead to."""
    content: Any = copy.deepcopy(GOOD)
    place = content
    for step in path[:-2]:
        place = place[step]
    if path[-1] is REMOVED:
        del place[path[-2]]
    else:
        place[path[-2]] = path[-1]
    return content  # type: ignore[no-any-return]


FIRST = ("images", 0, "detections", 0)
SECOND = ("images", 1, "detections", 0)
IN_FIRST, IN_SECOND = "detections[0]", "images[1].detections[0]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed("info", REMOVED), ["'info'"]),
        (changed("info", []), ["'info'"]),
        (changed("info", "format_version", REMOVED), ["info.format_version", "None"]),
        (changed("info", "format_version", "new"), ["info.format_version", "'new'"]),
        (changed("info", "format_version", True), ["info.format_version"]),
        (changed("info", "format_version", "nan"), ["info.format_version"]),
        (changed("info", "format_version", [1.6]), ["info.format_version"]),
        (changed("info", "format_version", "1.2"), ["info.format_version", "older than 1.3"]),
        (changed("detection_categories", REMOVED), ["'detection_categories'"]),
        (changed("detection_categories", ["animal"]), ["'detection_categories'"]),
        (changed("detection_categories", "1", 1), ["'detection_categories.1'"]),
        (changed("detection_categories", "one", "bird"), ["'detection_categories'", "'one'"]),
        (changed("detection_categories", "1", " "), ["'detection_categories'", "'1'"]),
        (changed("classification_categories", "7", ""), ["'classification_categories'", "'7'"]),
        (changed("images", REMOVED), ["'images'"]),
        (changed("images", {}), ["'images'"]),
        (changed("images", 0, "a.jpg"), ["'images[0]'"]),
        (changed("images", 0, "file", REMOVED), ["'images[0].file'"]),
        (changed("images", 0, "file", ""), ["'images[0].file'"]),
        (changed("images", 0, "file", 5), ["'images[0].file'", "image 5"]),
        (changed("images", 0, "width", 0), ["'images[0].width'", "'a.jpg'"]),
        (changed("images", 0, "height", "3"), ["'images[0].height'", "'a.jpg'"]),
        (changed("images", 0, "detections", {}), ["'images[0].detections", "'a.jpg'"]),
        (changed("images", 2, "detections", REMOVED), ["'detections'", "c.jpg"]),
        (changed("images", 2, "detections", None), ["'detections'", "c.jpg"]),
        (changed("images", 3, "failure", None), ["'detections'", "d.jpg"]),
        (changed("images", 3, "failure", 404), ["'images[3].failure'", "'d.jpg'"]),
        (changed("images", 1, "file", "a.jpg"), ["images[1]", "a.jpg", "twice"]),
        (changed(*FIRST, None), ["'images[0].detections[0]'", "'a.jpg'"]),
        (changed(*FIRST, "category", 1), ["'images[0].detections[0].category'", "'a.jpg'"]),
        (changed(*FIRST, "category", "9"), ["detections[0].category", "a.jpg", "'9'"]),
        (changed(*FIRST, "conf", "0.9"), ["'images[0].detections[0].conf'", "'a.jpg'"]),
        (changed(*FIRST, "conf", True), ["'images[0].detections[0].conf'", "'a.jpg'"]),
        (changed(*FIRST, "conf", None), ["'images[0].detections[0].conf'", "'a.jpg'"]),
        (changed(*FIRST, "conf", 1.5), ["'images[0].detections[0].conf'", "'a.jpg'"]),
        (changed(*FIRST, "conf", float("nan")), ["'images[0].detections[0].conf'", "'a.jpg'", "finite"]),
        (changed(*FIRST, "conf", float("-inf")), ["'images[0].detections[0].conf'", "'a.jpg'"]),
        (changed(*FIRST, "bbox", REMOVED), ["'images[0].detections[0].bbox'", "'a.jpg'"]),
        (changed(*FIRST, "bbox", [0, 0, 1]), ["'images[0].detections[0].bbox'", "'a.jpg'"]),
        (changed(*FIRST, "bbox", [0, 0, 1, 1, 1]), ["'images[0].detections[0].bbox'", "'a.jpg'"]),
        (changed(*FIRST, "bbox", [0, 0, 1, float("nan")]), ["'images[0].detections[0].bbox[3]'", "'a.jpg'"]),
        (changed(*FIRST, "bbox", [0, 0, 1, "1"]), ["'images[0].detections[0].bbox[3]'", "'a.jpg'"]),
        (changed(*FIRST, "bbox", [0.5, 0, 0.6, 1]), ["detections[0].bbox", "a.jpg", "beyond"]),
        (changed(*FIRST, "bbox", [-0.5, 0, 0.6, 1]), ["detections[0].bbox", "a.jpg", "beyond"]),
        (changed(*FIRST, "bbox", [0.5, 0.5, 0.1, -0.1]), ["detections[0].bbox", "a.jpg", "beyond"]),
        (changed(*FIRST, "bbox", [10, 10, 200, 200]), ["detections[0].bbox", "a.jpg", "beyond"]),
        (changed(*SECOND, "classifications", [["8", 0.5]]), ["detections[0].classifications", "b.jpg", "'8'"]),
        (changed(*SECOND, "classifications", [["7"]]), ["'images[1].detections[0].classifications[0]", "'b.jpg'"]),
        (changed(*SECOND, "classifications", [[7, 0.5]]), ["'images[1].detections[0].classifications[0]", "'b.jpg'"]),
        (changed(*SECOND, "frame_number", 1.5), ["'images[1].detections[0].frame_number'", "'b.jpg'"]),
        (changed("images", 1, "speed", float("nan")), ["'speed'", "b.jpg", "NaN"]),
        (changed("images", 1, "exif", {"x": [float("inf")]}), ["'exif'", "b.jpg", "infinity"]),
        (changed(*SECOND, "area", float("nan")), ["'detections[0].area'", "b.jpg", "NaN"]),
        (changed("info", "threshold", float("nan")), ["'info'", "NaN"]),
        (changed("more", [float("nan")]), ["'more'", "NaN"]),
        ([], ["the whole file"]),
        ("results", ["the whole file"]),
    ],
)  # fmt: skip
def test_wrong_content_gets_one_error_that_says_where(tmp_path: Path, content: object, words: list[str]) -> None:
    file = write(tmp_path / "results.json", content)
    with pytest.raises(InputError) as caught:
        read_results(file)
    text = str(caught.value)
    assert text.startswith(str(file))
    assert "\n" not in text
    for word in words:
        assert word in text


def test_what_is_changed_above_is_good_to_begin_with(tmp_path: Path) -> None:
    read_results(write(tmp_path / "results.json", GOOD))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        json.dumps(GOOD).encode()[:-1],
        json.dumps(GOOD).encode() + b"}",
        b"[" * 100_000,
        b'{"info": {"format_version": "1.6"}, "detection_categories": {}, "images": [{"file": "\\ud800"}]}',
        b'{"info": {"format_version": "1.6"}, "detection_categories": {}, "images": [{"file": "\xe9"}]}',
    ],
)
def test_what_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(InputError, match=r"results\.json: is no JSON"):
        read_results(tmp_path / "results.json")


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path / name)


def test_numbers_too_large_for_a_float_are_not_let_through(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(changed("images", 0, "speed", 0)).replace('"speed": 0', '"speed": 1e999'))
    with pytest.raises(InputError, match="'speed'"):
        read_results(file)


def test_the_first_of_a_million_problems_is_found_at_once(tmp_path: Path) -> None:
    """All of them would take more memory than the file itself."""
    file = write(tmp_path / "results.json", results(*[{"file": str(number), "width": "x"} for number in range(20_000)]))
    with pytest.raises(InputError, match=r"images\[0\].width") as caught:
        read_results(file)
    assert len(str(caught.value)) < 300


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contents())
def test_every_published_version_is_read_as_it_is(tmp_path: Path, content: dict[str, Any]) -> None:
    read: Any = read_results(write(tmp_path / "results.json", content))
    for image in content["images"]:
        image.setdefault("detections", None)
    assert json.loads(json.dumps(read)) == content


Change = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [-0.005, -0.005, 1.01, 1.01], [0.5, 0.5, 0, 0]])
def test_boxes_may_overshoot_a_little_and_be_flat(tmp_path: Path, box: list[float]) -> None:
    read_results(write(tmp_path / "results.json", changed(*FIRST, "bbox", box)))


def test_validate_names_every_file_and_fails_if_one_is_bad(tmp_path: Path) -> None:
    good = write(tmp_path / "good.json", GOOD)
    bad = write(tmp_path / "bad.json", changed("images", REMOVED))
    other = write(tmp_path / "other.json", results())
    log = tmp_path / "log.txt"
    outcome = CliRunner().invoke(app, ["detections", "validate", str(bad), str(good), str(other), "--log", str(log)])
    assert outcome.exit_code == 2
    assert outcome.stdout.splitlines() == [
        f"{good}: good; format 1.6; 4 images, 1 of them failed; 3 detections, 3 animal; 1 struck out",
        f"{other}: good; format 1.6; 0 images, 0 of them failed; 0 detections",
    ]
    assert f"{bad}, field 'images'" in log.read_text()
    assert CliRunner().invoke(app, ["detections", "validate", str(good)]).exit_code == 0
