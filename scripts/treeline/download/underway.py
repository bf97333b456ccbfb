"""Which shards are being downloaded at this moment, where, how far and how fast: a small file for each.

    images/.spool/.underway/<server_name>.<partition_id>.json

A job writes its file anew every few seconds, and removes it at its end. That of a killed job stays until the shard's
next job: it counts no more once it is old. One look into one folder so tells what runs on a whole cluster.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from treeline.io.names import decode_server_name, encode_server_name, server_of_folder

FOLDER = ".underway"
SILENT_SECONDS = 120.0
"""A job that has not written for so long is gone, or its disk is."""

log = logging.getLogger(__name__)


class Underway(NamedTuple):
    """A shard that is being downloaded.

    Args:
        server: Percent-encoded server name.
        partition: Number of the shard among its server's.
        node: Where the job runs.
        job: Slurm's number of the job; None outside Slurm.
        process: Number of the process.
        started: When the job began with this shard, in seconds since 1970.
        updated: When this was written.
        rows: Rows of the shard.
        done: Rows that are finished.
        rows_per_second: Over the last minute; None at first. So are the next two.
        images_per_second: Of these rows, those with an image.
        bytes_per_second: Bytes received.
        rate_limit: Requests a second that the server is asked at most by this job now.
        errors: Number of errors by code.
    """

    server: str
    partition: int
    node: str
    job: str | None
    process: int
    started: float
    updated: float
    rows: int
    done: int
    rows_per_second: float | None
    images_per_second: float | None
    bytes_per_second: float | None
    rate_limit: float | None
    errors: dict[str, int]

    @property
    def server_name(self) -> str:
        """host[:port]."""
        return decode_server_name(self.server)


class UnderwayFile:
    """The file that says how far one shard is.

    Args:
        spool: Folder of the shard's spool.
    """

    def __init__(self, spool: Path) -> None:
        partition = spool.name.rpartition("=")[2]
        self._server = encode_server_name(server_of_folder(spool) or "")
        self._partition = int(partition) if partition.isdecimal() else 0
        self._file = spool.parents[1] / FOLDER / f"{self._server}.{self._partition}.json"
        self._started = time()

    def write(self, **measured: Any) -> None:
        """Write it anew; `measured` are the fields of `Underway` from `rows` on.

        That it cannot be written is logged, and costs no image.
        """
        underway = Underway(
            self._server,
            self._partition,
            os.environ.get("SLURMD_NODENAME", os.uname().nodename),
            os.environ.get("SLURM_JOB_ID"),
            os.getpid(),
            self._started,
            time(),
            **measured,
        )
        temporary = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(underway._asdict()), encoding="utf-8")
            temporary.replace(self._file)
        except OSError as error:
            log.warning("treeline status will not know how far this shard is: %s", error)

    def remove(self) -> None:
        """Say that the shard is no longer being downloaded."""
        with suppress(OSError):  # else it grows old
            self._file.unlink()


def read_underway(spool: Path, now: float) -> list[Underway]:
    """List what is being downloaded, by server and number; what has not been heard of for long is left out.

    Args:
        spool: Folder of all spools, `images/.spool`.
        now: Seconds since 1970.
    """
    found = (Underway(**content) for content in _contents(spool / FOLDER))
    return sorted(one for one in found if now - one.updated < SILENT_SECONDS)


def _contents(folder: Path) -> Iterator[dict[str, Any]]:
    for file in folder.glob("*.json"):
        try:
            yield json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:  # it has ended meanwhile
            continue
