"""The folder in which a page is followed: a clone after `make demo`, with the files that the page takes for granted."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import yaml

from resources.example.collection import FIRST_PORT, SERVERS
from tests.embedding_cases import write_mean_model
from tests.guide_runs import Content, steps
from tests.guides import ROOT
from tests.pipeline import Project
from treeline.io.csv_tables import csv_text

LINKED = (
    *("rules", "scripts", "profiles", "slurm", "tests", "Snakefile"),
    *("config/augmentations", "config/classify-boxes.yaml"),
    *("resources/detector", "resources/schemas", "resources/taxonomy", "resources/tools"),
)
COPIED = ("config/datasets", "config/experiments", "config/groups", "resources/example")
"""Folders that pages write into, or that are otherwise here."""

TABLES = ("multimedia.csv", "occurrence.csv", "photos.csv")
OUTPUTS = {"config/config.yaml": "results", "my.yaml": "my-results"}
"""Configurations, and where each has its results."""

CAMERAS = str(FIRST_PORT + SERVERS.index("limited"))
"""Port of the camera traps' server in the pages."""


class Scene(NamedTuple):
    """A folder like a clone after `make demo`.

    Args:
        folder: Where it is.
        ports: What the pages call the servers' ports, and what they are here.
    """

    folder: Path
    ports: dict[str, str]


def make_scene(folder: Path, page: Path, project: Project) -> Scene:
    """Make the folder for one page.

    Args:
        folder: Where; must not exist.
        page: The page.
        project: What the demo's pipeline has made; is only read.
    """
    for name in LINKED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in TABLES:
        for copy in (folder / "resources/example" / name, folder / name):
            shutil.copy2(project.folder / name, copy)
    demo = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    # Called as in the project, whose catalogue would otherwise be asked for another time.
    demo |= {"path_to_input": "multimedia.csv", "lookup": {**demo["lookup"], "metadata": "occurrence.csv"}}
    demo["stages"].remove("report")  # it would be drawn after each change
    own = {step.name for step in steps(page) if isinstance(step, Content)}
    for file, output in OUTPUTS.items():
        if file not in own and (file in page.read_text(encoding="utf-8") or output == "results"):
            (folder / file).write_text(yaml.safe_dump({**demo, "path_to_output": output}), encoding="utf-8")
            shutil.copytree(project.results, folder / output, symlinks=True)
    ports = _ports(project)
    shard = Path(f"server_name=127.0.0.1%3A{ports[CAMERAS]}/partition_id=0")
    PREPARATIONS.get(page.stem, lambda folder, shard: None)(folder, shard)
    return Scene(folder, ports)


def _ports(project: Project) -> dict[str, str]:
    """The ports by those of the demo; a server's log says where it is."""
    logs = (project.logs / f"{name}.jsonl" for name in SERVERS)
    addresses = [json.loads(log.read_text(encoding="utf-8").partition("\n")[0])["server"] for log in logs]
    return {str(FIRST_PORT + place): address.rpartition(":")[2] for place, address in enumerate(addresses)}


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copy2(source, target)


def _catalogue(folder: Path, shard: Path) -> None:
    """`catalog.duckdb`, as by itself and as in an output folder, and the images that it is of."""
    _copy(folder / "results/catalog/catalog.duckdb", folder / "catalog.duckdb")
    shutil.copytree(folder / "results/catalog", folder / "catalog")
    _copy(folder / "results/detections" / f"{shard}.json", folder / "results.json")
    (folder / "photos.csv").write_text("path,species,camera,taken\na/1.jpg,deer | fox,north,2020-01-01 10:00:00\n")
    _photos(folder, shard)


def _photos(folder: Path, shard: Path) -> None:
    with tarfile.open(folder / "results/decoded" / f"{shard}.tar") as archive:
        images = [member for member in archive.getmembers() if not member.name.endswith(".json")]
        archive.extractall(folder / "photos", images, filter="data")


def _results(folder: Path, shard: Path) -> None:
    """`results.json` with its images, under each name that the pages give such files, and what belongs to them."""
    _photos(folder, shard)
    detected = folder / "results/detections" / f"{shard}.json"
    for name in ("results", "more", "before", "after", "shard_0", "shard_1", "other_model"):
        _copy(detected, folder / f"{name}.json")
    (folder / "decoded").symlink_to(folder / "results/decoded")
    _shard(folder, shard)
    found = json.loads(detected.read_text(encoding="utf-8"))
    _write_labels(folder / "labels.csv", found)
    _write_truth(folder / "truth.json", found)


