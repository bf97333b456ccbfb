"""How fast a server is asked: never above the limit, slower when it struggles."""

from __future__ import annotations

import asyncio
import math
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


def turns(pace: Pace, clock: Clock, pauses: list[float], outcomes: list[str]) -> list[float]:
    """Take turns with a pause after each; the times at which they came."""
    times = []

    async def take() -> None:
        for pause, outcome in zip(pauses, outcomes, strict=False):
            await pace.turn()
            times.append(clock.now)
            getattr(pace, outcome)()
            clock.now += pause

    asyncio.run(take())
    return times


lane = st.tuples(
    st.floats(0, 5),
    st.lists(st.floats(0, 0.5), min_size=30, max_size=60),
    st.lists(st.sampled_from(["succeeded", "struggled"]), min_size=60, max_size=60),
)


@given(limit=st.floats(0.1, 500), lanes=st.lists(lane, min_size=1, max_size=5))
def test_no_second_has_more_requests_than_the_limit(
    limit: float, lanes: list[tuple[float, list[float], list[str]]]
) -> None:
    """All lanes together, whenever each starts and however unsteadily it asks."""
    times = []
    for number, (start, pauses, outcomes) in enumerate(lanes):
        with pytest.MonkeyPatch.context() as monkeypatch:
            clock = Clock(monkeypatch)
            clock.now += start
            pace = Pace(limit / len(lanes), 0.5, lane=(number, len(lanes)), clock=clock)
            times += turns(pace, clock, pauses, outcomes)
    times.sort()
    window = max(1.0, 1 / limit)
    for number, start in enumerate(times):
        assert bisect_left(times, start + window) - number <= math.ceil(limit * window)


@given(limit=st.floats(0.5, 300), share=st.floats(0.1, 1), count=st.integers(1, 5))
def test_the_rate_is_used(limit: float, share: float, count: int) -> None:
    """A lane that always has somebody waiting asks as fast as it may, at any rate below the limit too."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch)
        pace = Pace(limit, 0.99, share * limit, lane=(count - 1, count), clock=clock)
        monkeypatch.setattr(pace, "succeeded", lambda: None)
        times = turns(pace, clock, [0.0] * 400, ["succeeded"] * 400)
    seconds = times[-1] - times[0]
    assert 0.99 * 399 / (share * limit) <= seconds <= 1.03 * 400 / (share * limit) + 2 / limit


def test_the_next_job_on_a_lane_keeps_its_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    last = turns(Pace(0.1, 0.5, clock=clock), clock, [0.0] * 3, ["succeeded"] * 3)[-1]
    clock.now += 0.5
    first = turns(Pace(0.1, 0.5, clock=clock), clock, [0.0], ["succeeded"])[0]
    assert first - last >= 10.0


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


def test_a_crawl_delay_lowers_the_limit_and_nothing_raises_it() -> None:
    pace = Pace(10.0, 0.5)
    pace.lower_limit(0.5)
    pace.lower_limit(20.0)
    assert (pace.limit, pace.rate) == (0.5, 0.5)
    pace.succeeded()
    assert pace.rate == 0.5


def test_what_a_server_says_that_it_will_answer_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(10.0, 0.5, clock=clock)
    pace.keep_to(6, 60.0)
    assert pace.rate == 0.1
    pace.keep_to(1000, 60.0)
    assert pace.rate == 0.1
    pace.keep_to(0, 60.0)
    assert pace.seconds_paused == pytest.approx(60.0)
    assert turns(pace, clock, [0.0], ["succeeded"])[0] >= 160.0 - 0.01
