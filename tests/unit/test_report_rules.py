"""What rules took against what they were asked for: of logs, of Snakemake's benchmarks, and of Slurm's accounts."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.report_collections import Image, Made, Shard, write_collection
from treeline.cluster import cpu_seconds, mebibytes
from treeline.errors import InputError
from treeline.report.facts.rules import measure_rules

COSTS = "2026-11-26 17:56:06,811 INFO treeline.costs: took {} s, {} s of CPU time, at most {} MiB of memory\n"
SHARD_LOG = r"decode/server_name=(?P<server_name>[^/]+)/partition_id=(?P<partition_id>\d+)\.log$"
NOTED = [
    {"rule": "decode_shard", "log": SHARD_LOG, "benchmark": None, "memory_mib": 600, "minutes": 20, "threads": 1},
    {
        "rule": "scan_shards",
        "log": r"lookup/scan\.log$",
        "benchmark": r"benchmarks/lookup/scan\.jsonl$",
        **{"memory_mib": 4096, "minutes": None, "threads": 2},
    },
    {"rule": "note", "log": r"note\.log$", "benchmark": None, "memory_mib": None, "minutes": None, "threads": None},
]
BENCHMARK = {"s": 100.0, "cpu_time": 150.0, "max_rss": 1024.0, "h:m:s": "0:01:40"}
ACCOUNTS = """\
11|3600|01:00:00||4000Mn|60|4|{folder}|
11.batch|3600|00:30:00|2097152K|||||
11.0|3600|00:30:00|1048576K|||||
12|60|00:30.500||500M|UNLIMITED|1|{folder}|rule_decode_shard_wildcards_a.org_0
12.batch|60|00:30.500|100M|||||
13|60|1-00:00:00||500M|10|1|/elsewhere|rule_decode_shard_wildcards_b.org_0
14|5|00:01||1Gc|5|1|{folder}|rule_download-lane-0-0_download_shard
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A folder with logs, on a machine without Slurm."""
    made = write_collection(tmp_path / "run", [Shard(images=[Image("u")])])
    put(made.paths.logs / "rules.json", json.dumps(NOTED))
    for number, took in enumerate([(10, 8, 300), (30, 28, 500), (20, 21, 100)]):
        put(made.paths.logs / f"decode/server_name=a.org%3A80/partition_id={number}.log", COSTS.format(*took))
    put(made.paths.logs / "decode/server_name=a.org%3A80/partition_id=7.log", "killed\n")
    put(made.paths.logs / "lookup/scan.log", COSTS.format(90, 80, 200))
    put(made.paths.logs / "benchmarks/lookup/scan.jsonl", json.dumps(BENCHMARK) + "\n")
    put(made.paths.logs / "note.log", COSTS.format(1, 0, 10))
    put(made.paths.logs / "of_no_rule.log", COSTS.format(1, 1, 10))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return made


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def rows_of(made: Made) -> dict[tuple[str, str], dict[str, Any]]:
    with made.open() as collection:
        return {(row["rule"], row["source"]): row for row in measure_rules(collection)}


def test_each_rule_has_what_its_jobs_took_and_were_asked_for(made: Made) -> None:
    rows = rows_of(made)
    assert rows.keys() == {("decode_shard", "log"), ("scan_shards", "benchmark"), ("note", "log")}
    assert rows["decode_shard", "log"] == {
        "rule": "decode_shard",
        "source": "log",
        "jobs": 3,
        "seconds": 60,
        "seconds_median": 20,
        "seconds_max": 30,
        "cpu_seconds": 57,
        "memory_mib": 500,
        "asked_memory_mib": 600,
        "asked_minutes": 20,
        "asked_threads": 1,
        "memory_share": pytest.approx(500 / 600),
        "time_share": pytest.approx(30 / 60 / 20),
        "threads_share": pytest.approx(57 / 60),
    }
    scan, note = rows["scan_shards", "benchmark"], rows["note", "log"]
    assert [scan[name] for name in ("seconds", "cpu_seconds", "memory_mib", "asked_minutes")] == [100, 150, 1024, -1]
    assert [scan[name] for name in ("memory_share", "threads_share")] == [0.25, 0.75]
    assert [note[f"asked_{name}"] for name in ("memory_mib", "minutes", "threads")] == [-1] * 3
    assert all(math.isnan(row[name]) for row, name in ((scan, "time_share"), (note, "memory_share")))


@pytest.mark.parametrize("seen", [{"cpu_time": "NA", "max_rss": "NA"}, {"cpu_time": 0.0, "max_rss": 0.13}])
def test_of_a_job_too_short_for_snakemake_the_log_knows_more(made: Made, seen: dict[str, Any]) -> None:
    lines = [json.dumps(BENCHMARK), json.dumps({**BENCHMARK, **seen})]
    put(made.paths.logs / "benchmarks/lookup/scan.jsonl", "\n".join(lines) + "\n")
    row = rows_of(made)["scan_shards", "log"]
    assert [row[name] for name in ("seconds", "cpu_seconds", "memory_mib")] == [90, 80, 200]


def test_a_job_too_short_for_snakemake_that_has_no_log_has_its_time_alone(made: Made) -> None:
    benchmark = json.dumps({**BENCHMARK, "cpu_time": "NA", "max_rss": "NA"})
    put(made.paths.logs / "benchmarks/lookup/scan.jsonl", benchmark + "\n")
    (made.paths.logs / "lookup/scan.log").unlink()
    row = rows_of(made)["scan_shards", "benchmark"]
    assert row["seconds"] == 100
    assert all(math.isnan(row[name]) for name in ("cpu_seconds", "memory_mib", "memory_share", "threads_share"))


def test_slurms_accounts_stand_beside_what_was_measured_here(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / ".snakemake/slurm_logs/rule_scan_shards/11.log", "")
    asked = tmp_path / "asked"
    put(tmp_path / "accounts", ACCOUNTS.format(folder=tmp_path))
    put(
        tmp_path / "bin/sacct",
        f'#!/bin/sh\necho "$@" >{asked}\nwhile read -r line; do echo "$line"; done <{tmp_path}/accounts\n',
    )
    (tmp_path / "bin/sacct").chmod(0o755)
    oldest = made.paths.batch("a.org", 0)
    put(oldest, "")
    os.utime(oldest, (1_700_000_000, 1_700_000_000))
    rows = {rule: row for (rule, source), row in rows_of(made).items() if source == "slurm"}
    assert rows.keys() == {"scan_shards", "decode_shard", "download"}
    scan, decode = rows["scan_shards"], rows["decode_shard"]
    assert [scan[name] for name in ("jobs", "seconds", "cpu_seconds", "memory_mib")] == [1, 3600, 3600, 2048]
    assert [scan[f"asked_{name}"] for name in ("memory_mib", "minutes", "threads")] == [4000, 60, 4]
    assert (scan["time_share"], scan["threads_share"]) == (1, 0.25)
    assert [decode[name] for name in ("jobs", "cpu_seconds", "memory_mib")] == [1, 30.5, 100]
    assert decode["asked_minutes"] == -1
    assert re.search(r"--starttime=2023-11-1[34]T", asked.read_text())


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:01", 1), ("00:12.345", 12.345), ("01:02:03", 3723), ("2-01:00:00", 176_400)]
)
def test_times_of_slurms_accounts(text: str, seconds: float) -> None:
    assert cpu_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("1024K", 1), ("1.5G", 1536), ("500Mn", 500), ("2Tc", 2 * 1024**2), ("1048576", 1), ("", None)]
)
def test_sizes_of_slurms_accounts(text: str, size: float | None) -> None:
    assert mebibytes(text) == size


@pytest.mark.parametrize("file", ["rules.json", "benchmarks/lookup/scan.jsonl"])
@pytest.mark.parametrize("content", ["", "{", '[{"rule": 1}]', '{"s": "long"}'])
def test_a_damaged_file_is_named(made: Made, file: str, content: str) -> None:
    put(made.paths.logs / file, content)
    with pytest.raises(InputError, match=re.escape(file)):
        rows_of(made)


def test_before_snakemake_has_noted_its_rules_nothing_is_told(made: Made) -> None:
    (made.paths.logs / "rules.json").unlink()
    assert not rows_of(made)