def _sure(found: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each image with the detections that are certain."""
    return [(image, [one for one in image["detections"] if one["conf"] >= 0.5]) for image in found["images"]]


def _write_labels(target: Path, found: dict[str, Any]) -> None:
    """Ground truth of images: the category of the first detection."""
    names = found["detection_categories"]
    labels = [(image["file"], names[ones[0]["category"]] if ones else "blank") for image, ones in _sure(found)]
    target.write_text(csv_text(("file", "label"), labels), encoding="utf-8")


def _write_truth(target: Path, found: dict[str, Any]) -> None:
    """Ground truth in COCO: the certain boxes, in pixels."""
    sizes = [(image["width"], image["height"]) for image, _ in _sure(found)]
    images = [
        {"id": number, "file_name": image["file"], "width": image["width"], "height": image["height"]}
        for number, (image, _) in enumerate(_sure(found))
    ]
    boxes = [
        (number, one["category"], [share * side for share, side in zip(one["bbox"], 2 * sizes[number], strict=True)])
        for number, (_, ones) in enumerate(_sure(found))
        for one in ones
    ]
    annotations = [
        {"id": id, "image_id": image, "category_id": int(category), "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for id, (image, category, box) in enumerate(boxes)
    ]
    categories = [{"id": int(number), "name": name} for number, name in found["detection_categories"].items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    target.write_text(json.dumps(content), encoding="utf-8")


def _cameras(folder: Path, shard: Path) -> None:
    """`results.json` as of three cameras with a folder each, and with classes, and its images."""
    _photos(folder, shard)
    found = json.loads((folder / "results/detections" / f"{shard}.json").read_text(encoding="utf-8"))
    found["classification_categories"] = {"1": "deer"}
    for number, image in enumerate(found["images"]):
        name = f"camera-{number % 3}/{image['file']}"
        (folder / "photos" / name).parent.mkdir(exist_ok=True)
        (folder / "photos" / image["file"]).rename(folder / "photos" / name)
        image["file"] = name
        for one in image["detections"]:
            one["classifications"] = [["1", 0.9]]
    (folder / "results.json").write_text(json.dumps(found), encoding="utf-8")


def _shard(folder: Path, shard: Path) -> None:
    """A shard's files by themselves."""
    _copy(folder / "results/images" / shard / "successes.parquet", folder / "successes.parquet")
    _copy(folder / "results/decoded" / f"{shard}.tar", folder / "shard.tar")
    _copy(folder / "results/decoded" / f"{shard}.tar", folder / "photos.tar")


def _detector(folder: Path, shard: Path) -> None:
    _shard(folder, shard)
    _copy(ROOT / "resources/detector/tiny_detector.pt", folder / "my.pt")


def _tools(folder: Path, shard: Path) -> None:
    _shard(folder, shard)
    _copy(ROOT / "resources/tools/bright.py", folder / "bright.py")


def _lookup(folder: Path, shard: Path) -> None:
    """The occurrences with a column that the page's group asks for, also tab-separated as GBIF has them."""
    table = folder / "occurrence.csv"
    with table.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    higher = [[*row, str(100 * number)] for number, row in enumerate(rows)]
    table.write_text(csv_text((*names, "elevation"), higher), encoding="utf-8")
    lines = ("\t".join(row) for row in ([*names, "elevation"], *higher))
    (folder / "occurrence.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _lookup_table(folder: Path, shard: Path) -> None:
    pq.write_table(
        pq.read_table(folder / "results/lookup/yale_plants/group_id=0/lookup.parquet").select(["uuid", "path"]),
        folder / "mine.parquet",
    )


def _urls(folder: Path, shard: Path) -> None:
    _copy(folder / "resources/example/multimedia.csv", folder / "next-month.csv")


def _model(folder: Path, shard: Path) -> None:
    _results(folder, shard)
    (folder / "models/colours").mkdir(parents=True)
    write_mean_model(folder / "model.onnx")
    _copy(folder / "model.onnx", folder / "models/colours/model.onnx")
    _copy(min((folder / "photos").iterdir()), folder / "asked.jpg")


PREPARATIONS: dict[str, Callable[[Path, Path], None]] = {
    **dict.fromkeys(
        (
            *("catalog", "catalog-browse", "catalog-camtrap", "catalog-checks", "catalog-queries"),
            *("catalog-splits", "catalog-targets", "catalog-training"),
        ),
        _catalogue,
    ),
    **dict.fromkeys(
        ("detections-evaluate-sort-crop", "detections-files", "detections-preview"),
        _results,
    ),
    **dict.fromkeys(("detections-repeats", "detections-smooth"), _cameras),
    **dict.fromkeys(("models-embeddings", "models-predict"), _model),
    "decode": _shard,
    "detect": _detector,
    "extract": _lookup_table,
    "lookup": _lookup,
    "tools": _tools,
    "urls": _urls,
}
"""What a page takes for granted, by the page's name."""
