"""Images of a camera, close in time, are one sequence."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.detections.sequences import group_into_sequences, parse_datetime

START = datetime(2024, 1, 1)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_gap_of_more_than_60_seconds_ends_a_sequence() -> None:
    times = [after(0), after(60), after(121), after(121), None, None]
    assert group_into_sequences(["a"] * 6, times) == [[0, 1], [2, 3], [4], [5]]
    assert group_into_sequences(["a", "b", "a"], [after(0)] * 3) == [[0, 2], [1]]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(0, 600)), max_size=30), st.integers(0, 90))
def test_sequences_are_the_runs_of_a_location(images: list[tuple[str, int | None]], gap: int) -> None:
    times = [None if seconds is None else after(seconds) for _, seconds in images]
    sequences = group_into_sequences([location for location, _ in images], times, gap)
    assert sorted(place for sequence in sequences for place in sequence) == list(range(len(images)))
    sequence_of = {place: number for number, sequence in enumerate(sequences) for place in sequence}
    for one, (location, seconds) in enumerate(images):
        for other, (other_location, other_seconds) in enumerate(images[:one]):
            if location != other_location or seconds is None or other_seconds is None:
                assert sequence_of[one] != sequence_of[other]
                continue
            low, high = sorted((seconds, other_seconds))
            between = sorted(t for where, t in images if where == location and t is not None and low <= t <= high)
            is_run = all(later - earlier <= gap for earlier, later in zip(between, between[1:], strict=False))
            assert (sequence_of[one] == sequence_of[other]) == is_run


@pytest.mark.parametrize("text", ["2024:05:06 07:08:09", "2024-05-06 07:08:09", "2024-05-06T07:08:09"])
def test_times_are_read(text: str) -> None:
    assert parse_datetime(text) == datetime(2024, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    "value", [None, "", "2024", "0000:00:00 00:00:00", "2024:02:30 00:00:00", "２024:01:01 00:00:00", 7]
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_datetime(value) is None
