"""What servers were asked, how fast, and whether within their limits, by the rows of `logs/requests`."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.errors import InputError
from treeline.failures import count_errors
from treeline.io.csv_tables import read_csv_rows
from treeline.report.facts.collection import UNKNOWN, Collection, Outcome, Rows
from treeline.schemas import OPT_OUT_ERROR, PARKED_ERROR, ROBOTS_ERROR

BUSIEST = 20
"""Servers of which the rates over time are told."""
MOST_BINS = 240
DAY = 86_400
BIN_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, DAY)
"""Lengths of a stretch of time; longer ones are whole days."""

WINDOWS = {"1_second": 1, "10_seconds": 10}
"""Lengths in seconds, by their names, of the times in which the most requests are looked for, wherever these begin."""

Moments = npt.NDArray[np.int64]

Facts: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Numbers by name, of each server."""

SECONDS = """
CREATE OR REPLACE TEMP TABLE seconds (
    server VARCHAR, second BIGINT, requests BIGINT, images BIGINT, slow_downs BIGINT, bytes BIGINT, paces DOUBLE
)
"""
"""A row for each second in which a server was asked; `paces` is the sum of what the pace allowed at each request."""

FILL_SECONDS = """
INSERT INTO seconds
SELECT
    server,
    epoch_us(time) // 1000000,
    count(*),
    count(*) FILTER (status = 200 AND purpose <> 'robots'),
    count(*) FILTER (status IN (429, 503)),
    sum(bytes),
    sum(rate_limit)
FROM read_parquet(?, hive_partitioning = false)
GROUP BY ALL
"""

SERVERS = """
SELECT server, sum(requests) AS requests, sum(bytes) AS bytes, count(*) AS seconds, sum(slow_downs) AS slow_downs
FROM seconds GROUP BY server
"""

RATES = """
WITH busiest AS (SELECT server FROM seconds GROUP BY server ORDER BY sum(requests) DESC, server LIMIT ?),
shown AS (
    SELECT * FROM seconds SEMI JOIN busiest USING (server)
    UNION ALL BY NAME
    SELECT * REPLACE ('' AS server, NULL AS paces) FROM seconds
)
SELECT
    server,
    second // $2 * $2 AS time,
    sum(requests) / $2 AS requests_per_second,
    sum(images) / $2 AS images_per_second,
    sum(bytes) / $2 AS bytes_per_second,
    sum(paces) / sum(requests) AS pace
FROM shown GROUP BY ALL ORDER BY server, time
"""

MOMENTS = """
SELECT server, epoch_us(time) AS moment FROM read_parquet(?, hive_partitioning = false) ORDER BY server, moment
"""


def measure_requests(collection: Collection) -> dict[str, Rows]:
    """Make the tables `servers`, `rates` and `politeness`.

    Raises:
        InputError: A table of requests or errors, or the profiles table, cannot be read.
    """
    files = [collection.paths.requests(*outcome.shard.id) for outcome in collection.outcomes]
    collection.connection.execute(SECONDS)
    collection.ask(FILL_SECONDS, files)
    asked = _by_server(collection.rows(SERVERS))
    windows = {server: _busiest(moments) for server, moments in _moments_by_server(collection, files)}
    profiles = {row["server_name"]: row for row in read_csv_rows(collection.paths.profiles)}
    limits = {server: _rate(collection.paths.profiles, row, "rate_limit") for server, row in profiles.items()}
    learned = {server: _rate(collection.paths.profiles, row, "learned_rate") for server, row in profiles.items()}
    return {
        "servers": _servers(collection, asked, limits, learned),
        "rates": _rates(collection),
        "politeness": _politeness(collection, asked, windows, limits),
    }


def _servers(collection: Collection, asked: Facts, limits: Mapping[str, float], learned: Mapping[str, float]) -> Rows:
    of_server: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in collection.outcomes:
        of_server[outcome.server].append(outcome)
    rows: Rows = []
    for server in sorted({*of_server, *asked}):
        outcomes, requests = of_server[server], asked.get(server, {})
        images, seconds = sum(one.images for one in outcomes), int(requests.get("seconds", 0))
        rows.append(
            {
                "server": server,
                "rows": sum(one.shard.rows for one in outcomes),
                "images": images,
                "errors": sum(one.errors for one in outcomes),
                "not_done": sum(one.shard.rows for one in outcomes if one.state != "downloaded"),
                "ignored": int(any(one.state == "ignored" for one in outcomes)),
                "requests": int(requests.get("requests", 0)),
                "bytes": int(requests.get("bytes", 0)),
                "seconds": seconds,
                "images_per_second": images / seconds if seconds else math.nan,
                "rate_limit": limits.get(server, math.nan),
                "learned_rate": learned.get(server, math.nan),
            }
        )
    return rows


