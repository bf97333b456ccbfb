"""The commands evaluate, sort and crop as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from tests.shards import encode, picture
from treeline.cli import app
from treeline.detections.options import assigned, thresholds_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos, results and their truth."""
    (tmp_path / "photos").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "photos" / name).write_bytes(encode(Image.fromarray(picture()), "JPEG"))
    found = [{"category": "1", "conf": 0.4, "bbox": [0, 0, 0.5, 0.5]}]
    images = [{"file": "1.jpg", "detections": found}, {"file": "2.jpg", "detections": []}]
    results = {"info": {"format_version": "1.6"}, "detection_categories": {"1": "animal"}, "images": images}
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "truth.csv").write_text("file,label\n1.jpg,deer\n2.jpg,blank\n")
    return tmp_path


def run(folder: Path, *words: str) -> str:
    arguments = [word.replace("@", f"{folder}/") for word in words]
    result = CliRunner().invoke(app, ["detections", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_evaluate(folder: Path) -> None:
    labels = ("--label", "blank=empty", "--label", "*=animal")
    said = run(folder, "evaluate", "@results.json", "--truth", "@truth.csv", "--output", "@evaluation", *labels)
    assert "2 images, compared by labels of images" in said
    assert (folder / "evaluation" / "report.json").exists()


def test_sort(folder: Path) -> None:
    command = ("sort", "@results.json", "--images", "@photos", "--output", "@sorted", "--by", "symlink")
    assert "Images sorted" in run(folder, *command, "--category-threshold", "animal=0.4")
    assert (folder / "sorted/animal/1.jpg").is_symlink()
    assert (folder / "sorted/empty/2.jpg").is_symlink()


def test_crop(folder: Path) -> None:
    command = ("crop", "@results.json", "--images", "@photos", "--output", "@crops", "--dataset", "demo", "--square")
    assert "Crops" in run(folder, *command, "--labels", "@truth.csv", "--val", "0", "--test", "1")
    row = (folder / "crops" / "crops.csv").read_text().splitlines()[1]
    assert row == "test-00000.tar/1-000.jpg,demo,,deer,0.4,test"


def test_shares_of_more_than_all_are_refused(folder: Path) -> None:
    command = ["crop", "r", "--images", "p", "--output", "o", "--dataset", "d", "--val", "0.6", "--test", "0.6"]
    result = CliRunner().invoke(app, ["detections", *command])
    assert result.exit_code == 2
    assert "more than 1 together" in result.output


@pytest.mark.parametrize("text", ["person", "person=", "=0.5", "person=high", "person=1.5", "person=-1", "person=nan"])
def test_a_threshold_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        thresholds_of(0.2, [text])


def test_a_name_twice_is_refused_and_a_name_may_hold_an_equals_sign() -> None:
    assert assigned(["a=b=c", "d=e"], "--label") == {"a=b": "c", "d": "e"}
    with pytest.raises(typer.BadParameter, match="'a' is there twice"):
        assigned(["a=b", "a=c"], "--label")
