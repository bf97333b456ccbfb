"""The downloader's own tables: profiles, schedule, verification, checkpoint."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from treeline.config_download import DownloaderParameters
from treeline.download.lanes import Lanes, plan_lanes
from treeline.download.profile import ProfileFiles, profile_servers
from treeline.download.revision import Revision
from treeline.download.schedule import read_schedule, schedule_downloads
from treeline.download.spool import write_statistics
from treeline.download.tables import digest_of_retries, rate_limit_of, read_profiles
from treeline.download.verify import verify_downloads
from treeline.errors import InputError
from treeline.io.manifest import Shard, read_ignored, read_manifest
from treeline.io.parquet import write_table
from treeline.schemas import ERRORS, MANIFEST, SUCCESSES

BATCHES = {"a.example": 4, "b.example:8080": 1}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = [
        {"server_name": server, "partition_id": number, "rows": 10, "sha256": "f" * 64}
        for server, batches in BATCHES.items()
        for number in range(batches)
    ]
    write_table(tmp_path / "manifest.parquet", pa.Table.from_pylist(rows, schema=MANIFEST))
    return tmp_path / "manifest.parquet"


def profile(manifest: Path) -> Path:
    folder = manifest.parent
    files = ProfileFiles(
        manifest=manifest,
        urls=folder,
        ignored=folder / "ignored.csv",
        profiles=folder / "profiles.csv",
        schedules=folder / "schedules",
        checkpoint=folder / "checkpoint.yaml",
    )
    parameters = DownloaderParameters(user_agent="Owl/1 (owl@example.org)", default_rate_limit=5.0)
    profile_servers(files, parameters, samples=1, from_rows=1000)
    return folder / "profiles.csv"


def plan(manifest: Path) -> Lanes:
    return plan_lanes([shard.id for shard in read_manifest(manifest)], (), {1: 1, 4: 2}, 64)


def schedule(manifest: Path) -> Path:
    folder = manifest.parent
    schedule_downloads(
        plan(manifest), profile(manifest), folder / "schedules", folder / "logs", folder / "checkpoint.yaml"
    )
    return folder / "schedules"


def test_the_manifest_gives_safe_server_names(manifest: Path) -> None:
    assert read_manifest(manifest)[-1] == Shard("b.example%3A8080", 0, 10, "f" * 64)


def test_profiles_have_the_columns_of_the_old_downloader_first(manifest: Path) -> None:
    header = profile(manifest).read_text().splitlines()[0]
    assert header.startswith("server_name,total_batches,success_count,error_count,rate_limit")
    assert [(row["server_name"], row["total_batches"], row["rate_limit"]) for row in rows_of(profile(manifest))] == [
        ("a.example", "4", "5.0"),
        ("b.example:8080", "1", "5.0"),
    ]


def test_a_rate_that_the_user_edited_stays(manifest: Path) -> None:
    profiles = profile(manifest)
    profiles.write_text(profiles.read_text().replace("a.example,4,0,0,5.0", "a.example,4,0,0,0.5"))
    assert read_profiles(profile(manifest))["a.example"]["rate_limit"] == "0.5"
    assert rate_limit_of(profiles, "a.example", 9.0) == 0.5
    assert rate_limit_of(profiles, "new.example", 9.0) == 9.0
    assert rate_limit_of(None, "a.example", 9.0) == 9.0


@pytest.mark.parametrize("rate", ["0", "-1", "fast", ""])
def test_an_impossible_rate_is_refused_by_row(manifest: Path, rate: str) -> None:
    profiles = profile(manifest)
    profiles.write_text(f"server_name,rate_limit\nx.example,1\na.example,{rate}\n")
    with pytest.raises(InputError, match=r"profiles.csv, row 2, field 'rate_limit'"):
        read_profiles(profiles)


def test_a_profiles_table_without_rates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "profiles.csv").write_text("server_name\na.example\n")
    with pytest.raises(InputError, match="rate_limit"):
        read_profiles(tmp_path / "profiles.csv")


def test_the_schedule_says_which_lane_downloads_what(manifest: Path) -> None:
    current = schedule(manifest) / "current/0000"
    assert (current / "_config.csv").read_text() == (
        "index,server_name,total_batches,process_per_node,nodes\n0,a.example,4,1,2\n1,b.example:8080,1,1,1\n"
    )
    assert (current / "0000.csv").read_text() == (
        "rank,server_name,partition_id_from,partition_id_to,main_rank,rate_limit\n"
        "0,a.example,0,2,0,2.5\n1,a.example,2,4,1,2.5\n2,b.example:8080,0,1,2,5\n"
    )
    assert yaml.safe_load((manifest.parent / "checkpoint.yaml").read_text()) == {
        "batched": True,
        "profiled": True,
        "schedule_creation_scheduled": True,
        "completed": False,
    }


def test_the_schedule_is_read_back_as_it_was_planned(manifest: Path) -> None:
    assert read_schedule(schedule(manifest) / "current/0000/0000.csv") == plan(manifest)


def test_a_schedule_that_was_damaged_is_refused_by_row(tmp_path: Path) -> None:
    (tmp_path / "0000.csv").write_text("rank,server_name,partition_id_from,partition_id_to\n0,a,0,1\n1,b,0,many\n")
    with pytest.raises(InputError, match=r"0000.csv, row 2"):
        read_schedule(tmp_path / "0000.csv")


def test_an_older_schedule_and_its_logs_get_the_next_number(manifest: Path) -> None:
    schedules = schedule(manifest)
    (manifest.parent / "logs/current").mkdir(parents=True)
    (manifest.parent / "logs/current/a.log").write_text("old")
    schedule(manifest)
    assert not (schedules / "0001").exists()
    profiles = manifest.parent / "profiles.csv"
    for number, rate in ((1, "3.0"), (2, "2.0")):
        profiles.write_text(f"server_name,rate_limit\na.example,{rate}\n")
        schedule(manifest)
        assert (schedules / f"{number:04d}/0000/_config.csv").exists()
    assert (manifest.parent / "logs/0001/a.log").read_text() == "old"
    assert "1" in (schedules / "current/0000/0000.csv").read_text()


def test_a_server_without_a_row_in_the_profiles_is_named(manifest: Path) -> None:
    profiles = profile(manifest)
    profiles.write_text("server_name,rate_limit\na.example,1\n")
    folder = manifest.parent
    with pytest.raises(InputError, match="has no row for the server b.example:8080"):
        schedule_downloads(plan(manifest), profiles, folder / "schedules", folder / "logs", folder / "checkpoint.yaml")


def test_schedules_that_were_deleted_do_not_reuse_the_numbers_of_logs(manifest: Path) -> None:
    schedules = schedule(manifest)
    for number in range(3):
        (manifest.parent / "logs/current").mkdir(parents=True)
        (manifest.parent / "logs/current/a.log").write_text(str(number))
        if number == 1:
            shutil.rmtree(schedules)
        profiles = manifest.parent / "profiles.csv"
        profiles.write_text(f"server_name,rate_limit\na.example,{number + 1}.5\nb.example:8080,1\n")
        schedule_downloads(plan(manifest), profiles, schedules, manifest.parent / "logs", manifest.parent / "c.yaml")
        if number == 1:
            (manifest.parent / "logs/current").rename(manifest.parent / "logs/old")
    assert {folder.name for folder in (manifest.parent / "logs").iterdir()} == {"0001", "0002", "old"}


def test_results_are_filled_in_after_the_download(manifest: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, current = manifest.parent, schedule(manifest) / "current/0000"
    shards = read_manifest(manifest)
    for shard in shards[:-1]:
        place = f"server_name={shard.server}/partition_id={shard.partition}"
        write_table(folder / "images" / place / "successes.parquet", SUCCESSES.empty_table())
        write_table(
            folder / "images" / place / "errors.parquet",
            pa.Table.from_pylist([{"uuid": "u", "error_code": code} for code in (404, 503, 404)], schema=ERRORS),
            Revision(1, frozenset([503])).facts() if shard.partition == 0 else {},
        )
        (folder / "images" / place / "completed").touch()
        statistics = {"share_of_rate_limit": 0.5, "job_id": f"job-{shard.partition % 2}"}
        (folder / "images/.spool" / place).mkdir(parents=True)
        write_statistics(folder / "images/.spool" / place, statistics)
    failed = verify_downloads(shards, folder / "images", current, folder / "profiles.csv", folder / "checkpoint.yaml")
    assert failed == [shards[-1]]
    assert "a.example: not one image; all 12 URLs failed" in caplog.text
    first, last = rows_of(folder / "profiles.csv")
    assert (first["success_count"], first["error_count"], first["rate_limit"], first["learned_rate"]) == (
        ("0", "12", "5.0", "2.5")
    )
    assert (last["success_count"], last["error_count"], last["learned_rate"]) == ("0", "0", "")
    verification = rows_of(current / "_verification.csv")
    assert [row["status"] for row in verification] == ["Completed"] * 4 + ["Failed"]
    assert (current / "_errors.csv").read_text().splitlines()[:4] == [
        "server_name,partition_id,error_code,count,retried",
        "a.example,0,404,2,False",
        "a.example,0,503,1,True",
        "a.example,1,404,2,False",
    ]
    assert (current / "_jobs_ids.csv").read_text() == "job_id,is_verification\njob-0,False\njob-1,False\n"
    assert not yaml.safe_load((folder / "checkpoint.yaml").read_text())["completed"]


def test_only_wanted_errors_that_were_not_tried_again_have_a_digest(tmp_path: Path) -> None:
    errors = tmp_path / "_errors.csv"
    assert digest_of_retries(errors, [503]) is None
    errors.write_text(
        "server_name,partition_id,error_code,count,retried\na,0,503,1,True\na,1,503,2,False\na,1,-1,9,False\n"
    )
    assert digest_of_retries(errors, []) is None
    assert digest_of_retries(errors, [404]) is None
    digests = [digest_of_retries(errors, codes) for codes in ([503], [503, 404], [503, -1])]
    assert digests[0] == digests[1] != digests[2]
    os.utime(errors, ns=(1, 1))
    assert digest_of_retries(errors, [503]) not in (None, *digests)


def test_ignored_servers_are_read_as_users_write_them(tmp_path: Path) -> None:
    ignored = tmp_path / "ignored.csv"
    assert read_ignored(ignored) == frozenset()
    ignored.write_text("\ufeffserver_name,why\nB.Example:8080,slow\n c.example ,\n")
    assert read_ignored(ignored) == {"b.example%3A8080", "c.example"}
    ignored.write_text("why,server_name\nslow,b.example\nslow\n")
    with pytest.raises(InputError, match="row 2"):
        read_ignored(ignored)
    ignored.write_text("server\nb.example\n")
    with pytest.raises(InputError, match="server_name"):
        read_ignored(ignored)
