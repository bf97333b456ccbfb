"""The recipes of docs/scale.md, as they stand there: a collection in tranches, and in parts that become one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.guide_runs import Content, steps
from tests.guides import ROOT
from tests.pipeline import Project, example_project

PAGE = ROOT / "docs" / "scale.md"
SCRIPTS = {step.name: step.text for step in steps(PAGE) if isinstance(step, Content)}
MOVED = re.search(r"for folder in (.*); do$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path, example_images: Path) -> Iterator[Project]:
    with example_project(tmp_path, example_images) as project:
        project.keep_servers(2, 3)
        project.configure(
            stages=["urls", "download"],
            downloader_parameters={"batch_size": 30, "default_rate_limit": 1000},
            lookup={"detections": False},
        )
        yield project


def run(script: str, project: Project, *arguments: str) -> None:
    """Run a script of the page in a project, whose files have other names than the page's."""
    script = script.replace("my-results", "results").replace("my-images.csv", "multimedia.csv")
    subprocess.run([sys.executable, "-c", script, *arguments], cwd=project.folder, check=True)


def images(results: Path) -> Mapping[str, set[str]]:
    """UUIDs of the downloaded images by server."""
    return {
        server.name: {
            uuid
            for shard in server.glob("*/successes.parquet")
            for uuid in pq.read_table(shard, columns=["uuid"])["uuid"].to_pylist()
        }
        for server in sorted((results / "images").glob("server_name=*"))
    }


def test_tranches_make_a_collection_and_no_server_is_asked_twice(project: Project) -> None:
    ignored = project.results / "ignored.csv"
    project.snakemake("urls")
    done = []
    for tranche in ("1", "2"):
        run(SCRIPTS["tranche.py"], project, tranche, "45")  # the smaller server has 44 rows
        assert len(ignored.read_text().splitlines()) == 2
        project.snakemake("download")
        done.append(images(project.results))
    assert [len(servers) for servers in done] == [1, 2]
    assert done[0].items() < done[1].items()
    requests = project.requests()
    ignored.write_text("server_name\n")
    project.snakemake("download")
    assert project.requests() == requests
    assert images(project.results) == done[1]
    verified = (project.results / "schedules/current/0000/_verification.csv").read_text().splitlines()
    assert len(verified) == 1 + len(list(project.results.glob("images/*/*/completed")))


def test_parts_become_one_collection_and_no_server_is_asked_twice(project: Project) -> None:
    run(SCRIPTS["parts.py"], project, "3")
    parts = sorted(project.folder.glob("part-*.parquet"))
    assert sum(pq.read_metadata(part).num_rows for part in parts) == project_rows(project)
    names = [set(server_names(part)) for part in parts]
    assert sum(map(len, names)) == len(set.union(*names)) == 2
    for number, part in enumerate(parts):
        if names[number]:
            output = f"results-{number}"
            project.snakemake("download", "--config", f"path_to_input={part.name}", f"path_to_output={output}")
            move(project.folder / output, project.results)
    separate, requests = images(project.results), project.requests()
    project.snakemake("download")
    assert project.requests() == requests
    assert images(project.results) == separate
    assert len(separate) == 2


def project_rows(project: Project) -> int:
    return len((project.folder / "multimedia.csv").read_text().splitlines()) - 1


def server_names(part: Path) -> Iterator[str]:
    return (url.split("/")[2] for url in pq.read_table(part, columns=["identifier"])["identifier"].to_pylist())


def move(part: Path, results: Path) -> None:
    """What the page's loop over folders does."""
    assert MOVED
    for folder in (name for name in MOVED[1].split() if (part / name).exists()):
        (results / folder).mkdir(parents=True, exist_ok=True)
        for server in (part / folder).glob("server_name=*"):
            shutil.move(server, results / folder)
