"""A fleet, started as the rule starts it: the same bytes as shard by shard, whatever becomes of its ranks."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tests.pipeline import example_project, executed, tree
from tests.schedules import ENVIRONMENT, RATE_LIMIT, TREELINE, Schedule, ranks_under, schedule
from treeline.io.manifest import ShardId
from treeline.paths import shard_folder

SMALL = ((20, 20, 20), (20, 20, 20))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schedule]:
    """A schedule that was downloaded shard by shard."""
    with schedule(tmp_path_factory.mktemp("fleet"), rows=SMALL) as by_shards:
        by_shards.shard_by_shard()
        yield by_shards


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_bytes_are_those_of_shard_by_shard(tmp_path: Path, finished: Schedule, ranks: int) -> None:
    fleet = replace(finished, images=tmp_path / "images")
    done = fleet.run(ranks)
    assert done.returncode == 0, done.stderr
    assert fleet.tables() == finished.tables()
    assert not list(fleet.images.glob("server_name=*"))
    handed_out = [shards_of_rank(done.stderr, rank) for rank in range(ranks)]
    assert all(handed_out)
    assert sorted(shard for shards in handed_out for shard in shards) == finished.lanes.shards


def test_what_is_there_is_not_asked_for_again(tmp_path: Path, finished: Schedule) -> None:
    asked = finished.requests()
    spool_only, linked_only = (replace(finished, images=tmp_path / name) for name in ("spool", "linked"))
    shutil.copytree(finished.images / ".spool", spool_only.images / ".spool")
    shutil.copytree(finished.images, linked_only.images, ignore=shutil.ignore_patterns(".spool"))
    for fleet in (spool_only, linked_only):
        done = fleet.run(1)
        assert done.returncode == 0, done.stderr
        assert "6 of 6 shards downloaded" in done.stderr
    assert finished.requests() == asked
    shutil.rmtree(linked_only.images)
    spool_only.shard_by_shard()
    assert finished.requests() == asked


def test_a_fleet_of_one_does_without_mpi(finished: Schedule) -> None:
    without = "import sys; sys.modules['mpi4py'] = None; from treeline.cli import main; main()"
    options = finished.command(1)[len(TREELINE) - 1 :]
    done = subprocess.run([sys.executable, "-c", without, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_dead_ranks_shards_are_finished_by_the_others(tmp_path: Path) -> None:
    with schedule(tmp_path) as fleet, fleet.running(2) as job:
        fleet.wait_for_requests(40, job)
        ranks_under(job.pid)[1].kill()
        _, messages = job.communicate()
        assert job.returncode != 0  # mpiexec's, for the dead rank
        assert "rank 1 is silent and taken for dead" in messages, messages
        assert "6 of 6 shards downloaded" in messages
        assert fleet.all_rows() == fleet.rows_of_batches()
        asked = fleet.requests()
        assert fleet.run(2).returncode == 0
        assert fleet.requests() == asked


def test_a_killed_fleet_goes_on(tmp_path: Path) -> None:
    with schedule(tmp_path) as fleet:
        with fleet.running(2) as job:
            fleet.wait_for_requests(120, job)
            ranks = ranks_under(job.pid)
            job.kill()
            psutil.wait_procs(ranks)
        done = fleet.run(2)
        assert done.returncode == 0, done.stderr
        assert fleet.all_rows() == fleet.rows_of_batches()


@pytest.mark.parametrize("to", ["mpiexec", "rank"])
def test_a_signal_ends_all_ranks_in_good_order(tmp_path: Path, to: str) -> None:
    with schedule(tmp_path) as fleet:
        with fleet.running(2) as job:
            fleet.wait_for_requests(60, job)
            (job if to == "mpiexec" else ranks_under(job.pid)[1]).terminate()
            _, messages = job.communicate()
        assert job.returncode == 2
        assert "Stopped by SIGTERM with " in messages
        assert "Traceback" not in messages
        asked, kept = fleet.requests(), kept_rows(fleet)
        assert kept >= asked - 2 * 2 * 16
        assert fleet.run(2).returncode == 0
        assert fleet.all_rows() == fleet.rows_of_batches()
        assert fleet.requests() - asked == 6 * 60 - kept


def test_a_lane_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=SMALL) as fleet:
        broken, *others = fleet.lanes.shards
        (tmp_path / "urls" / shard_folder(*broken) / "urls.parquet").write_bytes(b"PAR0")
        done = fleet.run(1)
        assert done.returncode == 0
        assert f"{shard_folder(*broken)} failed, and its lane ends there" in done.stderr
        assert "not a readable Parquet file" in done.stderr
        behind = [shard for shard, before in fleet.lanes.previous.items() if before == broken]
        assert f"{len(others) - len(behind)} of 6 shards downloaded" in done.stderr


def test_each_shard_has_its_own_log_and_requests(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=SMALL) as fleet:
        done = fleet.run(1)
        assert "of them in the spool" not in done.stderr
        for shard in fleet.lanes.shards:
            messages = (tmp_path / "logs/current" / f"{shard_folder(*shard)}.log").read_text()
            assert messages.count("20 rows, 0 of them in the spool") == 1
            missing = f"/{shard.partition}-19.jpg: HTTP 404"
            assert missing in messages
            assert messages.count("-19.jpg") == 1
            requests = pq.read_table(tmp_path / "logs/requests" / f"{shard_folder(*shard)}.parquet")
            assert requests["purpose"].to_pylist().count("image") == 20


def test_a_server_that_asks_for_a_long_wait_ends_its_lanes_alone(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=SMALL) as fleet:
        for partition in range(len(SMALL[0])):
            fleet.servers[0].add(f"/{partition}-0.jpg", status=429, headers={"Retry-After": "3600"})
        done = fleet.run(2)
        assert done.returncode == 0
        assert "asks to be left alone for 3600 s" in done.stderr
        assert "3 of 6 shards downloaded" in done.stderr


def test_a_full_disk_ends_the_fleet(tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: the system refuses to write on, with an error of its own."""
    with schedule(tmp_path, rows=SMALL) as fleet:
        limit = ["bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "limited"]
        limited = subprocess.run([*limit, *fleet.command(1)], capture_output=True, text=True)
        assert limited.returncode == 2
        assert "Stopped by a full disk" in limited.stderr
        assert fleet.run(1).returncode == 0
        assert fleet.all_rows() == fleet.rows_of_batches()


def test_a_shard_that_another_job_downloads_is_waited_for(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=SMALL) as fleet:
        busy = fleet.lanes.shards[0]
        folder = fleet.images / ".spool" / shard_folder(*busy)
        folder.mkdir(parents=True)
        with (folder / "lock").open("w") as lock, fleet.running(1) as job:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lines = iter(job.stderr or ())
            assert any(f"{shard_folder(*busy)}: busy" in line for line in lines)
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert any("6 of 6 shards downloaded" in line for line in lines)


def test_another_number_of_ranks_than_told_is_refused(finished: Schedule) -> None:
    command = finished.command(3, processes=2)
    refused = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "--ranks is 3, but MPI has started 2" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_server_is_asked_faster_than_its_limit(tmp_path: Path) -> None:
    with schedule(tmp_path) as fleet:
        assert fleet.run(2).returncode == 0
        for server in fleet.servers:
            assert server.most_at_once <= 16
            times = [request.time for request in server.requests()]
            assert max(sum(start <= moment < start + 2 for moment in times) for start in times) <= 2 * RATE_LIMIT


@pytest.mark.timeout(600)
def test_the_workflow_makes_the_same_images_in_either_mode(tmp_path: Path, example_images: Path) -> None:
    fast = {"default_rate_limit": 1000.0}
    with example_project(tmp_path, example_images) as project:
        project.halve()
        project.configure(downloader_parameters=fast)
        project.snakemake("download")
        by_shards = tree(project.results / "images")
        shards = sum(name.endswith("/completed") for name in by_shards)
        project.configure(downloader_parameters=fast, download={"mode": "fleet"}, path_to_output="by-fleet")
        started = Counter(executed(project.snakemake("download")))
        assert (started["download_fleet"], started["download_shard"]) == (1, shards)
        messages = (tmp_path / "by-fleet/logs/current/fleet.log").read_text()
        assert f"{shards} of {shards} shards downloaded" in messages
        assert tree(tmp_path / "by-fleet/images") == by_shards
        assert "Nothing to be done" in project.snakemake("download")

        add_row(tmp_path / "multimedia.csv")
        started = Counter(executed(project.snakemake("download")))
        assert (started["download_fleet"], started["download_shard"]) == (1, 1)
        assert len(tree(tmp_path / "by-fleet/images")) == len(by_shards) + 3


def add_row(table: Path) -> None:
    """Add one more URL of the first row's server."""
    lines = table.read_text().splitlines()
    table.write_text(
        "\n".join([*lines, re.sub(r"(http://[^/]+/)\S+?,", r"\1images/0001.jpeg?again,", lines[1], count=1)])
    )


def kept_rows(fleet: Schedule) -> int:
    """Number of rows that are finished, in shards that are or are not."""
    return fleet.all_rows().total() + sum(len(list(fleet.rows_in_segments(shard))) for shard in fleet.lanes.shards)


def shards_of_rank(messages: str, rank: int) -> list[ShardId]:
    """The shards that the fleet's log says a rank was given, in order."""
    lines = [line.partition(f": rank {rank} downloads ")[2] for line in messages.splitlines()]
    names = [line.removeprefix("server_name=").split("/partition_id=") for line in lines if line]
    return [ShardId(server, int(partition)) for server, partition in names]
