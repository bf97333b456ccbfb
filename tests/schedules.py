"""A schedule of downloads over some real servers, and the commands that work it off, shard by shard or as a fleet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from tests.batches import encoded, list_batches, photo, write_batch
from tests.servers import ImageServer, Reply
from treeline.download.lanes import Lanes, plan_lanes
from treeline.download.schedule import schedule_downloads
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name
from treeline.paths import shard_folder

IMAGE = Reply(encoded(photo(160, 120)))
RATE_LIMIT = 40.0
MISSING_EVERY = 20
LIMITS = {"allow_private_addresses": True, "default_rate_limit": 1e4, "image_size": 64, "backoff": 0.01, "timeout": 5}
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
TREELINE = (sys.executable, "-m", "treeline", "download")
ONE_AFTER_ANOTHER = """
import json, sys
from treeline.download.cli import app
for command in json.load(sys.stdin):
    app(command, standalone_mode=False)
"""


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

    def rows_of(self, shard: ShardId) -> int:
        """Number of rows of a batch."""
        return int(pq.read_metadata(self.folder / "urls" / shard_folder(*shard) / "urls.parquet").num_rows)

    @property
    def spool(self) -> Path:
        """Where the shards' spools lie."""
        return self.images / ".spool"

    def command(self, ranks: int, *options: str, processes: int | None = None, **changes: object) -> list[str]:
        """What downloads it as a fleet."""
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

    def shard_command(self, shard: ShardId, *options: str, **changes: object) -> list[str]:
        """What downloads one of its shards."""
        relative = shard_folder(*shard)
        return [
            *(*TREELINE, "shard"),
            *("--batch", str(self.folder / "urls" / relative / "urls.parquet")),
            *("--output", str(self.images / relative)),
            *("--spool", str(self.spool / relative)),
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
        """What the shards' own jobs do, after a fleet or without one; in one process, as each start costs a second."""
        commands = json.dumps([self.shard_command(shard)[len(TREELINE) :] for shard in self.lanes.shards])
        command = [sys.executable, "-c", ONE_AFTER_ANOTHER]
        subprocess.run(command, env=ENVIRONMENT, input=commands, text=True, check=True, capture_output=True)

    def rows_of_batches(self) -> Counter[str]:
        """Each row of each batch once."""
        batches = (self.folder / "urls").glob("*/*/urls.parquet")
        return Counter(
            f"{batch.parent.relative_to(self.folder / 'urls')}/{uuid}"
            for batch in batches
            for uuid in pq.read_table(batch, columns=["uuid"])["uuid"].to_pylist()
        )

    def all_rows(self) -> Counter[str]:
        """The uuids of all finished tables, with how many rows each has."""
        return Counter(
            f"{table.parent.parent.relative_to(self.spool)}/{uuid}"
            for table in self.spool.glob("*/*/*/*s.parquet")
            for uuid in pq.read_table(table, columns=["uuid"])["uuid"].to_pylist()
        )

    def rows_in_segments(self, shard: ShardId) -> Iterator[int]:
        """Rows that the segments of a shard hold."""
        for segment in (self.spool / shard_folder(*shard)).glob("*/segment-*.arrow"):
            with ipc.open_file(segment) as reader:
                yield from reader.read_all()["row"].to_pylist()

    def tables(self) -> dict[str, bytes]:
        """The finished tables in the spool, by shard and name."""
        files = (file for name in ("successes", "errors") for file in sorted(self.spool.glob(f"*/*/*/{name}.parquet")))
        return {f"{file.parent.parent.relative_to(self.spool)}/{file.name}": file.read_bytes() for file in files}


@contextmanager
def schedule(
    folder: Path,
    rows: Sequence[Sequence[int]] = ((60, 60, 60), (60, 60, 60)),
    *,
    images: Sequence[Reply] = (IMAGE,),
    rate_limit: float = RATE_LIMIT,
    two_lanes_from: int = 2,
) -> Iterator[Schedule]:
    """A schedule over servers of its own; the last of every twenty images of a batch is missing.

    Args:
        folder: For its batches and tables.
        rows: Of each batch of each server.
        images: What the servers answer, in turn.
        rate_limit: Of each server.
        two_lanes_from: A server with so many batches has two lanes.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(ImageServer(f"127.0.0.{number}")) for number in range(2, 2 + len(rows))]
        shards: list[ShardId] = []
        for server, batches in zip(running, rows, strict=True):
            for partition, length in enumerate(batches):
                shard = ShardId(encode_server_name(server.address), partition)
                shards.append(shard)
                for row in range(length):
                    if row % MISSING_EVERY != MISSING_EVERY - 1:
                        server.add(f"/{partition}-{row}.jpg", images[row % len(images)])
                urls = [server.url(f"/{partition}-{row}.jpg") for row in range(length)]
                write_batch(folder / "urls" / shard_folder(*shard) / "urls.parquet", urls)
        lanes = plan_lanes(sorted(shards), (), {1: 1, two_lanes_from: 2}, max_lanes=64)
        list_batches(folder / "urls")
        profiles = "".join(f"{server.address},{rate_limit:g}\n" for server in running)
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
