"""A collection at one moment: how far each stage is, what runs and how fast, when it will be done, what failed.

For people, `status_report` puts it into tables; for programs, `as_json` gives all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from treeline.cluster import ClusterJobs, cluster_jobs, last_lines
from treeline.download.underway import Underway, read_underway
from treeline.io.manifest import Shard, ShardId
from treeline.io.names import decode_server_name
from treeline.status import Output, StageStatus
from treeline.status_of_stages import collect_status

SHOWN_LOGS = 5
"""Of failed pieces, so many logs are quoted."""


class ServerOutlook(NamedTuple):
    """When a server's downloads will be done.

    Args:
        server_name: host[:port].
        shards_left: Shards that are not done, those under way included.
        rows_left: URLs that are not done.
        running: Shards under way.
        rows_per_second: All of these together; None where that is not known yet.
        rate_limit: Requests a second that all of these together may send at most now; None where that is not known yet.
        seconds_left: Until all its rows are done at this rate; None where nothing runs.
    """

    server_name: str
    shards_left: int
    rows_left: int
    running: int
    rows_per_second: float | None
    rate_limit: float | None
    seconds_left: float | None


class Downloads(NamedTuple):
    """All downloads together.

    Args:
        rows: URLs of all shards.
        rows_left: Those that are not done.
        rows_per_second: Of all shards under way; 0 where none is, or none knows yet. So are the next two.
        images_per_second: Of these rows, those with an image.
        bytes_per_second: Bytes received.
        seconds_left: Until all rows are done at this rate, and no server is done later by its own; None where that is
            not known.
    """

    rows: int
    rows_left: int
    rows_per_second: float
    images_per_second: float
    bytes_per_second: float
    seconds_left: float | None


class FailedPiece(NamedTuple):
    """A piece of a stage whose last job ended in an error, and how its log ends."""

    stage: str
    log: Path
    lines: list[str]


class Snapshot(NamedTuple):
    """A collection at one moment.

    Args:
        time: Seconds since 1970.
        stages: In the order of the flow.
        counts_rows: Whether the rows of the stages are counted.
        errors: Number of images of finished shards that could not be had, by server, code and message.
        underway: The shards that are being downloaded.
        downloads: All of them together; None before there are batches.
        servers: Those that are not done, the last to be done first.
        jobs: On the cluster; None where there is none.
        failed: Pieces whose last job ended in an error; at most five.
    """

    time: float
    stages: list[StageStatus]
    counts_rows: bool
    errors: dict[tuple[str, int, str], int]
    underway: list[Underway]
    downloads: Downloads | None
    servers: list[ServerOutlook]
    jobs: ClusterJobs | None
    failed: list[FailedPiece]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return all(stage.finished for stage in self.stages)

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "time": self.time,
            "done": self.is_done,
            "stages": [_stage_as_json(stage) for stage in self.stages],
            "errors": [
                {"server_name": server, "error_code": code, "images": count, "example": example}
                for (server, code, example), count in self.errors.items()
            ],
            "underway": [{"server_name": one.server_name, **one._asdict()} for one in self.underway],
            "downloads": None if self.downloads is None else self.downloads._asdict(),
            "servers": [server._asdict() for server in self.servers],
            "jobs": None
            if self.jobs is None
            else {kind: [_with_text(job._asdict()) for job in jobs] for kind, jobs in self.jobs._asdict().items()},
            "failed": [_with_text(piece._asdict()) for piece in self.failed],
        }


def take_snapshot(output: Output, errors: dict[tuple[str, int, str], int], clone: Path) -> Snapshot:
    """Look at a collection.

    Args:
        output: What there is of it.
        errors: The errors of its finished shards, by server, code and message.
        clone: Where Snakemake runs: on a cluster, its jobs are those of the collection.

    Raises:
        InputError: A table cannot be read.
    """
    now = time()
    stages = collect_status(output)
    underway = read_underway(output.paths.images / ".spool", now)
    servers = outlook(output, underway)
    return Snapshot(
        time=now,
        stages=stages,
        counts_rows=output.counts_rows,
        errors=errors,
        underway=underway,
        downloads=None if output.shards is None else sum_up(output.shards, servers, underway),
        servers=servers,
        jobs=cluster_jobs(clone),
        failed=list(_failed_pieces(stages)),
    )


def outlook(output: Output, underway: Iterable[Underway]) -> list[ServerOutlook]:
    """Tell when each server that is not done will be; the last first, those of which it is not known before them."""
    of_server: dict[str, list[Shard]] = defaultdict(list)
    for shard in output.shards or ():
        if not output.is_downloaded(shard):
            of_server[shard.server].append(shard)
    under_way = {ShardId(one.server, one.partition): one for one in underway}
    servers = [_outlook(server, shards, under_way) for server, shards in of_server.items()]
    return sorted(servers, key=lambda one: (-(one.seconds_left or float("inf")), -one.rows_left, one.server_name))


def sum_up(shards: Iterable[Shard], servers: Iterable[ServerOutlook], underway: Iterable[Underway]) -> Downloads:
    """Put the servers that are not done together with those that are."""
    servers, underway = list(servers), list(underway)
    rows_left = sum(server.rows_left for server in servers)
    rate = sum(server.rows_per_second or 0.0 for server in servers)
    return Downloads(
        rows=sum(shard.rows for shard in shards),
        rows_left=rows_left,
        rows_per_second=rate,
        images_per_second=sum(one.images_per_second or 0.0 for one in underway),
        bytes_per_second=sum(one.bytes_per_second or 0.0 for one in underway),
        seconds_left=max(rows_left / rate, *(server.seconds_left or 0.0 for server in servers)) if rate else None,
    )


def _outlook(server: str, shards: list[Shard], under_way: Mapping[ShardId, Underway]) -> ServerOutlook:
    running = [under_way[shard.id] for shard in shards if shard.id in under_way]
    rows_left = sum(shard.rows for shard in shards) - sum(one.done for one in running)
    rate = sum(one.rows_per_second or 0.0 for one in running) or None
    limit = sum(one.rate_limit or 0.0 for one in running) or None
    seconds = rows_left / rate if rate else None
    return ServerOutlook(decode_server_name(server), len(shards), rows_left, len(running), rate, limit, seconds)


def _failed_pieces(stages: Iterable[StageStatus]) -> Iterable[FailedPiece]:
    failed = [(stage.stage, log) for stage in stages for log in stage.failed]
    return (FailedPiece(stage, log, last_lines(log)) for stage, log in failed[:SHOWN_LOGS])


def _stage_as_json(stage: StageStatus) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "pieces": stage.unit,
        "done": stage.done,
        "left": stage.left if stage.known else None,
        "failed": [str(log) for log in stage.failed],
        "rows_in": stage.rows_in,
        "rows_out": dict(stage.rows_out),
    }


def _with_text(fields: dict[str, Any]) -> dict[str, Any]:
    """Paths as text."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}
