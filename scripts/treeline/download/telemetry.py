"""The requests of a shard: one row each, so that what was asked, when and how it went can be shown.

    .spool/server_name=S/partition_id=N/requests-00000.arrow ...  parts, as they were written
    .spool/server_name=S/partition_id=N/requests.parquet          all parts so far, by time
    logs/requests/server_name=S/partition_id=N.parquet            a link to it

They lie in the shard's spool folder, not in one of its keys: a request was sent whatever became of its answer, and
other settings, a retry or a refresh add to the file. Numbers of parts go up forever, and the file's metadata says from
which number on they are not in it: parts that a killed merge left behind are known, and are not taken in twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from treeline.io.atomic import atomic_path, link_or_copy
from treeline.io.parquet import cut_tables, open_shard, parquet_writer, read_metadata, stream_rows
from treeline.schemas import REQUESTS

PART_ROWS = 4096
ROW_GROUP_ROWS = 32_768
NEXT_PART = "next_part"
MICROSECONDS = 1e6


class Request(NamedTuple):
    """One request that was sent: a row of `treeline.schemas.REQUESTS`.

    Args:
        time: When it was sent, in Unix seconds.
        server: host[:port] that was asked; a redirect's target has its own.
        uuid: Image that it was for; None for robots.txt.
        purpose: `image` for a URL of the table, `redirect` for what one led to, `robots` for robots.txt.
        attempt: Which try this was, from 1.
        status: HTTP status, or the error code of `treeline.schemas` where no whole answer came.
        bytes: Bytes of the body received.
        latency_ms: Milliseconds from sending to the answer's first byte; None without an answer.
        seconds: From sending to the answer's end.
        rate_limit: Requests a second that the pace allowed at that moment.
        etag: `ETag` of a successful answer, for a refresh to send back as `If-None-Match`.
        last_modified: `Last-Modified` of a successful answer, for `If-Modified-Since`.
    """

    time: float
    server: str
    uuid: str | None
    purpose: str
    attempt: int
    status: int
    bytes: int
    latency_ms: float | None
    seconds: float
    rate_limit: float
    etag: str | None = None
    last_modified: str | None = None


class Validators(NamedTuple):
    """What a server gave with an image, to ask later whether it has changed."""

    etag: str | None
    last_modified: str | None


class RequestLog:
    """Keeps the requests of a session.

    Args:
        folder: `.spool/server_name=S/partition_id=N`; the caller holds the shard's lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = _next_number(folder)
        self._pending: list[Request] = []

    def add(self, request: Request) -> None:
        """Keep a request; costs microseconds, but for each 4096th, which writes a part.

        Raises:
            OSError: As `flush`.
        """
        self._pending.append(request)
        if len(self._pending) >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as a part, whole or not at all.

        Raises:
            OSError: The disk is full or not writable; the requests are still pending.
        """
        if not self._pending:
            return
        part = _part(self._folder, self._number)
        with atomic_path(part) as temporary, pa.ipc.new_file(temporary, REQUESTS) as writer:
            writer.write_table(_as_table(self._pending))
        self._pending = []
        self._number += 1


def write_requests(folder: Path, target: Path) -> None:
    """Merge a shard's parts into its `requests.parquet`, and link that to `target`.

    A kill loses and doubles nothing, wherever it comes; calling again goes on. Memory is bounded by the parts whose
    times overlap, which are few.

    Args:
        folder: `.spool/server_name=S/partition_id=N`; the caller holds the shard's lock, and no log has rows pending.
        target: `logs/requests/server_name=S/partition_id=N.parquet`; without any request it has no rows.

    Raises:
        OSError: The disk is full or not writable; the parts are still there.
    """
    merged = folder / "requests.parquet"
    first_new = _first_number_after_merge(merged)
    new = [part for part in _parts(folder) if _number(part) >= first_new]
    if new or not merged.exists():
        pieces = [*_pieces_of_merged(merged), *(_piece_of_part(part) for part in new)]
        with parquet_writer(merged, REQUESTS, {NEXT_PART: str(_next_number(folder))}) as writer:
            for table in cut_tables(_by_time(pieces), ROW_GROUP_ROWS):
                writer.write_table(table)
    for part in _parts(folder):
        part.unlink()
    link_or_copy(merged, target)


def read_validators(requests: Path) -> dict[str, Validators]:
    """Read what each image's latest successful answer gave, by uuid; images that were given neither are left out.

    They speak of the body that was received: only for an image that is stored may they be sent.

    Args:
        requests: File of `write_requests`; empty where there is none.

    Raises:
        ShardError: The file cannot be read.
    """
    if not requests.exists():
        return {}
    latest: dict[str, Validators] = {}
    for batch in stream_rows(requests, ("uuid", "status", *Validators._fields), batch_rows=PART_ROWS):
        answered = batch.filter(pc.and_(pc.is_valid(batch["uuid"]), pc.equal(batch["status"], 200)))
        values = (answered[name].to_pylist() for name in Validators._fields)
        latest.update(zip(answered["uuid"].to_pylist(), map(Validators, *values), strict=True))
    return {uuid: validators for uuid, validators in latest.items() if any(validators)}


class _Piece(NamedTuple):
    """Rows that are read once their time has come."""

    earliest: int
    read: Callable[[], pa.Table]


def _by_time(pieces: list[_Piece]) -> Iterator[pa.Table]:
    """Give the rows of all pieces in the order of their times."""
    pending = REQUESTS.empty_table()
    for piece in sorted(pieces, key=lambda piece: piece.earliest):
        # No piece to come has anything earlier: the rows before this time have their place.
        settled = pc.less(pending["time"].cast(pa.int64()), piece.earliest)
        yield pending.filter(settled)
        pending = pa.concat_tables([pending.filter(pc.invert(settled)), piece.read()]).sort_by("time")
    yield pending


def _pieces_of_merged(merged: Path) -> Iterator[_Piece]:
    if not merged.exists():
        return
    with open_shard(merged, REQUESTS.names) as file:
        for group in range(file.num_row_groups):
            times = file.read_row_group(group, columns=["time"])["time"]
            yield _Piece(_earliest(times), partial(_read_row_group, merged, group))


def _read_row_group(merged: Path, group: int) -> pa.Table:
    with open_shard(merged, REQUESTS.names) as file:
        return file.read_row_group(group, columns=REQUESTS.names).replace_schema_metadata()


def _piece_of_part(part: Path) -> _Piece:
    return _Piece(_earliest(_read_part(part)["time"]), partial(_read_part, part))


def _read_part(part: Path) -> pa.Table:
    with pa.memory_map(str(part)) as source:
        return pa.ipc.open_file(source).read_all()


def _earliest(times: pa.ChunkedArray) -> int:
    earliest: int = pc.min(times.cast(pa.int64())).as_py()
    return earliest


def _as_table(requests: list[Request]) -> pa.Table:
    times, *others = zip(*requests, strict=True)
    columns = [[round(time * MICROSECONDS) for time in times], *others]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, REQUESTS, strict=True)], schema=REQUESTS
    )


def _part(folder: Path, number: int) -> Path:
    return folder / f"requests-{number:05d}.arrow"


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("requests-*.arrow"), key=_number)


def _number(part: Path) -> int:
    return int(part.stem.removeprefix("requests-"))


def _next_number(folder: Path) -> int:
    numbers = [_number(part) + 1 for part in _parts(folder)]
    return max(_first_number_after_merge(folder / "requests.parquet"), *numbers, 0)


def _first_number_after_merge(merged: Path) -> int:
    return int(read_metadata(merged)[NEXT_PART]) if merged.exists() else 0
