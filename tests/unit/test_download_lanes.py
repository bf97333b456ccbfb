"""The plan of downloads: every shard once, each server within its lanes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from treeline.download.lanes import lanes_for, plan_lanes
from treeline.download.schedule import read_schedule, schedule_downloads
from treeline.io.manifest import ShardId

collections = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 30), min_size=1, max_size=12
).map(
    lambda servers: [
        ShardId(server, number) for server, batches in sorted(servers.items()) for number in range(batches)
    ]
)
rule_sets = st.dictionaries(st.integers(2, 20), st.integers(1, 6), max_size=4).map(lambda rules: {1: 1, **rules})


@given(collections, rule_sets, st.integers(1, 20))
def test_every_shard_is_in_one_lane_and_waits_for_one_before_it(
    shards: list[ShardId], rules: dict[int, int], max_lanes: int
) -> None:
    plan = plan_lanes(shards, (), rules, max_lanes)
    assert Counter(shard for lane in plan.lanes for shard in lane) == Counter(shards)
    assert plan.shards == shards
    assert 1 <= len(plan.lanes) <= max_lanes
    heads = [lane[0] for lane in plan.lanes]
    assert len(plan.previous) == len(shards) - len(heads)
    assert all(head not in plan.previous for head in heads)
    for lane in plan.lanes:
        for before, shard in pairwise(lane):
            assert plan.previous[shard] == before


@given(collections, rule_sets, st.integers(1, 20))
def test_a_server_is_in_no_more_lanes_than_share_its_rate(
    shards: list[ShardId], rules: dict[int, int], max_lanes: int
) -> None:
    plan = plan_lanes(shards, (), rules, max_lanes)
    batches = Counter(shard.server for shard in shards)
    for server, lanes in plan.lanes_of.items():
        assert sum(any(shard.server == server for shard in lane) for lane in plan.lanes) <= lanes
        assert lanes <= lanes_for(batches[server], rules)


@given(collections, rule_sets)
def test_ignored_servers_are_left_out(shards: list[ShardId], rules: dict[int, int]) -> None:
    ignored = {shards[0].server}
    plan = plan_lanes(shards, ignored, rules, 64)
    assert {shard.server for lane in plan.lanes for shard in lane} == {shard.server for shard in shards} - ignored


@given(collections, rule_sets, st.integers(1, 20))
def test_the_schedule_file_holds_the_plan(shards: list[ShardId], rules: dict[int, int], max_lanes: int) -> None:
    plan = plan_lanes(shards, (), rules, max_lanes)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        servers = "".join(f"{server},1\n" for server in sorted({shard.server for shard in shards}))
        (root / "profiles.csv").write_text(f"server_name,rate_limit\n{servers}")
        schedule_downloads(plan, root / "profiles.csv", root / "schedules", root / "logs", root / "checkpoint.yaml")
        read_back = read_schedule(root / "schedules/current/0000/0000.csv")
    assert read_back == plan
    assert read_back.lanes_of == plan.lanes_of


def test_runs_of_one_server_that_meet_in_a_lane_stay_apart() -> None:
    shards = [ShardId("a", number) for number in range(7)]
    shards += [ShardId(server, number) for server in "bc" for number in range(40)]
    plan = plan_lanes(shards, (), {1: 1, 2: 2, 30: 1}, 3)
    assert plan.shards == shards


def test_the_largest_threshold_that_is_reached_decides() -> None:
    rules = {1: 1, 10: 2, 100: 4}
    assert [lanes_for(batches, rules) for batches in (1, 9, 10, 99, 100, 5000)] == [1, 1, 2, 2, 4, 4]


def test_small_servers_share_lanes_when_there_are_too_many() -> None:
    shards = [ShardId("big", number) for number in range(6)]
    shards += [ShardId(f"small-{letter}", 0) for letter in "abcdef"]
    plan = plan_lanes(shards, (), {1: 1}, 3)
    assert sorted(len(lane) for lane in plan.lanes) == [3, 3, 6]
    assert [shard.server for shard in plan.lanes[0]] == ["big"] * 6
