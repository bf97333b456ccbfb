"""kill -9 of downloads of every kind, at random moments, and one last run: nothing is lost, and little is refetched.

What is asserted of each kill:

- No row that a segment or a finished table held is asked for again.
- Of each shard that was under way, a kill costs at most the 256 rows of one segment, the requests that were in flight
  (`max_concurrency`), and what came in while the full segment was being written: the rate limit's for a quarter second.
- A decoder's costs nothing, and neither does a SIGTERM but for the requests in flight.

`TREELINE_KILLS` says how many kills; `make torture` makes 200.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from resources.example.replies import Reply
from tests.batches import encoded, photo
from tests.schedules import MISSING_EVERY, Schedule, schedule
from tests.servers import Request
from tests.torture.kills import DECODER, TERMINATED, Jobs
from treeline.download.spool import SEGMENT_ROWS
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name
from treeline.paths import shard_folder

KILLS = int(os.environ.get("TREELINE_KILLS", "12"))
SEED = 614

BATCHES = 2 + KILLS // 12 + KILLS // 20
ROWS = (700, 1100)
RATE_LIMIT = 200.0
CONCURRENCY = 16
PARAMETERS = {"max_concurrency": CONCURRENCY, "timeout": 60}
IMAGES = [Reply(encoded(photo(80, 60)), delay_seconds=0.01)] * 15 + [Reply(encoded(photo(800, 600), "PNG"))]

WAYS = ("a shard", "a shard of each lane", *["fleet"] * 3)
MOST_REQUESTS = 300
"""Of each shard that is under way, before a kill: often less than a segment, often more."""

POLL_SECONDS = 0.02
SECONDS_TO_STOP = 60.0
MOST_SECONDS_ALONE = 1.0

SECONDS_TO_WRITE = 0.25
MOST_LOST = SEGMENT_ROWS + CONCURRENCY + RATE_LIMIT * SECONDS_TO_WRITE

Row = tuple[ShardId, int]

pytestmark = pytest.mark.timeout(300 + 20 * KILLS)


class Books:
    """What was asked for and what is kept, from one end of all downloads to the next.

    Args:
        downloads: The schedule.

    Attributes:
        kept: Finished rows of each shard.
    """

    def __init__(self, downloads: Schedule) -> None:
        self._downloads = downloads
        self._seen = [0] * len(downloads.servers)
        self._rows = {shard: downloads.rows_of(shard) for shard in downloads.lanes.shards}
        self.kept: dict[ShardId, set[int]] = {shard: set() for shard in downloads.lanes.shards}

    @property
    def requests(self) -> int:
        """Number of requests since the books were closed."""
        return sum(len(requests) for _, requests in self._new_requests())

    def unfinished(self) -> list[list[ShardId]]:
        """What is left of each lane that is not done."""
        lanes = [
            [shard for shard in lane if len(self.kept[shard]) < self._rows[shard]]
            for lane in self._downloads.lanes.lanes
        ]
        return [lane for lane in lanes if lane]

    def close(self) -> Counter[ShardId]:
        """Compare with the spool, when nothing runs any more.

        Returns:
            Rows that were asked for in vain, by shard.
        """
        for server in self._downloads.servers:
            server.wait_for_clients_to_leave()
        asked = Counter(self._asked())
        twice = [row for row, times in asked.items() if times > 1 or row[1] in self.kept[row[0]]]
        assert not twice
        for shard in {shard for shard, _ in asked}:
            self.kept[shard] = self._kept_rows(shard)
        self._seen = [len(server.requests()) for server in self._downloads.servers]
        return Counter(shard for shard, row in asked if row not in self.kept[shard])

    def _new_requests(self) -> Iterator[tuple[str, list[Request]]]:
        for server, seen in zip(self._downloads.servers, self._seen, strict=True):
            yield encode_server_name(server.address), server.requests(after=seen)

    def _asked(self) -> Iterator[Row]:
        for server, requests in self._new_requests():
            for request in requests:
                if match := re.fullmatch(r"/(\d+)-(\d+)\.jpg", request.path):
                    yield ShardId(server, int(match[1])), int(match[2])

    def _kept_rows(self, shard: ShardId) -> set[int]:
        is_finished = any((self._downloads.spool / shard_folder(*shard)).glob("*/errors.parquet"))
        return set(range(self._rows[shard])) if is_finished else set(self._downloads.rows_in_segments(shard))


def test_killed_downloads_lose_nothing_and_refetch_next_to_nothing(tmp_path: Path) -> None:
    generator = random.Random(SEED)
    victims: Counter[str] = Counter()
    refetched: list[Counter[ShardId]] = []
    started = time.monotonic()
    with schedule(
        tmp_path, sizes_of_batches(generator), images=IMAGES, rate_limit=RATE_LIMIT, two_lanes_from=BATCHES + 1
    ) as downloads:
        books = Books(downloads)
        while victims.total() - victims[TERMINATED] < KILLS:
            assert books.unfinished(), "all is downloaded: too few rows for so many kills"
            struck, in_vain = disturb(downloads, books, generator)
            victims.update(struck)
            refetched.append(in_vain)
        last = downloads.run(2, **PARAMETERS)
        assert last.returncode == 0, last.stderr
        assert not books.close()
        seconds = time.monotonic() - started
        whole = replace(downloads, images=tmp_path / "whole")
        assert whole.run(2, **PARAMETERS).returncode == 0
    assert len(whole.tables()) == 2 * len(downloads.lanes.shards)
    assert downloads.tables() == whole.tables()
    assert downloads.all_rows() == downloads.rows_of_batches()
    assert failed_rows(downloads) == missing_rows(downloads)
    assert any(refetched), "no kill has met a download"
    rows = downloads.all_rows().total()
    print(f"\n{KILLS} kills and {victims[TERMINATED]} SIGTERM in {seconds:.0f} s while {rows} rows were downloaded:")
    print(", ".join(f"{victim} {times}" for victim, times in victims.most_common()))
    print(f"refetched: {sum(lost.total() for lost in refetched)} rows; of a kill's shards together at most", end=" ")
    print(max(lost.total() for lost in refetched), end=", of one at most ")
    print(max(max(lost.values(), default=0) for lost in refetched))


def disturb(downloads: Schedule, books: Books, generator: random.Random) -> tuple[list[str], Counter[ShardId]]:
    """Download for a while.

    Returns:
        Who was killed, and the rows that were asked for in vain.
    """
    with start(downloads, books, generator) as jobs:
        struck = strike(jobs, books, generator)
        is_graceful = set(struck) <= {DECODER, TERMINATED}
        was_left = jobs.end(SECONDS_TO_STOP if is_graceful else generator.uniform(0, MOST_SECONDS_ALONE))
    in_vain = books.close()
    bound = CONCURRENCY if is_graceful and not was_left else MOST_LOST
    assert all(rows <= bound for rows in in_vain.values()), (struck, in_vain)
    return struck, in_vain


def sizes_of_batches(generator: random.Random) -> list[list[int]]:
    """Rows of each batch of two servers: of the first, which has two lanes, twice as many."""
    return [[generator.randint(*ROWS) for _ in range(batches)] for batches in (2 * BATCHES, BATCHES)]


def start(downloads: Schedule, books: Books, generator: random.Random) -> Jobs:
    """Start what is left to be downloaded, in one of the ways."""
    log = downloads.folder / "jobs.log"
    next_shards = [lane[0] for lane in books.unfinished()]
    way = generator.choice(WAYS)
    if way == "fleet":
        ranks = generator.choice((1, 2, 4))
        return Jobs([downloads.command(ranks, **PARAMETERS)], min(2 * ranks, len(next_shards)), log)
    if way == "a shard":
        next_shards = [generator.choice(next_shards)]
    return Jobs([shard_command(downloads, shard) for shard in next_shards], len(next_shards), log)


def shard_command(downloads: Schedule, shard: ShardId) -> list[str]:
    """What Snakemake would run."""
    lanes = downloads.lanes
    lane, _ = lanes.position[shard]
    options = {
        "--profiles": downloads.folder / "profiles.csv",
        "--lane": lanes.number_of[shard.server, lane],
        "--lanes": lanes.lanes_of[shard.server],
        "--requests": downloads.folder / "logs/requests" / f"{shard_folder(*shard)}.parquet",
    }
    words = (str(word) for option in options.items() for word in option)
    return downloads.shard_command(shard, *words, **PARAMETERS)


def strike(jobs: Jobs, books: Books, generator: random.Random) -> list[str]:
    """Let jobs get on and kill somebody, again and again until it is more than a decoder; says who was killed."""
    struck: list[str] = []
    while set(struck) <= {DECODER}:
        goal = books.requests + generator.randrange(1, MOST_REQUESTS * jobs.shards)
        while jobs.are_running and books.requests < goal:
            time.sleep(POLL_SECONDS)
        if not jobs.are_running:
            break
        struck.append(jobs.strike(generator))
    return struck


def failed_rows(downloads: Schedule) -> set[tuple[str, int]]:
    """The rows of all tables of errors, each with its code."""
    tables = [pq.read_table(table) for table in downloads.spool.glob("*/*/*/errors.parquet")]
    columns = ("identifier", "error_code")
    return {row for table in tables for row in zip(*(table[name].to_pylist() for name in columns), strict=True)}


def missing_rows(downloads: Schedule) -> set[tuple[str, int]]:
    """What no server has."""
    return {
        (server.url(f"/{partition}-{row}.jpg"), 404)
        for server in downloads.servers
        for shard in downloads.lanes.shards
        if shard.server == encode_server_name(server.address)
        for partition in [shard.partition]
        for row in range(MISSING_EVERY - 1, downloads.rows_of(shard), MISSING_EVERY)
    }
