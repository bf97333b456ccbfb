"""A fleet, started as the rule starts it: the same bytes as shard by shard, whatever becomes of its ranks."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from tests.batches import encoded, list_batches, photo, write_batch
from tests.pipeline import example_project, executed, tree
from tests.servers import ImageServer
from treeline.download.lanes import Lanes, plan_lanes
from treeline.download.schedule import schedule_downloads
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name
from treeline.paths import shard_folder

IMAGE = encoded(photo(160, 120))
RATE_LIMIT = 40.0
BATCHES = 3
LIMITS = {"allow_private_addresses": True, "default_rate_limit": 1e4, "image_size": 64, "backoff": 0.01, "timeout": 5}
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
TREELINE = (sys.executable, "-m", "treeline", "download")


@dataclass(frozen=True)
class Schedule:
    """A schedule over some servers.

    Args:
        folder: Holds its batches and tables.
        servers: Answer.
        lanes: The shards.
        images: What is downloaded.
    """

    folder: Path
    servers: list[ImageServer]
    lanes: Lanes
    images: Path

    def command(self, ranks: int, *options: str, processes: int | None = None, **changes: object) -> list[str]:
        processes = ranks if processes is None else processes
        return [
            *(("mpiexec", "-disable-auto-cleanup", "-n", str(processes)) if processes > 1 else ()),
            *(*TREELINE, "fleet", "--ranks", str(ranks), "--shards-per-rank", "2"),
            *("--manifest", str(self.folder / "urls/manifest.parquet")),
            *("--schedule", str(self.folder / "schedules/current/0000/0000.csv")),
            *("--urls", str(self.folder / "urls")),
            *("--images", str(self.images)),
            *("--logs", str(self.folder / "logs")),
            *("--profiles", str(self.folder / "profiles.csv")),
            *("--parameters", json.dumps({**LIMITS, **changes})),
            *options,
        ]

    def run(self, ranks: int, *options: str, **changes: object) -> subprocess.CompletedProcess[str]:
        command = self.command(ranks, *options, **changes)
        return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)

    @contextmanager
    def running(self, ranks: int, *options: str, **changes: object) -> Iterator[subprocess.Popen[str]]:
        """Have it run; what is left of it ends with the block."""
        command = self.command(ranks, *options, **changes)
        with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as job:
            processes = [psutil.Process(job.pid)]
            try:
                yield job
            finally:
                processes += processes_under(job.pid)
                for process in processes:
                    if process.is_running():
                        process.kill()

    def requests(self) -> int:
        """Number of images that were asked for."""
        return sum(request.path.endswith(".jpg") for server in self.servers for request in server.requests())

    def wait_for_requests(self, count: int, job: subprocess.Popen[str]) -> None:
        while self.requests() < count and job.poll() is None:
            time.sleep(0.005)
        assert job.poll() is None

    def shard_by_shard(self) -> None:
        """What the shards' own jobs do, after a fleet or without one."""
        for shard in self.lanes.shards:
            relative = shard_folder(*shard)
            options = {
                "--batch": self.folder / "urls" / relative / "urls.parquet",
                "--output": self.images / relative,
                "--spool": self.images / ".spool" / relative,
            }
            command = [*TREELINE, "shard", *(str(word) for option in options.items() for word in option)]
            subprocess.run([*command, "--parameters", json.dumps(LIMITS)], check=True, capture_output=True)

    def rows_of_batches(self) -> Counter[str]:
        """Each row of each batch once."""
        batches = (self.folder / "urls").glob("*/*/urls.parquet")
        return Counter(
            f"{batch.parent.relative_to(self.folder / 'urls')}/{uuid}"
            for batch in batches
            for uuid in pq.read_table(batch, columns=["uuid"])["uuid"].to_pylist()
        )

    def tables(self) -> dict[str, bytes]:
        """The finished tables in the spool, by shard and name."""
        spool = self.images / ".spool"
        files = (file for name in ("successes", "errors") for file in sorted(spool.glob(f"*/*/*/{name}.parquet")))
        return {f"{file.parent.parent.relative_to(spool)}/{file.name}": file.read_bytes() for file in files}


@contextmanager
def schedule(folder: Path, rows: int = 60) -> Iterator[Schedule]:
    """Two servers with three batches each in two lanes; the last image of each batch is missing."""
    with ExitStack() as stack:
        running = [stack.enter_context(ImageServer()) for _ in range(2)]
        shards = []
        for server in running:
            name = encode_server_name(server.address)
            for partition in range(BATCHES):
                paths = [f"/{partition}-{row}.jpg" for row in range(rows - 1)]
                urls = [server.add(path, body=IMAGE) for path in paths]
                shards.append(ShardId(name, partition))
                batch = folder / "urls" / shard_folder(name, partition) / "urls.parquet"
                write_batch(batch, [*urls, server.url(f"/{partition}-missing.jpg")])
        lanes = plan_lanes(shards, (), {1: 1, 2: 2}, max_lanes=64)
        list_batches(folder / "urls")
        profiles = "".join(f"{server.address},{RATE_LIMIT:g}\n" for server in running)
        (folder / "profiles.csv").write_text(f"server_name,rate_limit\n{profiles}")
        schedule_downloads(
            lanes, folder / "profiles.csv", folder / "schedules", folder / "logs", folder / "checkpoint.yaml"
        )
        yield Schedule(folder, running, lanes, folder / "images")


