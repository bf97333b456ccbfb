"""What the report of the example must say: counted anew, from other files where there are any, without SQL."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from tests.pipeline import Project

SURE = 0.2
COSTS = re.compile(r"took ([0-9.]+) s, [0-9.]+ s of CPU time, at most (\d+) MiB of memory$", re.MULTILINE)


def assert_told(project: Project, tables: Mapping[str, pd.DataFrame], rate_limit: float) -> None:
    """Check every table of the report of a finished project against its files and its servers' logs."""
    images = rows_of(project.results.glob("images/*/*/successes.parquet"), ["uuid", "license", "source", "title"])
    assert flow(tables) == expected_flow(project)
    assert_servers(project, tables, rate_limit)
    assert_images(project, tables, images)
    assert_detections(project, tables)
    assert_rules(project, tables["rules"])
    disk = dict(zip(tables["disk"]["stage"], tables["disk"]["bytes"], strict=True))
    for stage, folder in {"urls": "urls", "decode": "decoded", "extract": "extracted", "catalog": "catalog"}.items():
        assert disk[stage] == sum(
            file.stat().st_size for file in (project.results / folder).rglob("*") if file.is_file()
        )
    counted = {row.name: row.rows for row in tables["catalog"].itertuples() if row.kind == "table"}
    assert counted == {file.stem: len(pq.read_table(file)) for file in project.results.glob("catalog/tables/*.parquet")}
    summary = dict(zip(tables["summary"]["key"], tables["summary"]["value"], strict=True))
    assert summary["images"] == len(images)
    assert summary["servers_beyond_limit"] == 0
    assert summary["servers_within_limit"] == summary["servers"] == 5


def rows_of(files: Iterable[Path], columns: list[str]) -> list[dict[str, Any]]:
    return [row for file in sorted(files) for row in pq.read_table(file, columns=columns).to_pylist()]


def csv_rows(files: Iterable[Path]) -> list[dict[str, str]]:
    return [row for file in sorted(files) for row in csv.DictReader(file.open(newline=""))]


def flow(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str, str], int]:
    """Rows of each arrow."""
    return {(row.part, row.source, row.target): row.rows for row in tables["flow"].itertuples()}


def expected_flow(project: Project) -> dict[tuple[str, str, str], int]:
    results = project.results
    input_rows = len(csv_rows([project.folder / "multimedia.csv"]))
    batched = len(rows_of(results.glob("urls/*/*/urls.parquet"), ["uuid"]))
    reasons = Counter(row["reason"] for row in rows_of([results / "urls/rejected.parquet"], ["reason"]))
    images = len(rows_of(results.glob("images/*/*/successes.parquet"), ["uuid"]))
    errors = len(rows_of(results.glob("images/*/*/errors.parquet"), ["uuid"]))
    arrows = {
        ("images", "rows of the input", "batched"): batched,
        **{("images", "rows of the input", f"rejected: {reason}"): count for reason, count in reasons.items()},
        ("images", "batched", "images"): images,
        ("images", "batched", "errors"): errors,
        ("images", "images", "decoded"): len(list(members(results))),
        ("images", "images", "undecodable"): len(csv_rows(results.glob("decoded/*/*.undecodable.csv"))),
        **{("images", "decoded", seen): count for seen, count in Counter(map(best_of, looked_at(results))).items()},
    }
    assert input_rows == batched + reasons.total()
    grouped = {row["uuid"] for row in rows_of(results.glob("lookup/*/*/lookup.parquet"), ["uuid"])}
    arrows |= {
        ("lookup", "images", "listed"): images,
        ("lookup", "listed", "in a group"): len(grouped),
        ("lookup", "listed", "in no group"): images - len(grouped),
    }
    for group in results.glob("lookup/*/manifest.csv"):
        name = group.parent.name
        parts = results.glob(f"extracted/{name}/group_id=*/*.parquet")
        arrows["groups", name, "extracted"] = len(rows_of(parts, ["uuid"]))
    return {arrow: count for arrow, count in arrows.items() if count}


def members(results: Path) -> Iterator[str]:
    for archive in results.glob("decoded/*/*.tar"):
        with tarfile.open(archive) as opened:
            yield from (name for name in opened.getnames() if not name.endswith(".json"))


def looked_at(results: Path) -> Iterator[dict[str, Any]]:
    """Images of the detector's own results, with the names of their categories."""
    for file in results.glob("detections/server_name=*/*.json"):
        content = json.loads(file.read_text())
        for image in content["images"]:
            found = [(content["detection_categories"][one["category"]], one["conf"]) for one in image["detections"]]
            yield {**image, "found": found}


def best_of(image: dict[str, Any]) -> str:
    sure = sorted((-confidence, category) for category, confidence in image["found"] if confidence >= SURE)
    return sure[0][1] if sure else "nothing detected"


