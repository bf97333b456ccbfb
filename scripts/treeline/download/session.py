"""One session of fetching a shard's missing rows into its spool.

Workers take rows in order, fetch and process each, and hand it to a segment; a segment that is full or old is written
to the spool. Whatever ends the session (a signal, the end of the job's time, a kill), the next one goes on behind the
last segment.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from time import monotonic, time
from typing import Any

from treeline.config_download import DownloaderParameters
from treeline.download.answer import FetchError
from treeline.download.assemble import Assembly
from treeline.download.buffer import SegmentBuffer
from treeline.download.client import open_transport
from treeline.download.decoder import DecoderError, Decoders
from treeline.download.exchange import Exchange
from treeline.download.fetch import Fetcher, ImageUrl
from treeline.download.memory import ByteBudget, Held
from treeline.download.progress import SUCCESS, Progress
from treeline.download.refresh import Earlier
from treeline.download.servers import LeaveAloneError, Servers
from treeline.download.spool import Spool, write_statistics
from treeline.download.stop import Stop
from treeline.download.telemetry import RequestLog
from treeline.download.underway import UnderwayFile
from treeline.errors import ImageError, InterruptedEarlyError
from treeline.io.names import mask_credentials
from treeline.schemas import PARKED_ERROR, PROCESSING_ERROR

PROGRESS_SECONDS = 1.0

log = logging.getLogger(__name__)


class Session:
    """Fetches what the spool does not hold yet.

    Args:
        spool: Where finished rows go.
        assembly: What is made of them, as they come.
        images: The batch's; a row's number is its place here.
        servers: The shard's server, and those that it redirects to.
        parameters: How to fetch and store.
        concurrency: Requests that are open at once at most.
        decoders: Processes that decode and encode.
    """

    def __init__(
        self,
        spool: Spool,
        assembly: Assembly,
        images: Sequence[ImageUrl],
        servers: Servers,
        parameters: DownloaderParameters,
        *,
        concurrency: int,
        decoders: Decoders,
    ) -> None:
        self._spool, self._images, self._servers, self._parameters = spool, images, servers, parameters
        self._concurrency, self._decoders = concurrency, decoders
        self._label = f"{servers.own.name}, {spool.shard_folder.name.replace('_id=', ' ')}"
        self._earlier = Earlier(spool)
        self._requests = RequestLog(spool.shard_folder)
        self._budget = ByteBudget(parameters.max_bytes_in_flight)
        self._buffer = SegmentBuffer(spool, assembly, self._cancel)
        self._outcomes: Counter[str] = Counter()
        self._stopped_by = ""
        self._was_cancelled = False
        self._workers: list[asyncio.Task[None]] = []

    async def run(self, stop: Stop) -> None:
        """Fetch until all rows are finished.

        Raises:
            DecoderError: No decoder can be started.
            InterruptedEarlyError: The stop was requested, or the server asks to be left alone for long.
            OSError: The spool cannot be written.
        """
        finished = set(self._spool.finished().rows.tolist())
        missing = [row for row in range(len(self._images)) if row not in finished]
        log.info("%d rows, %d of them in the spool", len(self._images), len(finished))
        if not missing:
            return
        started = monotonic()
        try:
            with (
                Progress(
                    self._label, len(self._images), len(finished), UnderwayFile(self._spool.shard_folder)
                ) as self._progress,
                stop.calls(self._stop),
            ):
                await self._fetch(iter(missing))
        finally:
            await self._buffer.finish()
            self._requests.flush()
            self._keep_statistics(monotonic() - started)
        if self._stopped_by:
            raise InterruptedEarlyError(
                f"Stopped by {self._stopped_by} with {self._outcomes.total()} of {len(missing)} rows fetched. They are "
                "in the spool: run the same again to go on from there."
            )

    async def _fetch(self, rows: Iterator[int]) -> None:
        """Run the workers until the rows are used up or the session is stopped."""
        async with open_transport(self._parameters) as transport:
            exchange = Exchange(transport, self._parameters, self._requests)
            fetcher = Fetcher(exchange, self._servers, self._parameters)
            self._workers = [asyncio.create_task(self._work(rows, fetcher)) for _ in range(self._concurrency)]
            helpers = [asyncio.create_task(self._buffer.write_when_old()), asyncio.create_task(self._show_progress())]
            if self._was_cancelled:  # before there were any
                self._cancel()
            try:
                await asyncio.gather(*self._workers)
            except asyncio.CancelledError:
                if not self._was_cancelled:
                    raise
            finally:
                for task in (*self._workers, *helpers):
                    task.cancel()
                await asyncio.gather(*self._workers, *helpers, return_exceptions=True)

    async def _work(self, rows: Iterator[int], fetcher: Fetcher) -> None:
        for row in rows:
            with self._budget.holding() as held:
                try:
                    columns, received = await self._fetch_row(row, fetcher, held)
                except LeaveAloneError as error:
                    self._stop(str(error))
                    return
                outcome = str(columns.get("error_code", SUCCESS))
                self._outcomes[outcome] += 1
                self._progress.finished(outcome, received)
                await self._buffer.add({"row": row, **columns})

    async def _fetch_row(self, row: int, fetcher: Fetcher, held: Held) -> tuple[dict[str, Any], int]:
        """Fetch and process an image.

        Returns:
            The columns of its row in a segment, and the bytes received.
        """
        image = self._images[row]
        tries, received = 0, 0
        try:
            fetched = await fetcher.fetch(image._replace(validators=self._earlier.validators(image.uuid)), held)
            tries = fetched.attempts
            if fetched.body is None:
                return {"retry_count": tries, **self._earlier.columns(image.uuid)}, 0
            received = len(fetched.body)
            stored = await self._decoders.process(fetched.body, self._parameters)
        except FetchError as error:
            return self._error(row, error.attempts, error.code, error.reason), 0
        except ImageError as error:
            return self._error(row, tries, PROCESSING_ERROR, str(error)), received
        except (LeaveAloneError, DecoderError):
            raise
        except Exception as error:  # a defect of ours, or of a decoder: it must not cost the shard's other images
            log.exception("%s: unexpected", mask_credentials(image.url))
            return self._error(row, tries, PROCESSING_ERROR, f"unexpected {type(error).__name__}: {error}"), received
        return {"retry_count": tries, **stored._asdict()}, received

    def _error(self, row: int, tries: int, code: int, reason: str) -> dict[str, Any]:
        # Of a parked server's rows the first says it all.
        if code != PARKED_ERROR or not self._outcomes[str(PARKED_ERROR)]:
            log.warning("%s: %s", mask_credentials(self._images[row].url), reason)
        return {"retry_count": tries, "error_code": code, "error_msg": reason}

    async def _show_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            self._progress.update(self._servers.own.pace.rate)

    def _stop(self, reason: str) -> None:
        self._stopped_by = reason
        self._cancel()

    def _cancel(self) -> None:
        """Cancel the workers."""
        self._was_cancelled = True
        for worker in self._workers:
            worker.cancel()

    def _keep_statistics(self, seconds: float) -> None:
        server = self._servers.own
        statistics = {
            "share_of_rate_limit": server.pace.rate / server.pace.configured_limit,
            "parked": server.breaker.is_parked,
            "ended": time(),
            "paused_until": time() + server.pace.seconds_paused,
            "outcomes": dict(sorted(self._outcomes.items())),
            "seconds": round(seconds, 3),
            "job_id": os.environ.get("SLURM_JOB_ID", f"local-{os.getpid()}"),
        }
        write_statistics(self._spool.shard_folder, statistics)
