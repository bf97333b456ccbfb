"""One session of fetching a shard's missing rows into its spool.

Workers take rows in order, fetch and process each, and hand it to a segment; a segment that is full or old is written
to the spool. Whatever ends the session (a signal, the end of the job's time, a kill), the next one goes on behind the
last segment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from treeline.config import DownloaderParameters
from treeline.download.fetch import Fetcher, FetchError, LeaveAloneError, open_client
from treeline.download.pace import Pace
from treeline.download.process import process_image
from treeline.download.spool import SEGMENT_BYTES, SEGMENT_ROWS, SEGMENT_SECONDS, Spool, write_statistics
from treeline.errors import ImageError, InterruptedEarlyError
from treeline.schemas import PROCESSING_ERROR

SECONDS_LEFT_FOR_ENDING = 60.0
FLUSH_CHECK_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


class Session:
    """Fetches what the spool does not hold yet.

    Args:
        spool: Where finished rows go.
        urls: The batch's URLs; a row's number is its place here.
        parameters: How to fetch and store.
        rate_limit: Requests a second at most.
        rate: Requests a second to start with.
        concurrency: Requests that are open at once at most.
        threads: Threads that decode and encode.
    """

    def __init__(
        self,
        spool: Spool,
        urls: list[str],
        parameters: DownloaderParameters,
        *,
        rate_limit: float,
        rate: float,
        concurrency: int,
        threads: int,
    ) -> None:
        self._spool, self._urls, self._parameters = spool, urls, parameters
        self._rate_limit, self._rate, self._concurrency, self._threads = rate_limit, rate, concurrency, threads
        self._pending: list[dict[str, Any]] = []
        self._pending_bytes = 0
        self._pending_since = 0.0
        self._outcomes: Counter[str] = Counter()
        self._stopped_by = ""
        self._workers: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Fetch until all rows are finished.

        Raises:
            InterruptedEarlyError: A signal or the end of the job's time came first.
            OSError: The spool cannot be written.
        """
        finished = set(self._spool.finished().rows.tolist())
        missing = [row for row in range(len(self._urls)) if row not in finished]
        log.info("%d rows, %d of them in the spool", len(self._urls), len(finished))
        if not missing:
            return
        pace = Pace(self._rate_limit, self._parameters.rate_multiplier, self._rate)
        started = time.monotonic()
        try:
            await self._fetch(iter(missing), pace)
        finally:
            self._flush()
            self._keep_statistics(pace, time.monotonic() - started)
        if self._stopped_by:
            raise InterruptedEarlyError(
                f"Stopped by {self._stopped_by} with {self._outcomes.total()} of {len(missing)} rows fetched. They are "
                "in the spool: run the same again to go on from there."
            )

    async def _fetch(self, rows: Iterator[int], pace: Pace) -> None:
        """Run the workers until the rows are used up or the session is stopped."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="process") as pool:
            async with open_client(self._parameters) as client:
                fetcher = Fetcher(client, pace, self._parameters)
                workers = [asyncio.create_task(self._work(rows, fetcher, pool)) for _ in range(self._concurrency)]
                flusher = asyncio.create_task(self._flush_when_old())
                self._workers = workers
                try:
                    with self._stop_on_signals():
                        await asyncio.gather(*workers)
                except asyncio.CancelledError:
                    if not self._stopped_by:
                        raise
                finally:
                    for task in (*workers, flusher):
                        task.cancel()
                    await asyncio.gather(*workers, flusher, return_exceptions=True)

    async def _work(self, rows: Iterator[int], fetcher: Fetcher, pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        for row in rows:
            tries = 0
            try:
                body, tries = await fetcher.fetch(self._urls[row])
                stored = await loop.run_in_executor(pool, process_image, body, self._parameters)
            except FetchError as error:
                self._finish_with_error(row, error.attempts, error.code, error.reason)
            except ImageError as error:
                self._finish_with_error(row, tries, PROCESSING_ERROR, str(error))
            except LeaveAloneError as error:
                self._stop(str(error))
                return
            except Exception as error:  # a defect of ours, or of a decoder: it must not cost the shard's other images
                log.exception("%s: unexpected", self._urls[row])
                self._finish_with_error(row, tries, PROCESSING_ERROR, f"unexpected {type(error).__name__}: {error}")
            else:
                self._finish(row, "success", {"retry_count": tries, **stored._asdict()})

    def _finish_with_error(self, row: int, tries: int, code: int, reason: str) -> None:
        log.warning("%s: %s", self._urls[row], reason)
        self._finish(row, str(code), {"retry_count": tries, "error_code": code, "error_msg": reason})

    def _finish(self, row: int, outcome: str, columns: dict[str, Any]) -> None:
        self._outcomes[outcome] += 1
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending.append({"row": row, **columns})
        self._pending_bytes += len(columns.get("image", b""))
        if len(self._pending) >= SEGMENT_ROWS or self._pending_bytes >= SEGMENT_BYTES:
            self._flush()

    async def _flush_when_old(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_CHECK_SECONDS)
            if self._pending and time.monotonic() - self._pending_since >= SEGMENT_SECONDS:
                self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._spool.write_segment(self._pending)
            self._pending, self._pending_bytes = [], 0

    def _stop(self, reason: str) -> None:
        """Cancel the workers."""
        self._stopped_by = reason
        for worker in self._workers:
            worker.cancel()

    @contextmanager
    def _stop_on_signals(self) -> Iterator[None]:
        """Stop on a signal, or shortly before Slurm would end the job."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop, number.name)
        end_of_job = os.environ.get("SLURM_JOB_END_TIME")
        timer = None
        if end_of_job is not None:
            seconds_left = float(end_of_job) - time.time() - SECONDS_LEFT_FOR_ENDING
            timer = loop.call_later(max(0.0, seconds_left), self._stop, "the end of the job's time")
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
            if timer is not None:
                timer.cancel()

    def _keep_statistics(self, pace: Pace, seconds: float) -> None:
        statistics = {
            "share_of_rate_limit": pace.rate / pace.limit,
            "outcomes": dict(sorted(self._outcomes.items())),
            "seconds": round(seconds, 3),
            "job_id": os.environ.get("SLURM_JOB_ID", f"local-{os.getpid()}"),
        }
        write_statistics(self._spool.shard_folder, statistics)
