"""Lanes: the order in which shards are downloaded, and how many at once.

A lane is a list of shards of which one is in flight at a time: each waits for the one before it. A server has as many
lanes as the schedule rules give it, and its rate limit is divided among them, so that politeness follows from the DAG.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from treeline.io.manifest import ShardId


@dataclass(frozen=True)
class Lanes:
    """The plan of all downloads.

    Args:
        lanes: Each a list of shards in the order of their download.
    """

    lanes: list[list[ShardId]]

    @cached_property
    def lanes_of(self) -> Counter[str]:
        """Number of lanes that each server is in, and that share its rate limit."""
        return Counter(server for lane in self.lanes for server in {shard.server for shard in lane})

    @cached_property
    def number_of(self) -> dict[tuple[str, int], int]:
        """The number of each lane among those of a server, from 0, by server and lane."""
        numbers: dict[tuple[str, int], int] = {}
        so_far: Counter[str] = Counter()
        for lane, shards in enumerate(self.lanes):
            for server in {shard.server for shard in shards}:
                numbers[server, lane] = so_far[server]
                so_far[server] += 1
        return numbers

    @cached_property
    def previous(self) -> dict[ShardId, ShardId]:
        """The shard before each shard in its lane; the first of a lane has none."""
        return {shard: before for lane in self.lanes for before, shard in pairwise(lane)}

    @cached_property
    def position(self) -> dict[ShardId, tuple[int, int]]:
        """The lane of each shard, and its place there, both from 0."""
        return {shard: (lane, place) for lane, shards in enumerate(self.lanes) for place, shard in enumerate(shards)}

    @property
    def shards(self) -> list[ShardId]:
        """Every shard, by server and number."""
        return sorted(shard for lane in self.lanes for shard in lane)


def plan_lanes(
    shards: Iterable[ShardId], ignored: Collection[str], schedule_rules: Mapping[int, int], max_lanes: int
) -> Lanes:
    """Deal the shards to lanes.

    Args:
        shards: All batches, ordered by server and number.
        ignored: Percent-encoded names of the servers to leave out.
        schedule_rules: At least so many batches of a server -> so many lanes.
        max_lanes: Most lanes over all servers; where there would be more, the smallest share.

    Returns:
        Lanes in which each server's shards are consecutive runs, one run a lane.
    """
    runs: list[list[ShardId]] = []
    for server, of_server in groupby(shards, key=lambda shard: shard.server):
        if server not in ignored:
            batches = list(of_server)
            runs += _split(batches, min(lanes_for(len(batches), schedule_rules), len(batches), max_lanes))
    return Lanes(_pack(runs, max_lanes))


def lanes_for(batches: int, schedule_rules: Mapping[int, int]) -> int:
    """Number of lanes of a server with so many batches: the rule with the largest threshold that it reaches."""
    return schedule_rules[max(threshold for threshold in schedule_rules if threshold <= batches)]


def _split(batches: list[ShardId], parts: int) -> list[list[ShardId]]:
    """Cut a list into consecutive parts whose lengths differ by one at most."""
    bounds = [len(batches) * part // parts for part in range(parts + 1)]
    return [batches[start:end] for start, end in pairwise(bounds)]


def _pack(runs: list[list[ShardId]], max_lanes: int) -> list[list[ShardId]]:
    """Join runs until there are at most `max_lanes`: the longest first, each to the lane with the fewest shards."""
    if len(runs) <= max_lanes:
        return runs
    lanes: list[list[ShardId]] = [[] for _ in range(max_lanes)]
    shortest = [(0, number) for number in range(max_lanes)]
    for run in sorted(runs, key=lambda run: (-len(run), run[0].server, run[0].partition)):
        length, number = heapq.heappop(shortest)
        lanes[number] += run
        heapq.heappush(shortest, (length + len(run), number))
    return lanes
