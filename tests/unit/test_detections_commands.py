"""The commands as they are typed: what they print, and how they fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.results import detection, results, write
from treeline.cli import app
from treeline.errors import InputError


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> str:
    monkeypatch.chdir(folder)
    outcome = CliRunner().invoke(app, ["detections", *command.split()], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = {"file": "site_1/a.jpg", "width": 640, "height": 480}
    write(tmp_path / "a.json", results({**site, "detections": [detection(0.9), detection(0.1), detection(-0.8)]}))
    failed = {"file": "site_2/b.jpg", "failure": "image access failure"}
    write(tmp_path / "b.json", results({**site, "detections": [detection(0.9), detection(0.7, "3")]}, failed))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "new.jpg").write_bytes(b"a")
    return tmp_path


def test_each_command_says_what_became_of_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folder, monkeypatch, "merge a.json b.json --output all.json") == (
        "all.json: 2 images, 4 detections of 2 files; 3 entries read, 1 of images that had one before, "
        "and 5 detections, 1 of them equal to another"
    )
    command = "subset all.json --output part.json --path site_1/* --category animal --threshold 0.2 --max-size 0.5"
    assert run(folder, monkeypatch, command) == (
        "part.json: 1 images, 1 detections; left out: 1 images by path, detections: 1 by category, 2 by confidence"
    )
    assert run(folder, monkeypatch, "convert all.json --to coco --output coco.json") == (
        "coco.json: 1 of 2 images, 3 of 4 detections; left out: 1 images that failed, 1 detections that are struck out"
    )
    assert run(folder, monkeypatch, "convert coco.json --from coco --output back.json").startswith("back.json: 1 of 1")
    assert run(folder, monkeypatch, "hashes photos --output after.csv") == "after.csv: 1 images"
    sha256 = (folder / "after.csv").read_text().splitlines()[1].split(",")[1]
    (folder / "before.csv").write_text(f"file,sha256\nsite_1/a.jpg,{sha256}\n")
    rename = "rename all.json --output moved.json --before before.csv --after photos"
    with pytest.raises(InputError, match=r"'site_2/b\.jpg' is not in the hashes from before"):
        run(folder, monkeypatch, rename)
    assert run(folder, monkeypatch, f"{rename} --unmatched left.json") == (
        "moved.json: 0 images stayed, 1 moved, 1 cannot be followed; 0 images have no results"
    )
    assert [image["file"] for image in json.loads((folder / "moved.json").read_text())["images"]] == ["new.jpg"]
