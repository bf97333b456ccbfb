"""Failed images are asked for once more, by the configuration and by hand, and what they were before is kept."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.batches import encoded, photo
from tests.pipeline import Project, executed
from tests.servers import ImageServer, Reply
from tests.url_tables import write_csv
from treeline.io.parquet import read_metadata

IMAGE = encoded(photo())
ROWS_A_SHARD = 4
PATHS = [f"/{number}.jpg" for number in range(12)]
RECOVERS, STAYS_BROKEN, CHANGES, GONE = "/1.jpg", "/2.jpg", "/3.jpg", "/4.jpg"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with ImageServer() as server:
        for path in PATHS:
            server.add(path, body=IMAGE)
        server.add(RECOVERS, Reply(status=503), Reply(IMAGE))
        server.add(STAYS_BROKEN, status=503)
        server.add(CHANGES, Reply(status=503), Reply(status=429))
        server.add(GONE, status=404)
        yield server


@pytest.fixture
def project(tmp_path: Path, server: ImageServer) -> Project:
    write_csv(tmp_path / "table.csv", [{"uuid": path[1:-4], "identifier": server.url(path)} for path in PATHS])
    project = Project(tmp_path, tmp_path)
    configure(project)
    return project


def configure(project: Project, **download: Any) -> None:
    config = {
        "path_to_input": "table.csv",
        "stages": ["urls", "download"],
        "downloader_parameters": {
            "batch_size": ROWS_A_SHARD,
            "allow_private_addresses": True,
            "default_rate_limit": 1000,
            "max_retries": 0,
        },
        "download": download,
    }
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))


def shards(project: Project) -> list[Path]:
    return sorted(path.parent for path in project.results.glob("images/*/*/completed"))


def codes_of(table: Path) -> dict[str, int]:
    rows = pq.read_table(table, columns=["uuid", "error_code"]).to_pylist()
    return {row["uuid"]: row["error_code"] for row in rows}


def images_asked_for(server: ImageServer, since: int) -> Counter[str]:
    return Counter(request.path for request in server.requests()[since:] if request.path in PATHS)


def listed(project: Project) -> list[tuple[str, str, str]]:
    with (project.results / "schedules/current/0000/_errors.csv").open(newline="") as file:
        rows = [(row["error_code"], row["count"], row["retried"]) for row in csv.DictReader(file)]
    return sorted(rows)


def test_configured_codes_are_tried_again_once(project: Project, server: ImageServer) -> None:
    configure(project, retry_errors=[503])
    started = Counter(executed(project.snakemake()))
    assert started["retry_errors"] == 0
    assert listed(project) == [("404", "1", "False"), ("503", "1", "False"), ("503", "2", "False")]
    before = {shard: (shard / "errors.parquet").read_bytes() for shard in shards(project)}
    failed = [shard for shard in before if 503 in codes_of(shard / "errors.parquet").values()]

    asked = len(server.requests())
    started = Counter(executed(project.snakemake()))
    assert (started["retry_errors"], started["download_shard"]) == (1, len(failed))
    again = images_asked_for(server, asked)
    assert again == Counter([RECOVERS, STAYS_BROKEN, CHANGES])
    for shard, content in before.items():
        kept = [file.read_bytes() for file in shard.glob("errors.0*.parquet")]
        assert kept == ([content] if shard in failed else [])
        assert ("revision" in read_metadata(shard / "successes.parquet")) == (shard in failed)
    assert {uuid: code for shard in before for uuid, code in codes_of(shard / "errors.parquet").items()} == {
        "2": 503,
        "3": 429,
        "4": 404,
    }
    assert "Nothing to be done" in project.snakemake("--dry-run")

    configure(project, retry_errors=[503, 404])
    project.snakemake()
    assert images_asked_for(server, asked) == again + Counter([GONE])
    assert "Nothing to be done" in project.snakemake("--dry-run")


def test_a_retried_shard_that_was_deleted_comes_back_as_it_was(project: Project, server: ImageServer) -> None:
    project.snakemake()
    configure(project, retry_errors=[503])
    project.snakemake()
    files = {file: file.read_bytes() for file in project.results.glob("images/*/*/*es.parquet")}
    asked = len(server.requests())
    for file in files:
        file.unlink()
    project.snakemake()
    assert {file: file.read_bytes() for file in files} == files
    assert len(server.requests()) == asked
    assert "Nothing to be done" in project.snakemake("--dry-run")
    facts = [read_metadata(file) for file in files]
    assert {fact["revision"]: json.loads(fact["retried"]) for fact in facts if "revision" in fact} == {"1": [503]}
