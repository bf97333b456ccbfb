"""The rate limit that is proposed for a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.config_download import DownloaderParameters
from treeline.download.server_profile import SERVER_PROFILE_COLUMNS, ServerProfile, table_row

PARAMETERS = DownloaderParameters(default_rate_limit=8.0, max_concurrency=4)


def measured(**changes: Any) -> ServerProfile:
    profile = {"server_name": "a.example", "samples": 5, "allowed": 5, "statuses": {200: 5}, "failures": 0}
    return ServerProfile.model_validate({**profile, **changes})


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({}, 8.0),
        ({"crawl_delay": 0.01, "announced_rate": 100.0, "seconds_to_last_byte": 0.01}, 8.0),
        ({"crawl_delay": 3.0}, 0.3333),
        ({"crawl_delay": 6.0}, 0.1666),
        ({"announced_rate": 1.5}, 1.5),
        ({"seconds_to_last_byte": 2.0}, 2.0),
        ({"statuses": {200: 3, 429: 1, 503: 1}}, 2.0),
        ({"statuses": {}, "robots_status": 503}, 4.0),
        ({"crawl_delay": 1.0, "announced_rate": 0.5, "statuses": {429: 1}}, 0.25),
    ],
)
def test_each_measurement_can_lower_the_rate(changes: dict[str, object], rate: float) -> None:
    assert measured(**changes).proposed_rate_limit(PARAMETERS) == rate


def test_a_crawl_delay_counts_only_where_robots_are_obeyed() -> None:
    parameters = DownloaderParameters(default_rate_limit=8.0, obey_robots_txt=False)
    assert measured(crawl_delay=3.0).proposed_rate_limit(parameters) == 8.0


positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@given(
    limit=positive,
    crawl_delay=positive,
    announced=st.floats(1e-12, 1e12),
    seconds=st.floats(0, 1e6),
    busy=st.integers(0, 20),
)
def test_a_proposal_is_never_above_the_limits_nor_zero(
    limit: float, crawl_delay: float, announced: float, seconds: float, busy: int
) -> None:
    limit, crawl_delay = max(limit, 1e-9), min(crawl_delay, 1e9)
    profile = measured(
        crawl_delay=crawl_delay, announced_rate=announced, seconds_to_last_byte=seconds, statuses={429: busy}
    )
    rate = profile.proposed_rate_limit(DownloaderParameters(default_rate_limit=limit))
    assert 0 < rate <= min(limit, 1 / crawl_delay, announced)


def test_the_table_is_read_by_people() -> None:
    profile = measured(statuses={404: 1, 200: 4}, ranges=True, seconds_to_first_byte=0.0123456, body_bytes=1234567)
    row = dict(zip(SERVER_PROFILE_COLUMNS, table_row(profile, PARAMETERS), strict=True))
    assert row["statuses"] == "200:4 404:1"
    assert row["ranges"] == "true"
    assert row["seconds_to_first_byte"] == "0.01235"
    assert row["body_bytes"] == 1234567
    assert (row["robots_status"], row["proposed_rate_limit"]) == (None, 8.0)
