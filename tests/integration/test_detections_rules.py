"""What is made of the detector's results, as file targets of the stage detect."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from megadetector.postprocessing.validate_batch_results import validate_batch_results

from tests.pipeline import Project, example_project, executed
from treeline.io.tar import read_members

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def project(tmp_path: Path, example_images: Path) -> Iterator[Project]:
    with example_project(tmp_path / "project", example_images) as project:
        table = project.folder / "multimedia.csv"
        header, *rows = table.read_text().splitlines(keepends=True)
        table.write_text(header + "".join(rows[:40]))
        (project.folder / "truth.csv").write_text("file,label\n")
        yield project


def test_all_that_is_made_of_detections(project: Project) -> None:
    project.configure(stages=["urls", "download", "decode", "detect"], lookup={"detections": False})
    project.snakemake("detect")
    folder = project.results / "detections"
    shards = [json.loads(file.read_text()) for file in sorted(folder.glob("server_name=*/*.json"))]
    images = {image["file"]: image for shard in shards for image in shard["images"]}
    with (project.folder / "truth.csv").open("a") as truth:
        truth.writelines(f"{name},animal\n" for name in images)
    detections = {
        "one_location": True,
        "repeats": {"occurrences": 2, "iou": 0.5},
        "smooth": {"categories": True},
        "export": ["csv-long", "csv-wide", "coco"],
        "evaluate": {"truth": "truth.csv"},
        "sort": {},
        "crop": {"dataset": "demo", "square": True},
        "preview": {"sample": 5},
    }
    project.configure(
        stages=["urls", "download", "decode", "detect"], lookup={"detections": False}, detections=detections
    )
    made = executed(project.snakemake("detect"))
    assert not {"download_shard", "decode_shard", "detect_shard"} & set(made)

    for name in ("merged.json", "repeats/filtered.json", "smoothed.json"):
        results = json.loads((folder / name).read_text())
        assert {image["file"] for image in results["images"]} == set(images)
        assert validate_batch_results(str(folder / name))["validation_results"]["errors"] == []
    with (folder / "results.csv").open() as file:
        assert {row["file"] for row in csv.DictReader(file)} == set(images)
    assert len(json.loads((folder / "results.coco.json").read_text())["images"]) == len(images)
    report = json.loads((folder / "evaluation/report.json").read_text())
    assert report
    sorted_files = [member.name for tar in (folder / "sorted").rglob("*.tar") for member in read_members(tar)]
    assert {name for name in sorted_files if not name.endswith(".json")} == set(images)
    with (folder / "crops/crops.csv").open() as file:
        crops = list(csv.DictReader(file))
    members = {member.name for tar in (folder / "crops").glob("*.tar") for member in read_members(tar)}
    assert crops
    assert len({name for name in members if name.endswith(".jpg")}) == len(crops)
    assert (folder / "preview/index.html").exists()
    assert "smoothed.json" in (folder / "preview/data.js").read_text()
    assert (folder / "repeats/review/index.html").exists()
    assert "Nothing to be done" in project.snakemake("detect")
