"""The commands of training sets, from their options to what they print."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training_sets import ANIMAL, build, rows_of, sequence, split_table, write_images
from treeline.cli import app


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    write_images(tmp_path / "im=ages", ["a.png", "b.png"])
    sequences = [sequence("a.png", [ANIMAL], location="x"), sequence("b.png", [], location="y")]
    return build(tmp_path / "c.duckdb", sequences, split_table(train=["x"], val=["y"]))


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["catalog", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_detector_set(catalog: Path, tmp_path: Path) -> None:
    for number, images in enumerate((tmp_path / "im=ages", f"caltech={tmp_path / 'im=ages'}")):
        output = tmp_path / f"set {number}"
        printed = run("detector-set", catalog, "--output", output, "--images", images)
        assert "train" in printed
        assert (output / "val.txt").read_text() == "./images/caltech/b.png\n"
        assert (output / "images/caltech/b.png").stat().st_nlink == 1


def test_crops(catalog: Path, tmp_path: Path) -> None:
    images = tmp_path / "im=ages"
    printed = run("crops", catalog, "--output", tmp_path / "crops", "--images", images, "--square", "--margin", 0.1)
    assert "no box to cut out" in printed
    assert [row["split"] for row in rows_of(tmp_path / "crops" / "crops.csv")] == ["train"]
    splits = tmp_path / "crops" / "splits.json"
    printed = run("ingest", tmp_path / "other.duckdb", splits, "--format", "megadb")
    assert "splits: 0 sequences, 0 images, 0 boxes, 1 locations in splits ingested\n" in printed


def test_huggingface(catalog: Path, tmp_path: Path) -> None:
    images = tmp_path / "im=ages"
    run("huggingface", catalog, "--output", tmp_path / "set", "--title", "A title", "--images", images)
    assert "# A title" in (tmp_path / "set" / "README.md").read_text()


@pytest.mark.parametrize(
    "options",
    [["crops"], ["crops", "--images", "x", "--val", "0.5", "--test", "0.5"]],
    ids=["no images", "nothing left for training"],
)
def test_options_that_make_no_sense(catalog: Path, tmp_path: Path, options: list[str]) -> None:
    command, *more = options
    result = CliRunner().invoke(app, ["catalog", command, str(catalog), "--output", str(tmp_path / "set"), *more])
    assert result.exit_code == 2
    assert not (tmp_path / "set").exists()
