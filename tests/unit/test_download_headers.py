"""Response headers: waits, opt-outs, rate limits, and text that is none of them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.download.headers import RateWish, announced_rate, opted_out, product_token, rate_wish, seconds_to_wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWL = "Owl/1.2 (owl@example.org)"
DIRECTIVES = ["noai", "noimageai", "noindex", "noimageindex"]
WORDS = [
    "noai",
    "owl",
    "RateLimit",
    "unavailable_after",
    "25 Jun 2010 15:00:00 PST",
    '"a"',
    "r=5",
    "t=30",
    "q=0",
    "w=60",
    "9" * 5000,
]


def test_retry_after_is_read_as_seconds_or_date() -> None:
    assert seconds_to_wait("120") == 120
    assert seconds_to_wait(format_datetime(NOW.replace(minute=2), usegmt=True), NOW) == 120
    assert seconds_to_wait(format_datetime(NOW.replace(year=2020), usegmt=True), NOW) == 0
    assert seconds_to_wait("soon") is None
    assert seconds_to_wait("Mon, 01 Jan 2020 00:00:00 +99999999999999999999") is None
    assert seconds_to_wait(None) is None


@pytest.mark.parametrize("user_agent", ["Owl/1.2 (owl@example.org)", "Owl (owl@example.org)", "Owl", " Owl/1"])
def test_the_product_token_is_the_first_name(user_agent: str) -> None:
    assert product_token(user_agent) == "Owl"


@pytest.mark.parametrize(
    ("lines", "directive"),
    [
        (["noai"], "noai"),
        (["NoAI"], "noai"),
        (["nofollow,noimageai , noai"], "noimageai"),
        (["nofollow", "noindex"], "noindex"),
        (["owl: nofollow, noai"], "noai"),
        (["OWL:noai"], "noai"),
        (["*: noai"], "noai"),
        (["otherbot: nofollow, owl: noindex"], "noindex"),
        (["otherbot: noai", "noimageindex"], "noimageindex"),
        (["unavailable_after: Friday, 25 Jun 2010 15:00:00 PST, noai"], "noai"),
        (["max-image-preview: none, noai"], "noai"),
        (["otherbot: nofollow, noai"], None),
        (["owl: nofollow, otherbot: noai"], None),
        (["owlet: noai"], None),
        (["noaim", "no ai", "nofollow", "all", ""], None),
        ([], None),
    ],
)
def test_an_opt_out_counts_for_all_or_for_us(lines: list[str], directive: str | None) -> None:
    headers = httpx.Headers([("X-Robots-Tag", line) for line in lines])
    assert opted_out(headers, DIRECTIVES, OWL) == directive


def test_only_configured_directives_are_opt_outs() -> None:
    headers = httpx.Headers({"X-Robots-Tag": "noindex, noai"})
    assert opted_out(headers, ["NoAI"], OWL) == "NoAI"
    assert opted_out(headers, [], OWL) is None


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"RateLimit": '"default";r=50;t=30'}, RateWish(50, 30)),
        ({"RateLimit": '"default"; t=30; r=0; pk=:abc=:'}, RateWish(0, 30)),
        ({"RateLimit": '"second";r=10;t=1, "day";r=100;t=3600'}, RateWish(100, 3600)),
        ({"RateLimit": '"second";r=0;t=1, "day";r=0;t=3600'}, RateWish(0, 3600)),
        ({"RateLimit": '"default";r=50', "RateLimit-Remaining": "7", "RateLimit-Reset": "3"}, RateWish(7, 3)),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "3.7"}, RateWish(7, 3)),
        ({"X-RateLimit-Remaining": "7, 7;w=60", "X-RateLimit-Reset": "3"}, RateWish(7, 3)),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": f"{NOW.timestamp() + 90:.0f}"}, RateWish(7, 90)),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": f"{NOW.timestamp() - 90:.0f}"}, RateWish(7, 0)),
        ({"RateLimit-Remaining": "7"}, None),
        ({"RateLimit-Remaining": "many", "RateLimit-Reset": "3"}, None),
        ({"RateLimit-Remaining": "-7", "RateLimit-Reset": "3"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_is_read_from_any_of_its_headers(headers: dict[str, str], wish: RateWish | None) -> None:
    assert rate_wish(httpx.Headers(headers), NOW) == wish


@given(
    st.binary() | st.lists(st.sampled_from([*WORDS, ",", ";", ":", "="])).map(lambda words: " ".join(words).encode())
)
def test_no_header_raises_an_error(value: bytes) -> None:
    names = ["X-Robots-Tag", "RateLimit", "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"]
    headers = httpx.Headers([(name.encode(), value) for name in names])
    assert opted_out(headers, DIRECTIVES, OWL) in {*DIRECTIVES, None}
    wish = rate_wish(headers, NOW)
    assert wish is None or (wish.remaining >= 0 and 0 <= wish.seconds < math.inf)
    rate = announced_rate(headers)
    assert rate is None or 0 < rate < math.inf
    wait = seconds_to_wait(headers["Retry-After"], NOW)
    assert wait is None or wait >= 0


@given(st.text())
def test_no_date_raises_an_error(retry_after: str) -> None:
    wait = seconds_to_wait(retry_after, NOW)
    assert wait is None or wait >= 0
