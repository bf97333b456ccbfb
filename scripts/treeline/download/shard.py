"""Download one batch of URLs into a shard."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from time import time

import pyarrow as pa

from treeline.config_download import DownloaderParameters
from treeline.download.assemble import Assembly
from treeline.download.breaker import Breaker
from treeline.download.decoder import Decoders
from treeline.download.fetch import ImageUrl
from treeline.download.pace import Pace
from treeline.download.servers import Server, Servers
from treeline.download.session import Session
from treeline.download.spool import Spool, origin_of, read_statistics
from treeline.download.stop import Stop
from treeline.download.telemetry import write_requests
from treeline.download.turnstile import Turnstile
from treeline.io.atomic import link_or_copy, write_bytes
from treeline.io.names import server_of_folder
from treeline.io.parquet import open_shard, sha256_of_file
from treeline.schemas import URL_COLUMNS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShardJob:
    """One shard to download.

    Args:
        batch: Its URLs.
        output: Folder that gets `successes.parquet`, `errors.parquet` and `completed`; None leaves them in the spool.
        spool: Folder of the shard's spool.
        parameters: How to fetch and store.
        rate_limit: Requests a second that the server is asked at most, over all its lanes.
        lane: Number of the shard's lane among the server's, and how many these are.
        profiles: The profiles table, for servers that redirects lead to.
        requests: File that gets a row for each request.
        previous: Spool folder of the lane's shard before this one, whose learned rate is taken over.
        refetch: Ask again for what the spool holds.
    """

    batch: Path
    output: Path | None
    spool: Path
    parameters: DownloaderParameters
    rate_limit: float
    lane: tuple[int, int] = (0, 1)
    profiles: Path | None = None
    requests: Path | None = None
    previous: Path | None = None
    refetch: bool = False


async def download_shard(job: ShardJob, decoders: Decoders, stop: Stop) -> None:
    """Make a shard: from the spool where it is complete, else by fetching what is missing.

    Args:
        job: What to download.
        decoders: Processes that decode and encode.
        stop: Ends it early.

    Raises:
        InterruptedEarlyError: The stop came first, or the server asks for a long pause; the spool has what was
            finished.
        OSError: The disk is full or not writable.
        ShardBusyError: Another job works on this shard.
        ShardError: The batch is not a batch of URLs.
    """
    with open_shard(job.batch, URL_COLUMNS) as file:
        batch = file.read(columns=list(URL_COLUMNS))
    spool = Spool(job.spool, origin_of(sha256_of_file(job.batch), job.parameters))
    with spool.lock():
        if job.refetch and spool.is_complete:  # else a refetch is under way, and goes on
            spool.set_aside()
        if not spool.is_complete:
            with Assembly(spool, batch) as assembly:
                await _session(job, spool, batch, decoders, assembly).run(stop)
                successes, errors = await asyncio.to_thread(assembly.finish)
            log.info("%s: %d images, %d errors", job.spool, successes, errors)
        spool.remove_segments()
        if job.requests is not None:
            await asyncio.to_thread(write_requests, spool.shard_folder, job.requests)
        if job.output is not None:
            link_or_copy(spool.successes, job.output / "successes.parquet")
            link_or_copy(spool.errors, job.output / "errors.parquet")
            write_bytes(job.output / "completed", b"")


def _session(job: ShardJob, spool: Spool, batch: pa.Table, decoders: Decoders, assembly: Assembly) -> Session:
    columns = (batch[name].to_pylist() for name in ("identifier", "uuid"))
    return Session(
        spool,
        assembly,
        [ImageUrl(url, uuid) for url, uuid in zip(*columns, strict=True)],
        _servers(job),
        job.parameters,
        concurrency=max(1, job.parameters.max_concurrency // job.lane[1]),
        decoders=decoders,
    )


def _servers(job: ShardJob) -> Servers:
    """The shard's server as the last job has left it: at the rate that it bore, parked, or wanting to be left alone."""
    parameters, limit = job.parameters, job.rate_limit / job.lane[1]
    folders = [folder for folder in (job.spool, job.previous) if folder is not None]
    known = max(map(read_statistics, folders), key=lambda statistics: statistics.get("ended", 0.0))
    pace = Pace(limit, parameters.rate_multiplier, limit * known.get("share_of_rate_limit", 1.0), lane=job.lane)
    pace.pause(known.get("paused_until", 0.0) - time())
    breaker = Breaker(0.0 if known.get("parked") else parameters.patience)
    name = server_of_folder(job.spool) or ""
    turns = job.spool.parents[1] / ".turns"
    own = Server(name, pace, breaker, Turnstile(turns, name, job.rate_limit), is_own=True)
    return Servers(own, parameters, job.profiles, turns)
