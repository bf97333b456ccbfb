"""Download one batch of URLs into a shard."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from treeline.config import DownloaderParameters
from treeline.download.assemble import assemble
from treeline.download.session import Session
from treeline.download.spool import Spool, origin_of, read_statistics
from treeline.io.atomic import link_or_copy, write_bytes
from treeline.io.parquet import open_shard, sha256_of_file
from treeline.schemas import URL_COLUMNS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShardJob:
    """One shard to download.

    Args:
        batch: Its URLs.
        output: Folder that gets `successes.parquet`, `errors.parquet` and `completed`.
        spool: Folder of the shard's spool.
        parameters: How to fetch and store.
        rate_limit: Requests a second at most.
        concurrency: Requests that are open at once at most.
        threads: Threads that decode and encode.
        previous: Spool folder of the lane's shard before this one, whose learned rate is taken over.
        refetch: Forget what the spool holds.
    """

    batch: Path
    output: Path
    spool: Path
    parameters: DownloaderParameters
    rate_limit: float
    concurrency: int
    threads: int = 1
    previous: Path | None = None
    refetch: bool = False


def download_shard(job: ShardJob) -> None:
    """Make a shard: from the spool where it is complete, else by fetching what is missing.

    Raises:
        InterruptedEarlyError: A signal or the end of the job's time came first; the spool has what was finished.
        ShardError: The batch is not a batch of URLs.
        TreelineError: Another job works on this shard.
    """
    with open_shard(job.batch, URL_COLUMNS) as file:
        batch = file.read(columns=list(URL_COLUMNS))
    spool = Spool(job.spool, origin_of(sha256_of_file(job.batch), job.parameters))
    with spool.lock():
        if job.refetch and spool.is_complete:  # else a refetch is under way, and goes on
            spool.clear()
        if not spool.is_complete:
            learned = read_statistics(job.previous or job.spool).get("share_of_rate_limit", 1.0)
            session = Session(
                spool,
                batch["identifier"].to_pylist(),
                job.parameters,
                rate_limit=job.rate_limit,
                rate=job.rate_limit * learned,
                concurrency=job.concurrency,
                threads=job.threads,
            )
            asyncio.run(session.run())
            successes, errors = assemble(spool, batch)
            log.info("%s: %d images, %d errors", job.output, successes, errors)
        spool.remove_segments()
        link_or_copy(spool.successes, job.output / "successes.parquet")
        link_or_copy(spool.errors, job.output / "errors.parquet")
        write_bytes(job.output / "completed", b"")
