"""Finished rows on their way into the spool: collected into segments, and written beside the fetching."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from treeline.download.assemble import Assembly
from treeline.download.spool import SEGMENT_BYTES, SEGMENT_ROWS, SEGMENT_SECONDS, Spool

FLUSH_CHECK_SECONDS = 1.0
MOST_WRITES = 2
"""Segments that are written at once; a disk that is slower than the servers makes the workers wait."""


class SegmentBuffer:
    """Collects finished rows, and writes a segment when there are many, when they are large, or when they are old.

    Args:
        spool: Where the segments go.
        assembly: Goes on whenever a segment is written.
        failed: Called as soon as a segment could not be written; `finish` then raises the error.
    """

    def __init__(self, spool: Spool, assembly: Assembly, failed: Callable[[], None]) -> None:
        self._spool, self._assembly, self._failed = spool, assembly, failed
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._oldest = 0.0
        self._writes: set[asyncio.Future[Any]] = set()
        self._errors: list[BaseException] = []

    async def add(self, row: dict[str, Any]) -> None:
        """Take a finished row, a mapping of the columns of `treeline.download.spool.SEGMENT`."""
        if not self._rows:
            self._oldest = monotonic()
        self._rows.append(row)
        self._bytes += len(row.get("image", b""))
        if len(self._rows) >= SEGMENT_ROWS or self._bytes >= SEGMENT_BYTES:
            self._write()
            while len(self._writes) > MOST_WRITES:
                await asyncio.wait(self._writes, return_when=asyncio.FIRST_COMPLETED)

    async def write_when_old(self) -> None:
        """Write what has been waiting for too long, for ever."""
        while True:
            await asyncio.sleep(FLUSH_CHECK_SECONDS)
            if self._rows and monotonic() - self._oldest >= SEGMENT_SECONDS:
                self._write()

    async def finish(self) -> None:
        """Write what is left, and wait until all is on the disk.

        Raises:
            OSError: The disk is full or not writable; the segments so far are as they were.
        """
        self._write()
        while self._writes:
            await asyncio.wait(self._writes)
        if self._errors:
            raise self._errors[0]

    def _write(self) -> None:
        if not self._rows or self._errors:
            return
        rows, self._rows, self._bytes = self._rows, [], 0
        # The number is taken here and not in the thread, where two writes could take the same.
        target = self._spool.next_segment()
        write = asyncio.get_running_loop().run_in_executor(None, self._keep, rows, target)
        self._writes.add(write)
        write.add_done_callback(self._written)

    def _keep(self, rows: list[dict[str, Any]], target: Path) -> None:
        self._spool.write_segment(rows, target)
        self._assembly.advance()

    def _written(self, write: asyncio.Future[Any]) -> None:
        self._writes.discard(write)
        error = write.exception()
        if error is not None:
            self._errors.append(error)
            self._failed()
