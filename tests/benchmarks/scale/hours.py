"""How long the servers take: the lanes of the real schedule, played through."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence

from treeline.download.lanes import Lanes
from treeline.io.manifest import ShardId


def lane_jobs(
    lanes: Lanes,
    rows: Mapping[ShardId, int],
    rates: Mapping[str, float],
    *,
    seconds_an_image: float,
    seconds_a_shard: float,
    seconds_a_job: float,
    shards_per_job: int,
) -> list[list[float]]:
    """Seconds of each lane's jobs, one after the other.

    A shard takes as long as its server's rate, shared by the server's lanes, lets it, or as long as its images take one
    core, if that is longer.

    Args:
        lanes: The schedule.
        rows: URLs of each shard.
        rates: Requests a second that each server answers, by its percent-encoded name.
        seconds_an_image: Time of one core.
        seconds_a_shard: The start of a shard's command.
        seconds_a_job: From the end of a job to the start of the first command of the next one in its lane.
        shards_per_job: Shards of a lane that one job downloads.
    """
    lanes_of = lanes.lanes_of

    def seconds(shard: ShardId) -> float:
        each = max(lanes_of[shard.server] / rates[shard.server], seconds_an_image)
        return seconds_a_shard + rows[shard] * each

    return [
        [
            seconds_a_job + sum(map(seconds, lane[first : first + shards_per_job]))
            for first in range(0, len(lane), shards_per_job)
        ]
        for lane in lanes.lanes
    ]


def time_of_all(lanes: Sequence[Sequence[float]], at_once: int) -> float:
    """Seconds until every job of every lane is done, with one of a lane at a time and `at_once` of all.

    A lane whose job is done waits for its turn behind those that wait already.
    """
    left = [iter(lane) for lane in lanes]
    waiting = deque(range(len(left)))
    running: list[tuple[float, int]] = []
    now = 0.0
    while waiting or running:
        while waiting and len(running) < at_once:
            lane = waiting.popleft()
            if (seconds := next(left[lane], None)) is not None:
                heapq.heappush(running, (now + seconds, lane))
        if running:
            now, lane = heapq.heappop(running)
            waiting.append(lane)
    return now
