"""The demo's pipeline, stage by stage: accounting, reruns, rebuilding, and the numbers that were told in advance."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.described_files import undescribed
from tests.guide_runs import Reader, is_followed
from tests.guide_scenes import make_scene
from tests.guides import PAGES
from tests.pipeline import ROOT, Project, example_project, executed
from tests.report_oracle import assert_told
from treeline.cli import app
from treeline.report.tables import read_tables

RATE_LIMIT = 15
"""Requests a second: low enough for the largest server's images to take longer than the window that is looked at."""

BATCH_SIZE = 70
"""Large enough for one server alone to have two batches: each more is a job of each stage."""

STAGES = ("urls", "download", "decode", "detect", "lookup", "extract", "catalog")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def empty_project(tmp_path_factory: pytest.TempPathFactory, example_images: Path) -> Iterator[Project]:
    with example_project(tmp_path_factory.mktemp("pipeline"), example_images) as project:
        project.configure(
            stages=list(STAGES),  # the report by itself: it would be drawn after each change
            downloader_parameters={
                "default_rate_limit": RATE_LIMIT,
                "batch_size": BATCH_SIZE,
                "user_agent": "Owl {no wildcard}",
            },
        )
        yield project


@pytest.fixture(scope="module")
def project(empty_project: Project) -> Project:
    """The finished project, made one stage at a time."""
    plan = empty_project.snakemake("--dry-run")
    assert "partition_urls" in executed(plan)
    for stage in STAGES:
        started = executed(empty_project.snakemake(stage))
        assert started, stage
    return empty_project


@pytest.fixture(scope="module")
def expected(project: Project) -> dict[str, object]:
    return json.loads((project.folder / "expected.json").read_text())


