"""How fast a server is asked: never above the limit, slower when it struggles."""

from __future__ import annotations

import asyncio
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.download.pace import Pace


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0

        async def sleep(seconds: float) -> None:
            self.now += seconds

        monkeypatch.setattr(asyncio, "sleep", sleep)

    def __call__(self) -> float:
        return self.now


@given(
    limit=st.floats(0.1, 500),
    idle=st.lists(st.floats(0, 3), min_size=2, max_size=60),
    outcomes=st.lists(st.sampled_from(["succeeded", "struggled"]), min_size=60, max_size=60),
)
def test_no_second_has_more_requests_than_the_limit(limit: float, idle: list[float], outcomes: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch)
        pace = Pace(limit, 0.5, clock=clock)
        times = []

        async def ask() -> None:
            for pause, outcome in zip(idle, outcomes, strict=False):
                await pace.turn()
                times.append(clock.now)
                getattr(pace, outcome)()
                clock.now += pause

        asyncio.run(ask())
    window = 10.0
    for number, start in enumerate(times):
        within = bisect_left(times, start + window) - number
        assert within <= limit * window + 2


@given(st.floats(0.1, 100), st.floats(0, 0.99), st.lists(st.booleans(), max_size=200))
def test_the_rate_stays_within_its_bounds(limit: float, multiplier: float, outcomes: list[bool]) -> None:
    pace = Pace(limit, multiplier)
    for good in outcomes:
        pace.succeeded() if good else pace.struggled()
        assert limit * (1 - multiplier) <= pace.rate <= limit


def test_a_struggling_server_is_asked_half_as_fast_and_recovers_step_by_step() -> None:
    pace = Pace(10.0, 0.9)
    pace.struggled()
    assert pace.rate == 5.0
    pace.succeeded()
    assert pace.rate == pytest.approx(5.2)
    for _ in range(100):
        pace.succeeded()
    assert pace.rate == 10.0


def test_a_learned_rate_is_the_start_but_not_above_the_limit() -> None:
    assert Pace(10.0, 0.5, rate=7.0).rate == 7.0
    assert Pace(10.0, 0.5, rate=70.0).rate == 10.0
    assert Pace(10.0, 0.5, rate=0.1).rate == 5.0


def test_a_pause_holds_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(100.0, 0.5, clock=clock)
    pace.pause(30.0)

    async def ask() -> None:
        await asyncio.gather(*(pace.turn() for _ in range(3)))

    asyncio.run(ask())
    assert clock.now >= 130.0 - 0.01