def _rates(collection: Collection) -> Rows:
    """Rates over time; the pace of a server is that of its lanes together."""
    lanes = {row["server_name"]: int(row["nodes"]) for row in read_csv_rows(collection.paths.schedule / "_config.csv")}
    [span] = collection.rows("SELECT max(second) - min(second) + 1 AS seconds FROM seconds")
    length = bin_seconds(span["seconds"] or 1)
    rates = collection.rows(RATES, [BUSIEST, length])
    paces = [math.nan if row["pace"] is None else row["pace"] * lanes.get(row["server"], 1) for row in rates]
    return [{**row, "seconds": length, "rate_limit": pace} for row, pace in zip(rates, paces, strict=True)]


def bin_seconds(span: int) -> int:
    """Length of the stretches that so many seconds are cut into."""
    least = math.ceil(span / MOST_BINS)
    return next((length for length in BIN_SECONDS if length >= least), math.ceil(least / DAY) * DAY)


def _moments_by_server(collection: Collection, files: list[Path]) -> Iterator[tuple[str, Moments]]:
    """When each server was asked, in microseconds, in order; in memory are those of one server."""
    current, pending = "", list[Moments]()
    for batch in collection.stream(MOMENTS, files):
        servers, moments = batch["server"].dictionary_encode(), batch["moment"].to_numpy()
        starts = np.flatnonzero(np.diff(servers.indices.to_numpy(), prepend=-1))
        for start, end in pairwise([*starts, len(moments)]):
            server = servers[int(start)].as_py()
            if server != current and pending:
                yield current, np.concatenate(pending)
                pending = []
            current = server
            pending.append(moments[start:end])
    if pending:
        yield current, np.concatenate(pending)


def _busiest(moments: Moments) -> dict[str, int]:
    """The most requests in a time of each length: one that begins with a request has as many as any."""
    last = {name: np.searchsorted(moments, moments + seconds * 1_000_000) for name, seconds in WINDOWS.items()}
    return {f"most_in_{name}": int((end - np.arange(len(moments))).max()) for name, end in last.items()}


def _politeness(collection: Collection, asked: Facts, windows: Facts, limits: Mapping[str, float]) -> Rows:
    failed = Counter[tuple[str, int]]()
    for (server, code, _), images in count_errors(collection.output).items():
        failed[server, code] += images
    default = collection.output.settings.downloader_parameters.default_rate_limit
    rows: Rows = []
    for server in sorted({*asked, *(server for server, _ in failed)}):
        limit, window = limits.get(server, default), windows.get(server, {})
        most = {name: int(window.get(f"most_in_{name}", 0)) for name in WINDOWS}
        allowed = {name: allowed_in(seconds, limit) for name, seconds in WINDOWS.items()}
        rows.append(
            {
                "server": server,
                "rate_limit": limit,
                "requests": int(asked.get(server, {}).get("requests", 0)),
                **{f"most_in_{name}": count for name, count in most.items()},
                **{f"allowed_in_{name}": count for name, count in allowed.items()},
                "share": max(most[name] / allowed[name] for name in WINDOWS),
                "held": int(all(most[name] <= allowed[name] for name in WINDOWS)) if window else UNKNOWN,
                "refused_by_robots": failed[server, ROBOTS_ERROR],
                "refused_by_opt_out": failed[server, OPT_OUT_ERROR],
                "slow_downs": int(asked.get(server, {}).get("slow_downs", 0)),
                "parked": failed[server, PARKED_ERROR],
            }
        )
    return rows


def allowed_in(seconds: int, limit: float) -> int:
    """Requests that a limit, in requests a second, allows within some seconds, wherever they begin.

    The first comes at their beginning: so that there is one more than whole distances between requests.
    """
    return max(1, math.ceil(round(limit * seconds, 6)))


def _by_server(rows: list[dict[str, Any]]) -> Facts:
    return {row["server"]: row for row in rows}


def _rate(profiles: Path, row: Mapping[str, str], column: str) -> float:
    """A rate of the profiles table; NaN where it has none."""
    text = row.get(column) or ""
    try:
        return float(text) if text else math.nan
    except ValueError:
        fix = "Mend it, or delete the file to have it made."
        raise InputError(profiles, f"expected requests a second, found {text!r}.", field=column, fix=fix) from None