def assert_servers(project: Project, tables: Mapping[str, pd.DataFrame], rate_limit: float) -> None:
    """Against what the servers themselves have noted."""
    servers = tables["servers"].set_index("server")
    polite = tables["politeness"].set_index("server")
    noted = [json.loads(line) for log in project.logs.glob("*.jsonl") for line in log.read_text().splitlines()]
    requests = Counter(line["server"] for line in noted)
    assert servers["requests"].to_dict() == polite["requests"].to_dict() == dict(requests)
    sent = rows_of(project.results.glob("logs/requests/*/*.parquet"), ["server", "time", "bytes", "rate_limit"])
    for server, count in requests.items():
        of_server = [row for row in sent if row["server"] == server]
        times = sorted(row["time"].timestamp() for row in of_server)
        assert len(times) == count
        most = max(sum(start <= time < start + 1 for time in times) for start in times)
        assert polite.loc[server, "most_in_1_second"] == most
        assert servers.loc[server, "bytes"] == sum(row["bytes"] for row in of_server)
    assert set(polite["rate_limit"]) == {rate_limit}
    assert set(polite["held"]) == {1}
    together = tables["rates"][tables["rates"]["server"] == ""]
    assert math.isclose((together["requests_per_second"] * together["seconds"]).sum(), len(sent))
    for name in ("images", "errors"):
        file = {"images": "successes", "errors": "errors"}[name]
        assert servers[name].sum() == len(rows_of(project.results.glob(f"images/*/*/{file}.parquet"), ["uuid"]))
    codes = Counter(
        row["error_code"] for row in rows_of(project.results.glob("images/*/*/errors.parquet"), ["error_code"])
    )
    assert tables["errors"].groupby("code")["images"].sum().to_dict() == codes


def assert_images(project: Project, tables: Mapping[str, pd.DataFrame], images: list[dict[str, Any]]) -> None:
    given = {name: sum(row[name] != "Not provided" for row in images) for name in ("license", "source", "title")}
    told = dict(zip(tables["attribution"]["field"], tables["attribution"]["images"], strict=True))
    batches = rows_of(project.results.glob("urls/*/*/urls.parquet"), ["uuid", "creator", "rightsHolder"])
    shown = {row["uuid"] for row in images}
    made = [row for row in batches if row["uuid"] in shown and (row["creator"] or row["rightsHolder"])]
    assert told == {**given, "creator": len(made), "url": len(images)}
    assert tables["licenses"]["images"].sum() == len(images)
    assert set(tables["licenses"]["license"]) == {"CC BY 4.0", "CC0 1.0", ""}
    widths = [
        row["resized_size"][1]
        for row in rows_of(project.results.glob("images/*/*/successes.parquet"), ["resized_size"])
    ]
    bins = tables["sizes"][(tables["sizes"]["image"] == "stored") & (tables["sizes"]["quantity"] == "width")]
    for row in bins.itertuples():
        assert row.images == sum(row.bin_low <= width < row.bin_high for width in widths)
    assert bins["images"].sum() == len(widths)
    shown = tables["gallery"]
    assert 0 < len(shown) <= 24
    assert set(shown["uuid"]) <= {row["uuid"] for row in images}


def assert_detections(project: Project, tables: Mapping[str, pd.DataFrame]) -> None:
    boxes = defaultdict[tuple[str, int], int](int)
    for image in looked_at(project.results):
        for category, confidence in image["found"]:
            boxes[category, min(19, math.floor(round(confidence * 20, 9)))] += 1
    told = tables["detections"]
    assert {(row.category, round(row.confidence_low * 20)): row.boxes for row in told.itertuples()} == boxes
    assert told["images"].sum() == sum(
        len({category for category, _ in image["found"]}) for image in looked_at(project.results)
    )


def assert_rules(project: Project, told: pd.DataFrame) -> None:
    rules = told[told["source"] != "slurm"].set_index("rule")
    shards = len(list(project.results.glob("decoded/*/*.tar")))
    for rule in ("download_shard", "decode_shard", "detect_shard"):
        assert rules.loc[rule, "jobs"] == shards
        assert rules.loc[rule, "cpu_seconds"] > 0
        assert 30 < rules.loc[rule, "memory_mib"] < rules.loc[rule, "asked_memory_mib"]
        assert rules.loc[rule, "asked_minutes"] > 10
        assert rules.loc[rule, "source"] == "log"
    benchmark = json.loads((project.results / "logs/benchmarks/partition_urls.jsonl").read_text())
    seen = 0.0 if benchmark["max_rss"] == "NA" else benchmark["max_rss"]
    [(seconds, noted)] = COSTS.findall((project.results / "logs/initialization.log").read_text())
    expected = ("log", float(seconds), int(noted)) if int(noted) > seen else ("benchmark", benchmark["s"], seen)
    assert tuple(rules.loc["partition_urls", ["source", "seconds", "memory_mib"]]) == expected
    assert rules.loc["partition_urls", "asked_memory_mib"] == 4096
    assert rules.loc["partition_urls", "asked_threads"] == min(4, os.cpu_count() or 1)