def query(sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query over files; other tools' readers as the judge."""
    return duckdb.execute(sql).fetchall()


def shard_folders(project: Project) -> list[str]:
    return sorted(
        str(path.parent.relative_to(project.results / "images"))
        for path in project.results.glob("images/*/*/completed")
    )


def test_the_catalogue_has_every_image_and_its_detections(project: Project) -> None:
    tables, detections = project.results / "catalog/tables", project.results / "detections/detections.parquet"
    [(images,)] = query(f"SELECT count(*) FROM '{project.results}/images/*/*/successes.parquet'")
    assert query(f"SELECT images FROM '{tables}/ingests.parquet'") == [(images,)]
    assert query(f"SELECT count(*), count(DISTINCT uuid) FROM '{tables}/images.parquet'") == [(images, images)]
    found = f"SELECT uuid, category, confidence FROM '{detections}' WHERE category IS NOT NULL ORDER BY ALL"
    boxes = (
        f"SELECT uuid, category, confidence FROM '{tables}/boxes.parquet' JOIN '{tables}/images.parquet' USING (image)"
    )
    assert query(f"{boxes} ORDER BY ALL") == query(found)


def test_what_is_made_of_the_catalogue_is_there(project: Project) -> None:
    folder = project.results / "catalog"
    [(dragonflies, species)] = query(
        f"SELECT count(*), any_value(class) FROM '{folder}/queries/dragonflies.parquet' WHERE len(class) = 1"
    )
    assert (dragonflies, species) == (10, ["aeshna cyanea"])
    camera_traps = json.loads((folder / "exports/camera-traps/camera-traps.json").read_text())
    [(images,)] = query(f"SELECT count(*) FROM '{folder}/tables/images.parquet'")
    assert len(camera_traps["images"]) == images
    training_set = folder / "training/dragonflies"
    lists = [(training_set / f"{split}.txt").read_text().splitlines() for split in ("train", "val", "test")]
    left_out = (training_set / "dropped.csv").read_text().splitlines()[1:]
    assert all(lists)
    assert sum(map(len, lists)) + len(left_out) == dragonflies
    assert all((training_set / line).is_file() for lines in lists for line in lines)
    assert json.loads((folder / "leakage.json").read_text()) == []


def test_after_all_stages_nothing_is_left(project: Project) -> None:
    assert "Nothing to be done" in project.snakemake("--dry-run")
    assert "Nothing to be done" in project.snakemake()


def test_every_input_row_is_in_a_batch_or_rejected(project: Project, expected: dict[str, dict[str, int]]) -> None:
    manifest = pq.read_table(project.results / "urls/manifest.parquet").to_pylist()
    rejected = pq.read_table(project.results / "urls/rejected.parquet")
    batched = sum(row["rows"] for row in manifest)
    table = project.folder / "multimedia.csv"
    assert query(f"select count(*) from read_csv('{table}', all_varchar=true)") == [(expected["input"]["rows"],)]
    assert batched + len(rejected) == expected["input"]["rows"]
    assert batched == expected["input"]["batched"]
    on_disk = [pq.read_metadata(path).num_rows for path in project.results.glob("urls/*/*/urls.parquet")]
    assert sorted(on_disk) == sorted(row["rows"] for row in manifest)


def test_every_batch_row_is_a_success_or_an_error(project: Project) -> None:
    folders = shard_folders(project)
    assert len(folders) == len(pq.read_table(project.results / "urls/manifest.parquet"))
    for shard in folders:
        batch = pq.read_table(project.results / "urls" / shard / "urls.parquet", columns=["uuid"])["uuid"].to_pylist()
        tables = [
            pq.read_table(project.results / "images" / shard / name, columns=["uuid"])["uuid"].to_pylist()
            for name in ("successes.parquet", "errors.parquet")
        ]
        assert sorted(batch) == sorted(tables[0] + tables[1])


def test_servers_have_the_outcomes_that_were_told(project: Project, expected: dict[str, dict[str, dict]]) -> None:
    for name, server in expected["servers"].items():
        address = json.loads((project.logs / f"{name}.jsonl").read_text().partition("\n")[0])["server"]
        folder = "server_name=" + address.replace(":", "%3A")
        successes, errors = 0, Counter[str]()
        for shard in (project.results / "images" / folder).iterdir():
            successes += pq.read_metadata(shard / "successes.parquet").num_rows
            errors.update(map(str, pq.read_table(shard / "errors.parquet")["error_code"].to_pylist()))
        assert (successes, dict(errors)) == (server["successes"], server["errors"])
    full = query(f"select count(*) from '{project.results}/images/*/*/successes.parquet' where is_license_full")
    assert full == [(expected["full_licenses"],)]


def test_archives_hold_every_success_or_say_why_not(project: Project) -> None:
    for shard in shard_folders(project):
        with tarfile.open(project.results / "decoded" / f"{shard}.tar") as archive:
            images = [name for name in archive.getnames() if not name.endswith(".json")]
        undecodable = (project.results / "decoded" / f"{shard}.undecodable.csv").read_text().splitlines()[1:]
        successes = pq.read_metadata(project.results / "images" / shard / "successes.parquet").num_rows
        assert len(images) + len(undecodable) == successes
        results = json.loads((project.results / "detections" / f"{shard}.json").read_text())
        assert sorted(image["file"] for image in results["images"]) == sorted(images)


def test_detections_are_of_every_image_and_find_what_was_drawn(project: Project) -> None:
    table = project.results / "detections/detections.parquet"
    images = query(f"select count(distinct uuid) from '{table}'")
    assert images == query(f"select count(*) from '{project.results}/images/*/*/successes.parquet'")
    categories = query(f"select distinct category from '{table}' where confidence > 0.2")
    assert {category for (category,) in categories} == {"animal", "person", "vehicle"}


def test_lookup_and_extract_reports_add_up(project: Project, expected: dict[str, dict[str, int]]) -> None:
    for group, images in expected["lookup"].items():
        assert query(f"select count(*) from '{project.results}/lookup/{group}/*/lookup.parquet'") == [(images,)], group
        report = f"{project.results}/extracted/{group}/report.csv"
        sums = query(
            f"select sum(asked)::int, sum(found)::int, sum(missing)::int, sum(duplicates)::int from '{report}'"
        )
        assert sums == [(images, images, 0, 0)]
        parts = f"{project.results}/extracted/{group}/group_id=*/*.parquet"
        assert query(f"select count(*) from '{parts}'") == [(images,)]
    categories = project.results / "extracted/museum_specimen_all/categories.csv"
    by_category = query(f"select category, sum(records)::int from '{categories}' group by 1")
    told = {name: images for name, images in expected["museum_specimen_all_by_category"].items() if images}
    assert dict(by_category) == told


def test_extracted_images_are_credited_as_the_table_says(project: Project, expected: dict[str, dict[str, int]]) -> None:
    table = f"select * from read_csv('{project.folder}/multimedia.csv', all_varchar = true)"
    for group, images in expected["lookup"].items():
        folder = project.results / "extracted" / group
        credits = f"read_csv('{folder}/credits.csv', all_varchar = true)"
        assert query(f"select count(*), count(distinct uuid) from {credits}") == [(images, images)], group
        differing = f"""
            select * from {credits} as credited left join ({table}) as given on credited.url = given.identifier
            where credited.license_given is distinct from given.license
                or credited.creator is distinct from given.creator
                or credited.rights_holder is distinct from given.rightsHolder
                or credited.source is distinct from given.source or credited.title is distinct from given.title
                or (lacks is null) = (given.license is null)
        """
        assert not query(differing), group
        lacking = query(f"select uuid from {credits} where lacks is not null order by uuid")
        assert query(f"select uuid from read_csv('{folder}/unlicensed.csv', all_varchar = true)") == lacking, group
        sums = re.findall(r"^- ([\d,]+) image", (folder / "credits.md").read_text(), re.MULTILINE)
        assert sum(int(number.replace(",", "")) for number in sums) == images, group


def test_the_example_of_a_group_by_licence_keeps_what_can_be_published(project: Project, tmp_path: Path) -> None:
    (tmp_path / "images.parquet").write_bytes((project.results / "lookup/images.parquet").read_bytes())
    group = ROOT / "resources/example/open_licence.yaml"
    urls = ("--urls", str(project.results / "urls"))
    done = CliRunner().invoke(app, ["lookup", "groups", str(group), "--folder", str(tmp_path), *urls])
    assert done.exit_code == 0, done.output
    [(passed, left_out, kept)] = query(f"select passed, left_out_by_license, kept from '{tmp_path}/report.csv'")
    successes = f"select uuid from '{project.results}/images/*/*/successes.parquet' where license <> 'Not provided'"
    found = f"select uuid from '{tmp_path}/open_licence/*/lookup.parquet' where license_id is not null"
    assert sorted(query(found)) == sorted(query(successes))
    assert passed == left_out + kept and kept == len(query(successes)) < passed


def test_the_report_tells_what_the_files_hold(project: Project) -> None:
    assert {"measure_report", "draw_report"} <= {*executed(project.snakemake("report"))}
    assert_told(project, read_tables(project.results / "reports/tables"), RATE_LIMIT)
    assert "Nothing to be done" in project.snakemake("report", "--dry-run")


def test_the_report_is_part_of_snakemakes(project: Project) -> None:
    archive = project.folder / "snakemake-report.zip"
    project.snakemake("report", "--report", str(archive))
    with zipfile.ZipFile(archive) as opened:
        pages = [opened.read(name) for name in opened.namelist() if name.endswith("index.html")]
    assert (project.results / "reports/index.html").read_bytes() in pages


def test_servers_were_never_asked_faster_than_their_limit(project: Project) -> None:
    for log in project.logs.glob("*.jsonl"):
        times = sorted(json.loads(line)["monotonic"] for line in log.read_text().splitlines())
        for start in times:
            assert sum(start <= moment < start + 4 for moment in times) <= RATE_LIMIT * 4 + 8, log.name


def test_every_file_has_the_columns_that_the_reference_says(project: Project) -> None:
    assert undescribed(project.results) == []


def test_the_seed_files_of_the_downloader_are_there(project: Project) -> None:
    for name in (
        "profiles.csv",
        "checkpoint.yaml",
        "schedules/current/0000/_config.csv",
        "schedules/current/0000/0000.csv",
        "schedules/current/0000/_jobs_ids.csv",
        "schedules/current/0000/_verification.csv",
        "logs/initialization.log",
    ):
        assert (project.results / name).stat().st_size > 0, name
    assert "completed: true" in (project.results / "checkpoint.yaml").read_text()
    successes = query(f"select count(*)::int from '{project.results}/images/*/*/successes.parquet'")
    assert query(f"select sum(success_count)::int from '{project.results}/profiles.csv'") == successes


def test_graphs_are_drawn(project: Project) -> None:
    for option in ("--dag", "--rulegraph"):
        graph = project.snakemake(option)
        assert re.search(r"^digraph snakemake_dag \{.*^\}\s*$", graph, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if is_followed(page)], ids=lambda page: page.name)
