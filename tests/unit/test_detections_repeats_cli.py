"""The commands do what their functions do, with their defaults."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from treeline.cli import app
from treeline.detections.repeats.find import RepeatParameters
from treeline.detections.smooth import SmoothParameters
from treeline.errors import InputError

CATEGORIES = {"1": "animal", "2": "vehicle"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    detection = {"category": "1", "conf": 0.5, "bbox": [0.1, 0.1, 0.2, 0.2]}
    images = [{"file": f"{number}.jpg", "detections": [detection]} for number in range(25)]
    content = {"info": {"format_version": "1.6"}, "detection_categories": CATEGORIES, "images": images}
    (tmp_path / "results.json").write_text(json.dumps(content))
    (tmp_path / "table.csv").write_text("file,location\n" + "".join(f"{number}.jpg,c\n" for number in range(25)))
    return tmp_path / "results.json"


def run(folder: Path, command: str) -> None:
    words = [word.replace("@", f"{folder}/") for word in command.split()]
    done = CliRunner().invoke(app, ["detections", *words])
    if done.exception is not None:
        raise done.exception


def test_find_and_remove_with_a_table_of_locations(tmp_path: Path, results: Path) -> None:
    run(tmp_path, "repeats find @results.json --locations @table.csv --output @candidates.json")
    candidates = json.loads((tmp_path / "candidates.json").read_text())
    assert [len(candidate["occurrences"]) for candidate in candidates["candidates"]] == [25]
    assert candidates["parameters"] == {**asdict(RepeatParameters()), "locations": "table.csv"}
    run(tmp_path, "repeats remove @results.json --candidates @candidates.json --output @filtered.json")
    filtered = json.loads((tmp_path / "filtered.json").read_text())
    assert {image["detections"][0]["conf"] for image in filtered["images"]} == {-0.5}


def test_smooth_has_the_defaults_of_its_parameters(tmp_path: Path, results: Path) -> None:
    run(tmp_path, "smooth @results.json --categories --one-location --output @smoothed.json")
    (step,) = json.loads((tmp_path / "smoothed.json").read_text())["info"]["smoothing"]
    expected = json.loads(json.dumps(asdict(SmoothParameters(smooth_categories=True))))
    assert step["parameters"] == {**expected, "locations": "one"}


def test_images_without_folders_and_without_a_table_are_of_no_known_camera(tmp_path: Path, results: Path) -> None:
    for command in ("repeats find @results.json --output @x", "smooth @results.json --categories --output @x"):
        with pytest.raises(InputError, match="--one-location"):
            run(tmp_path, command)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("both", ["--one-location --levels-up 1", "--locations @table.csv --levels-up 1"])
def test_two_ways_to_tell_the_location_are_refused(tmp_path: Path, results: Path, both: str) -> None:
    with pytest.raises(InputError, match="Give one of --locations, --levels-up and --one-location"):
        run(tmp_path, f"repeats find @results.json --output @x {both}")
