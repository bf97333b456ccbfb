"""A fleet's decisions, whatever its ranks do: order, lanes, and every shard exactly once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from treeline.download.coordinator import BUSY_SECONDS, HEARTBEAT_PATIENCE_SECONDS, Coordinator, Outcome
from treeline.io.manifest import ShardId


def lane(server: str, length: int, first: int = 0) -> list[ShardId]:
    return [ShardId(server, first + place) for place in range(length)]


class Fleet(RuleBasedStateMachine):
    """Ranks that finish, fail, fall silent, come back and report late."""

    @initialize(lengths=st.lists(st.integers(0, 4), max_size=6), ranks=st.integers(1, 4), capacity=st.integers(1, 3))
    def start(self, lengths: list[int], ranks: int, capacity: int) -> None:
        self.lanes = [lane(f"server-{number % 3}", length, 10 * number) for number, length in enumerate(lengths)]
        self.ranks, self.capacity, self.now = ranks, capacity, 0.0
        self.coordinator = Coordinator(self.lanes, ranks, capacity, self.now)
        self.held: dict[ShardId, int] = {}
        self.late: list[tuple[int, ShardId]] = []
        self.done: list[ShardId] = []
        self.failed: list[ShardId] = []

    @rule()
    def hand_out(self) -> None:
        for rank, shard in self.coordinator.hand_out(self.now):
            assert shard not in self.held
            self.held[shard] = rank
        open_lanes = sum(any(shard in self.held for shard in shards) for shards in self.lanes)
        assert open_lanes == len(self.held)

    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def report(self, data: st.DataObject, outcome: Outcome) -> None:
        if not self.held:
            return
        shard = data.draw(st.sampled_from(sorted(self.held)))
        self.coordinator.finished(self.held.pop(shard), shard, outcome, self.now, "why")
        if outcome is Outcome.DONE:
            self.done.append(shard)
        elif outcome is Outcome.FAILED:
            self.failed.append(shard)

    @rule(data=st.data())
    def one_falls_silent(self, data: st.DataObject) -> None:
        silent = data.draw(st.integers(0, self.ranks - 1))
        self.now += HEARTBEAT_PATIENCE_SECONDS + 1
        for rank in range(self.ranks):
            if rank != silent:
                self.coordinator.heard(rank, self.now)
        given_up = self.coordinator.give_up_silent(self.now)
        expected = sorted(shard for shard, rank in self.held.items() if rank == silent)
        assert sorted(given_up.get(silent, [])) == expected
        assert set(given_up) <= {silent}
        for shard in expected:
            self.late.append((self.held.pop(shard), shard))

    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def report_late(self, data: st.DataObject, outcome: Outcome) -> None:
        """What a rank that was taken for dead says of a shard that another has now changes nothing."""
        late = [(rank, shard) for rank, shard in self.late if self.held.get(shard) != rank]
        if late:
            rank, shard = data.draw(st.sampled_from(late))
            self.coordinator.finished(rank, shard, outcome, self.now)

    @rule(rank=st.integers(0, 3))
    def comes_back(self, rank: int) -> None:
        if rank < self.ranks:
            self.coordinator.heard(rank, self.now)

    @invariant()
    def lanes_are_kept(self) -> None:
        for shards in self.lanes:
            in_flight = [shard for shard in shards if shard in self.held]
            assert len(in_flight) <= 1
            ended = [shard for shard in shards if shard in self.done]
            assert ended == shards[: len(ended)]
            assert in_flight in ([], shards[len(ended) : len(ended) + 1])
            assert not (in_flight and set(shards) & set(self.failed))
        assert max(Counter(self.held.values()).values(), default=0) <= self.capacity

    @invariant()
    def the_account_adds_up(self) -> None:
        assert self.coordinator.done == len(self.done) == len(set(self.done))
        assert list(self.coordinator.failures) == self.failed
        over = [shards[-1:] == self.done_of(shards)[-1:] or set(shards) & set(self.failed) for shards in self.lanes]
        assert self.coordinator.is_done == all(over)

    def done_of(self, shards: list[ShardId]) -> list[ShardId]:
        return [shard for shard in shards if shard in self.done]

    def teardown(self) -> None:
        """Left in peace, the fleet comes to its end."""
        if not hasattr(self, "coordinator"):
            return
        for rank in range(self.ranks):
            self.coordinator.heard(rank, self.now)
        while not self.coordinator.is_done:
            self.now += BUSY_SECONDS
            for rank, shard in self.coordinator.hand_out(self.now):
                self.held[shard] = rank
            assert self.held
            for shard in list(self.held):
                self.coordinator.finished(self.held.pop(shard), shard, Outcome.DONE, self.now)
                self.done.append(shard)
        for shards in self.lanes:
            failed = [place for place, shard in enumerate(shards) if shard in self.failed]
            assert self.done_of(shards) == (shards[: failed[0]] if failed else shards)


TestFleet = Fleet.TestCase


def test_the_longest_lanes_go_first_and_a_servers_lanes_to_different_ranks() -> None:
    lanes = [lane("small", 1), lane("big", 5), lane("big", 5, 5), lane("middle", 3)]
    coordinator = Coordinator(lanes, ranks=2, capacity=2, now=0.0)
    assert coordinator.hand_out(0.0) == [
        (0, ShardId("big", 0)),
        (1, ShardId("big", 5)),
        (0, ShardId("middle", 0)),
        (1, ShardId("small", 0)),
    ]


def test_a_busy_shard_waits_and_holds_up_its_lane_alone() -> None:
    coordinator = Coordinator([lane("a", 2), lane("b", 2)], ranks=1, capacity=2, now=0.0)
    coordinator.hand_out(0.0)
    coordinator.finished(0, ShardId("a", 0), Outcome.BUSY, 0.0)
    coordinator.finished(0, ShardId("b", 0), Outcome.DONE, 0.0)
    assert coordinator.hand_out(BUSY_SECONDS / 2) == [(0, ShardId("b", 1))]
    assert coordinator.hand_out(BUSY_SECONDS) == [(0, ShardId("a", 0))]


@pytest.mark.parametrize("lanes", [[], [[]]])
def test_an_empty_schedule_is_done(lanes: list[list[ShardId]]) -> None:
    assert Coordinator(lanes, ranks=2, capacity=1, now=0.0).is_done