def processes_under(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ranks_under(pid: int) -> list[psutil.Process]:
    """The ranks of an MPI job, in order: each the child of a process that mpiexec's proxy has started."""
    [proxy] = psutil.Process(pid).children()
    parents = sorted(proxy.children(), key=lambda process: int(process.environ()["PMI_RANK"]))
    return [parent.children()[0] for parent in parents]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schedule]:
    """A schedule that was downloaded shard by shard."""
    with schedule(tmp_path_factory.mktemp("fleet"), rows=20) as by_shards:
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
        assert all_rows(fleet) == fleet.rows_of_batches()
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
        assert all_rows(fleet) == fleet.rows_of_batches()


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
        asked, kept = fleet.requests(), sum(1 for _ in rows_in_segments(fleet.images))
        assert kept >= asked - 2 * 2 * 16
        assert fleet.run(2).returncode == 0
        assert all_rows(fleet) == fleet.rows_of_batches()
        assert fleet.requests() - asked == 6 * 60 - kept


def test_a_lane_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=20) as fleet:
        broken, *others = fleet.lanes.shards
        (tmp_path / "urls" / shard_folder(*broken) / "urls.parquet").write_bytes(b"PAR0")
        done = fleet.run(1)
        assert done.returncode == 0
        assert f"{shard_folder(*broken)} failed, and its lane ends there" in done.stderr
        assert "not a readable Parquet file" in done.stderr
        behind = [shard for shard, before in fleet.lanes.previous.items() if before == broken]
        assert f"{len(others) - len(behind)} of 6 shards downloaded" in done.stderr


def test_each_shard_has_its_own_log_and_requests(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=20) as fleet:
        done = fleet.run(1)
        assert "of them in the spool" not in done.stderr
        for shard in fleet.lanes.shards:
            messages = (tmp_path / "logs/current" / f"{shard_folder(*shard)}.log").read_text()
            assert messages.count("20 rows, 0 of them in the spool") == 1
            missing = f"/{shard.partition}-missing.jpg: HTTP 404"
            assert missing in messages
            assert messages.count("-missing.jpg") == 1
            requests = pq.read_table(tmp_path / "logs/requests" / f"{shard_folder(*shard)}.parquet")
            assert requests["purpose"].to_pylist().count("image") == 20


def test_a_server_that_asks_for_a_long_wait_ends_its_lanes_alone(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=20) as fleet:
        for partition in range(BATCHES):
            fleet.servers[0].add(f"/{partition}-0.jpg", status=429, headers={"Retry-After": "3600"})
        done = fleet.run(2)
        assert done.returncode == 0
        assert "asks to be left alone for 3600 s" in done.stderr
        assert "3 of 6 shards downloaded" in done.stderr


def test_a_full_disk_ends_the_fleet(tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: the system refuses to write on, with an error of its own."""
    with schedule(tmp_path, rows=20) as fleet:
        limit = ["bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "limited"]
        limited = subprocess.run([*limit, *fleet.command(1)], capture_output=True, text=True)
        assert limited.returncode == 2
        assert "Stopped by a full disk" in limited.stderr
        assert fleet.run(1).returncode == 0
        assert all_rows(fleet) == fleet.rows_of_batches()


def test_a_shard_that_another_job_downloads_is_waited_for(tmp_path: Path) -> None:
    with schedule(tmp_path, rows=20) as fleet:
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


def all_rows(fleet: Schedule) -> Counter[str]:
    """The uuids of all finished tables, with how many rows each has."""
    tables = fleet.images.glob(".spool/*/*/*/*s.parquet")
    return Counter(
        f"{table.parent.parent.relative_to(fleet.images / '.spool')}/{uuid}"
        for table in tables
        for uuid in pq.read_table(table, columns=["uuid"])["uuid"].to_pylist()
    )


def rows_in_segments(images: Path) -> Iterator[int]:
    """Rows that are finished in shards that are not, and in those that are."""
    for segment in images.glob(".spool/*/*/*/segment-*.arrow"):
        with ipc.open_file(segment) as reader:
            yield from reader.read_all()["row"].to_pylist()
    for table in images.glob(".spool/*/*/*/*s.parquet"):
        yield from range(pq.read_metadata(table).num_rows)


def shards_of_rank(messages: str, rank: int) -> list[ShardId]:
    """The shards that the fleet's log says a rank was given, in order."""
    lines = [line.partition(f": rank {rank} downloads ")[2] for line in messages.splitlines()]
    names = [line.removeprefix("server_name=").split("/partition_id=") for line in lines if line]
    return [ShardId(server, int(partition)) for server, partition in names]