def test_a_page_of_the_documentation_can_be_followed(page: Path, project: Project, tmp_path: Path) -> None:
    """Commands that are not run are listed in tests/guide_exceptions.py."""
    scene = make_scene(tmp_path / "clone", page, project)
    Reader(scene.folder, scene.ports).follow(page)
    shutil.rmtree(scene.folder)


def test_a_deleted_shard_is_rebuilt_alone_and_then_what_depends_on_it(project: Project) -> None:
    shard = shard_folders(project)[0]
    asked = sum(len(log.read_text().splitlines()) for log in project.logs.glob("*.jsonl"))
    before = (project.results / "images" / shard / "successes.parquet").read_bytes()
    (project.results / "images" / shard / "successes.parquet").unlink()
    started = executed(project.snakemake("download"))
    assert Counter(started) == Counter(["download_shard", "verify_downloads", "download"])
    assert (project.results / "images" / shard / "successes.parquet").read_bytes() == before
    assert asked == sum(len(log.read_text().splitlines()) for log in project.logs.glob("*.jsonl"))

    (project.results / "images" / shard / "successes.parquet").unlink()
    started = Counter(executed(project.snakemake()))
    assert started["download_shard"] == 1
    assert started["decode_shard"] == started["detect_shard"] == started["create_lookup_tables"] == 1
    assert started["partition_urls"] == started["profile_servers"] == started["schedule_downloads"] == 0
    assert "Nothing to be done" in project.snakemake("--dry-run")


