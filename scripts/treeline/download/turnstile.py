"""Turns at a server that other servers redirect to.

Which server a redirect leads to nobody knows in advance, so no lane can hold it back: the jobs that come to the same
server agree in a small file, one lock and eight bytes a turn. A server's own lanes need none, and pass through it only
once others have come.
"""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import struct
from pathlib import Path
from time import time

from treeline.download.pace import LATENESS_SECONDS, MARGIN
from treeline.io.names import encode_server_name

NEXT_TURN = struct.Struct("d")


class Turnstile:
    """Lets one request through at a time, over all jobs that use the same folder.

    Args:
        folder: Holds a file for each server.
        server: host[:port].
        limit: Requests a second at most.
    """

    def __init__(self, folder: Path, server: str, limit: float) -> None:
        self._file = folder / encode_server_name(server)
        self._seconds = MARGIN / limit

    @property
    def is_in_use(self) -> bool:
        """Whether any job has come to this server by a redirect."""
        return self._file.exists()

    async def turn(self) -> None:
        """Take the next turn, and wait until it comes; who is late for it takes another."""
        turn = -math.inf
        while time() - turn > LATENESS_SECONDS:
            turn = self._reserve()
            await asyncio.sleep(turn - time())

    def _reserve(self) -> float:
        """Time of the next turn, which is then taken, in seconds since 1970."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            stored = os.pread(descriptor, NEXT_TURN.size, 0)
            following = NEXT_TURN.unpack(stored)[0] if len(stored) == NEXT_TURN.size else 0.0
            turn = max(time(), following)
            os.pwrite(descriptor, NEXT_TURN.pack(turn + self._seconds), 0)
        finally:
            os.close(descriptor)
        return turn
