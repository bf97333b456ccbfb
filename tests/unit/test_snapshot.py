"""When a server's downloads will be done, as far as that can be told."""

from __future__ import annotations

from pathlib import Path

from treeline.config import Settings
from treeline.download.underway import Underway
from treeline.io.manifest import Shard
from treeline.settings import paths_of
from treeline.snapshot import outlook, sum_up
from treeline.status import Output


def underway(server: str, partition: int, done: int, rate: float | None) -> Underway:
    return Underway(server, partition, "n1", None, 1, 0.0, 0.0, 100, done, rate, rate, None, 10.0, {})


def test_rows_that_are_left_by_the_rate_of_what_runs(tmp_path: Path) -> None:
    settings = Settings(path_to_input="in.csv", path_to_output=str(tmp_path))
    shards = [Shard(server, number, 100, "x") for server in ("fast", "slow", "waits", "done") for number in range(3)]
    output = Output(settings, paths_of(settings), shards)
    for shard in (shards[0], *shards[-3:]):
        for target in output.shard_targets(shard):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    running = [underway("fast", 1, 60, 10.0), underway("fast", 2, 40, 15.0), underway("slow", 0, 50, 0.5)]
    waits, slow, fast = outlook(output, [*running, underway("waits", 0, 0, None)])
    assert waits == ("waits", 3, 300, 1, None, 10.0, None)
    assert slow == ("slow", 3, 250, 1, 0.5, 10.0, 500.0)
    assert fast == ("fast", 2, 100, 2, 25.0, 20.0, 4.0)
    assert sum_up(shards, [fast], running[:2]) == (1200, 100, 25.0, 25.0, 0.0, 4.0)
    assert sum_up(shards, [waits, slow, fast], running).seconds_left == 500.0
    assert sum_up(shards, [waits._replace(rows_left=30_000), fast], running[:2]).seconds_left == 30_100 / 25.0
    assert sum_up(shards, [waits], []) == (1200, 300, 0.0, 0.0, 0.0, None)


def test_nothing_is_told_of_servers_before_there_are_batches(tmp_path: Path) -> None:
    settings = Settings(path_to_input="in.csv", path_to_output=str(tmp_path))
    assert outlook(Output(settings, paths_of(settings), None), []) == []