def test_new_rows_make_new_batches_and_leave_the_others_alone(project: Project) -> None:
    files = {path: path.stat() for path in project.results.glob("images/*/*/*.parquet")}
    table = project.folder / "multimedia.csv"
    lines = table.read_text().splitlines()
    port = re.search(r"127\.0\.0\.1:(\d+)/", lines[1])
    assert port is not None
    line = re.sub(r"http://\S+?,", f"http://127.0.0.1:{port[1]}/images/0001.jpeg?again,", lines[1], count=1)
    table.write_text("\n".join([*lines, line]) + "\n")
    started = Counter(executed(project.snakemake("download")))
    assert started["download_shard"] == 1
    assert {path: path.stat().st_mtime_ns for path in files} == {path: stat.st_mtime_ns for path, stat in files.items()}
    assert len(list(project.results.glob("images/*/*/*.parquet"))) == len(files) + 2


def test_an_ignored_server_is_left_out_and_taken_back(project: Project) -> None:
    images = f"select distinct server_name from '{project.results}/detections/detections.parquet'"
    everybody = set(query(images))
    [(server,), *_] = sorted(everybody)
    asked = sum(len(log.read_text().splitlines()) for log in project.logs.glob("*.jsonl"))
    ignored = project.results / "ignored.csv"
    ignored.write_text(f"server_name,why\n{server},a test\n")
    started = Counter(executed(project.snakemake()))
    assert started["download_shard"] == 0
    assert set(query(images)) == everybody - {(server,)}
    assert "Nothing to be done" in project.snakemake("--dry-run")

    ignored.write_text("server_name,why\n")
    project.snakemake()
    assert set(query(images)) == everybody
    assert asked == sum(len(log.read_text().splitlines()) for log in project.logs.glob("*.jsonl"))
