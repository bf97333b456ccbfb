"""The tools in the pipeline: they chain, later stages take what they keep, and what was made before stays."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipeline import Project, example_project, executed, tree

TITLED = """
from treeline.tools.judge import drop, keep

COLUMNS = ("title",)

def judge(rows):
    titles = rows["title"].to_pylist()
    return [keep(len(title)) if title != "Not provided" else drop("has no title") for title in titles]
"""

TOOLS = {
    "image_verification": {},
    "size_based": {"threshold_size": 300, "keep": ["image_verification"]},
    "duplication_based": {"keep": ["size_based"]},
    "near_duplicates": {"keep": ["duplication_based"]},
    "resize": {"new_resize_size": 128, "keep": ["near_duplicates"]},
    "crop_to_boxes": {"boxes": "boxes.csv"},
    "exif": {},
    "custom": {"titled": "titled.py"},
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def project(tmp_path: Path, example_images: Path) -> Iterator[Project]:
    with example_project(tmp_path / "project", example_images) as project:
        (project.folder / "titled.py").write_text(TITLED)
        yield project


def uuids(files: list[Path], verdict: str | None = None) -> set[str]:
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return {row["uuid"] for row in rows if verdict is None or row["verdict"] == verdict}


def of_tool(project: Project, tool: str, kind: str) -> list[Path]:
    return sorted((project.results / "tools" / tool / kind).rglob("*.parquet"))


def verdicts_by_shard(project: Project) -> dict[str, bytes]:
    return {name: content for name, content in tree(project.results / "tools").items() if "/verdicts/" in name}


def test_tools_chain_and_a_grown_collection_keeps_what_was_made(project: Project) -> None:
    project.keep_servers(0, 4)
    table = project.folder / "multimedia.csv"
    with table.open("a") as more:
        more.writelines(
            row.replace(".jpeg", ".jpeg?again") for row in table.read_text().splitlines(keepends=True)[2:10]
        )
    whole = table.read_text()
    project.halve()
    (project.folder / "boxes.csv").write_text("uuid,x_min,y_min,box_width,box_height\n")
    project.configure(
        stages=["urls", "download", "tools", "decode", "lookup"],
        tools_parameters=TOOLS,
        decode={"images_from": "resize", "keep": ["titled"]},
        lookup={"detections": False, "keep": ["duplication_based"]},
    )
    project.snakemake("download")
    shards = tree(project.results / "images")
    boxed = min(uuids(list((project.results / "images").rglob("successes.parquet"))))
    with (project.folder / "boxes.csv").open("a") as boxes:
        boxes.write(f"{boxed},10,10,50,40\n")
    project.snakemake()
    assert tree(project.results / "images") == shards
    check_chain(project)
    assert "Nothing to be done" in project.snakemake()

    verdicts = verdicts_by_shard(project)
    times = {file: file.stat().st_mtime_ns for file in (project.results / "decoded").rglob("*.tar")}
    table.write_text(whole)
    project.snakemake()
    check_chain(project)
    changed = {
        name.partition("/verdicts/")[2] for name, old in verdicts.items() if verdicts_by_shard(project)[name] != old
    }
    for archive, time in times.items():
        shard = archive.relative_to(project.results / "decoded").with_suffix(".parquet")
        assert (archive.stat().st_mtime_ns == time) == (str(shard) not in changed), shard
    assert "Nothing to be done" in project.snakemake()


def test_a_deleted_table_of_verdicts_is_made_anew_alone(project: Project) -> None:
    project.keep_servers(0)
    project.configure(
        stages=["urls", "download", "tools"],
        tools_parameters={"duplication_based": {}, "size_based": {}},
        lookup={"detections": False},
    )
    project.snakemake()
    before = verdicts_by_shard(project)
    for tool in ("duplication_based", "size_based"):
        of_tool(project, tool, "verdicts")[0].unlink()
    made = [rule for rule in executed(project.snakemake("tools")) if rule != "tools"]
    assert sorted(made) == sorted(
        f"{rule}_{tool}" for rule in ("judge", "report") for tool in ("duplication_based", "size_based")
    )
    assert verdicts_by_shard(project) == before


def check_chain(project: Project) -> None:
    downloaded = uuids(list((project.results / "images").rglob("successes.parquet")))
    verified = of_tool(project, "image_verification", "verdicts")
    assert uuids(verified) == downloaded
    judged = verified
    for tool in ("size_based", "duplication_based", "near_duplicates"):
        kept = uuids(judged, "keep")
        judged = of_tool(project, tool, "verdicts")
        assert uuids(judged) == kept
        assert uuids(judged, "drop") or tool == "near_duplicates", f"{tool} drops nothing"
    resized = uuids(list((project.results / "tools/resize/images").rglob("successes.parquet")))
    assert resized == uuids(judged, "keep")
    titled = uuids(of_tool(project, "titled", "verdicts"), "keep")
    decoded = {member.split("/")[-1].split(".")[0] for member in members(project)}
    assert decoded == resized & titled
    assert uuids([project.results / "lookup/images.parquet"]) == uuids(
        of_tool(project, "duplication_based", "verdicts"), "keep"
    )
    assert uuids([project.results / "tools/exif/exif.parquet"]) == downloaded
    boxes = uuids(of_tool(project, "crop_to_boxes", "boxes"))
    assert boxes == uuids(list((project.results / "tools/crop_to_boxes/images").rglob("successes.parquet")))
    assert len(boxes) == 1
    for tool in ("image_verification", "size_based", "duplication_based", "near_duplicates", "titled"):
        with (project.results / "tools" / tool / "report.csv").open() as file:
            rows = list(csv.DictReader(file))
        counts = [sum(int(row[name]) for row in rows) for name in ("images", "keep", "drop")]
        expected = [len(uuids(of_tool(project, tool, "verdicts"), verdict)) for verdict in (None, "keep", "drop")]
        assert counts == expected
        assert counts[0] == counts[1] + counts[2]


def members(project: Project) -> Iterator[str]:
    for index in (project.results / "decoded").rglob("*.index.csv"):
        with index.open() as file:
            yield from (row["name"] for row in csv.DictReader(file))
