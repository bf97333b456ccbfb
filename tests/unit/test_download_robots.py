"""robots.txt: which group is ours, which URLs it allows, and what a missing file means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.download.robots import MAX_BYTES, read_robots

OWL = "Owl/1.2 (owl@example.org)"
SITE = "https://example.org"

ROBOTS = b"""\
\xef\xbb\xbfUser-agent: *
Disallow: /
Crawl-delay: 60

User-agent: OWL
User-agent: hawk
Disallow: /private/
Disallow: /*.gif$
Allow: /private/open/
Crawl-delay: 2.5
"""


def allows(path: str, robots: bytes = ROBOTS, user_agent: str = OWL, status: int | None = 200) -> bool:
    return read_robots(status, robots, user_agent).allows(SITE + path)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/a.jpg", True),
        ("/private/a.jpg", False),
        ("/private/open/a.jpg", True),
        ("/a.gif", False),
        ("/a.gif?size=1", True),
        ("/%70rivate/a.jpg", False),
        ("/robots.txt", True),
    ],
)
def test_the_rules_of_our_group_decide(path: str, allowed: bool) -> None:
    assert allows(path) is allowed


def test_our_product_token_chooses_the_group() -> None:
    assert read_robots(200, ROBOTS, OWL).crawl_delay == 2.5
    assert read_robots(200, ROBOTS, "owl").crawl_delay == 2.5
    others = read_robots(200, ROBOTS, "Finch/1.0 (see hawk, owl)")
    assert (others.crawl_delay, others.allows(SITE + "/a.jpg")) == (60, False)


@pytest.mark.parametrize("status", [301, 308, 400, 401, 403, 404, 410])
def test_without_a_file_all_is_allowed(status: int) -> None:
    assert allows("/a.jpg", b"User-agent: *\nDisallow: /", status=status)


@pytest.mark.parametrize("status", [None, 500, 502, 503, 504])
def test_a_server_that_cannot_say_is_left_alone(status: int | None) -> None:
    assert not allows("/a.jpg", b"", status=status)


@pytest.mark.parametrize("delay", [b"soon", b"-1", b"inf", b"nan", b""])
def test_a_delay_that_is_none_is_ignored(delay: bytes) -> None:
    assert read_robots(200, b"User-agent: *\nCrawl-delay: " + delay, OWL).crawl_delay is None


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_line_that_is_cut_off_does_not_count(ending: bytes) -> None:
    rules = b"User-agent: *" + ending + b"Disallow: /b" + ending
    comment = b"#" * (MAX_BYTES - len(rules) - len(ending) - len(b"Disallow: /")) + ending
    robots = rules + comment + b"Disallow: /private"
    assert robots[:MAX_BYTES].endswith(b"Disallow: /")
    assert allows("/a.jpg", robots)
    assert not allows("/b.jpg", robots)


@given(st.binary() | st.lists(st.sampled_from([*ROBOTS.split(), b"\n", b":", b"%", b"*", b"$"])).map(b" ".join))
def test_no_file_and_no_url_raises_an_error(body: bytes) -> None:
    robots = read_robots(200, body, OWL)
    for url in (SITE + "/a.jpg", "http://[", "http://\udc80/\udc80", body.decode("latin-1")):
        assert robots.allows(url) in (True, False)
