"""The torture table's robots.txt files: each belongs to a server, so each has one of its own."""

from __future__ import annotations

from itertools import count

from resources.example.replies import Reply
from tests.torture.case import Case, Failed, Stored, case, redirect
from tests.torture.images import HTML
from tests.torture.server import Site

DISALLOWED = Failed(-3, "robots", tries=0)
ALLOW_ALL = "User-agent: *\nDisallow:\n"
DISALLOW_ALL = "User-agent: *\nDisallow: /\n"
MOST_BYTES = 500 * 1024
"""So much of a robots.txt has to be read (RFC 9309, 2.5)."""
CRAWL_DELAY_SECONDS = 0.5
PAUSED_ROWS = 5

_numbers = count(100)


def text(content: str | bytes, status: int = 200) -> Reply:
    """A robots.txt."""
    return Reply(content.encode() if isinstance(content, str) else content, status, "text/plain")


def site(*replies: Reply) -> Site:
    """A server with this robots.txt."""
    return Site(f"127.0.0.{next(_numbers)}", robots=replies)


def ruled(name: str, expected: Stored | Failed, content: str | bytes, target: str = "") -> Case:
    """A good photo at a server with this robots.txt."""
    return case(f"robots: {name}", expected, site=site(text(content)), target=target)


PRIVATE = site(text("User-agent: *\r\nDisallow: /private/\r\nAllow: /private/open/\r\n"))
PATTERNS = site(text("\ufeffUSER-AGENT: *\ndisallow: /*.gif$ # no animations\nDisallow: /*?*size=\n"))
PAUSED = site(text(f"User-agent: *\nCrawl-delay: {CRAWL_DELAY_SECONDS}\n"))

ROBOTS = [
    case("robots: disallowed folder", DISALLOWED, site=PRIVATE, target="/private/a.jpg"),
    case("robots: disallowed folder, encoded", DISALLOWED, site=PRIVATE, target="/%70rivate/b.jpg"),
    case("robots: allowed in a disallowed folder", Stored(), site=PRIVATE, target="/private/open/a.jpg"),
    case("robots: another folder", Stored(), site=PRIVATE, target="/public/a.jpg"),
    case("robots: disallowed end", DISALLOWED, site=PATTERNS, target="/a.gif"),
    case("robots: another end", Stored(), site=PATTERNS, target="/a.gif.jpg"),
    case("robots: disallowed query", DISALLOWED, site=PATTERNS, target="/a.jpg?id=1&size=2"),
    case("robots: another query", Stored(), site=PATTERNS, target="/a.jpg?id=1"),
    ruled("all allowed", Stored(), ALLOW_ALL),
    ruled("all disallowed", DISALLOWED, DISALLOW_ALL),
    ruled("we alone disallowed", DISALLOWED, f"User-agent: Treeline\nDisallow: /\n\n{ALLOW_ALL}"),
    ruled("we alone allowed", Stored(), f"{DISALLOW_ALL}\nUser-agent: TREELINE\nAllow: /\n"),
    ruled("another disallowed", Stored(), "User-agent: Otherbot\nDisallow: /\n"),
    ruled("empty", Stored(), ""),
    ruled("garbage", Stored(), bytes(range(256)) * 100),
    ruled("page", Stored(), HTML),
    ruled("huge, rule within reach", DISALLOWED, DISALLOW_ALL + "# more\n" * MOST_BYTES),
    ruled("huge, rule out of reach", Stored(), "# more\n" * MOST_BYTES + DISALLOW_ALL),
    case("robots: 404", Stored(), site=site(text("", 404))),
    case("robots: 403", Stored(), site=site(text(DISALLOW_ALL, 403))),
    case("robots: 500 for ever", DISALLOWED, site=site(text(ALLOW_ALL, 500))),
    case("robots: 503, then disallowed", DISALLOWED, site=site(text("", 503), text(DISALLOW_ALL))),
    case("robots: 503, then allowed", Stored(), site=site(text("", 503), text(ALLOW_ALL))),
    case("robots: reset for ever", Failed(-1, "robots.txt", tries=None), site=site(Reply(reset=True))),
    case("robots: moved", DISALLOWED, site=site(redirect("/moved")), elsewhere={"/moved": text(DISALLOW_ALL)}),
    *(case(f"robots: with a pause, {number}", Stored(), site=PAUSED) for number in range(PAUSED_ROWS)),
]
