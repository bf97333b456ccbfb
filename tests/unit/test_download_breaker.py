"""When a server is parked, and when it is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from treeline.download.breaker import FEWEST_FAILURES, Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def after(steps: list[tuple[float, bool]], patience: float) -> Breaker:
    clock = Clock()
    breaker = Breaker(patience, clock)
    for seconds, answered in steps:
        clock.now += seconds
        breaker.answered() if answered else breaker.failed("no route")
    return breaker


def test_a_silent_server_is_parked_after_the_patience() -> None:
    assert not after([(30, False)] * 4, patience=100).is_parked
    parked = after([(30, False)] * 5, patience=100)
    assert parked.is_parked
    assert parked.reason == "not asked: the server has stopped to answer; 5 failures in a row (no route)"


def test_one_answer_begins_the_wait_anew() -> None:
    assert not after([(30, False)] * 4 + [(1, True)] + [(30, False)] * 4, patience=100).is_parked


def test_a_long_pause_is_no_failure() -> None:
    assert not after([(1, True), (1000, False), (1, False), (1, False)], patience=100).is_parked


def test_a_server_that_was_parked_is_tried_out_with_some_requests() -> None:
    assert not after([(1, False)] * (FEWEST_FAILURES - 1), patience=0).is_parked
    assert after([(1, False)] * FEWEST_FAILURES, patience=0).is_parked


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60), st.floats(0, 200))
def test_parked_means_that_all_failed_for_so_long(steps: list[tuple[float, bool]], patience: float) -> None:
    times, time = [], 0.0
    should = False
    for seconds, answered in steps:
        time += seconds
        times = [] if answered else [*times, time]
        should = should or (len(times) >= FEWEST_FAILURES and time - times[0] >= patience)
    assert after(steps, patience).is_parked == should
