"""The torture table's robots.txt files: each belongs to a server, so each has one of its own."""

from __future__ import annotations

from itertools import count

from resources.example.replies import Reply
from tests.torture.case import Failed, Stored, case, redirect
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


RULES = site(
    text(
        "\ufeffUSER-AGENT: *\r\ndisallow: /private/\r\nAllow: /private/open/\r\n"
        "Disallow: /*.gif$ # no animations\nDisallow: /*?*size=\n"
    )
)
GROUPS = site(
    text(
        "User-agent: *\nDisallow: /for-us-alone/\n\nUser-agent: TREELINE\nDisallow: /not-for-us/\n\n"
        "User-agent: Otherbot\nDisallow: /\n"
    )
)
# Cut off anywhere, the second rule would forbid more than it does as a whole.
HUGE = site(text(f"User-agent: *\nDisallow: /within-reach/\nDisallow: /cut-off/{'*' * MOST_BYTES}/never\n"))
GARBAGE = site(text(HTML + bytes(range(256)) * 100 + b"\nUser-agent: Otherbot\nDisallow: /\n"))
PAUSED = site(text("", 503), text(f"User-agent: *\nCrawl-delay: {CRAWL_DELAY_SECONDS}\n"))

ROBOTS = [
    case("robots: disallowed folder", DISALLOWED, site=RULES, target="/private/a.jpg"),
    case("robots: disallowed folder, encoded", DISALLOWED, site=RULES, target="/%70rivate/b.jpg"),
    case("robots: allowed in a disallowed folder", Stored(), site=RULES, target="/private/open/a.jpg"),
    case("robots: another folder", Stored(), site=RULES, target="/public/a.jpg"),
    case("robots: disallowed end", DISALLOWED, site=RULES, target="/a.gif"),
    case("robots: another end", Stored(), site=RULES, target="/a.gif.jpg"),
    case("robots: disallowed query", DISALLOWED, site=RULES, target="/a.jpg?id=1&size=2"),
    case("robots: another query", Stored(), site=RULES, target="/a.jpg?id=1"),
    case("robots: we alone disallowed", DISALLOWED, site=GROUPS, target="/not-for-us/a.jpg"),
    case("robots: we alone allowed", Stored(), site=GROUPS, target="/for-us-alone/a.jpg"),
    case("robots: another disallowed", Stored(), site=GROUPS, target="/a.jpg"),
    case("robots: huge, rule within reach", DISALLOWED, site=HUGE, target="/within-reach/a.jpg"),
    case("robots: huge, rule cut off", Stored(), site=HUGE, target="/cut-off/a.jpg"),
    case("robots: garbage, then another disallowed", Stored(), site=GARBAGE),
    case("robots: empty", Stored(), site=site(text(""))),
    case("robots: 403", Stored(), site=site(text(DISALLOW_ALL, 403))),
    case("robots: 500 for ever", DISALLOWED, site=site(text(ALLOW_ALL, 500))),
    case("robots: 503, then disallowed", DISALLOWED, site=site(text("", 503), text(DISALLOW_ALL))),
    case("robots: reset for ever", Failed(-1, "robots.txt", tries=None), site=site(Reply(reset=True))),
    case("robots: moved", DISALLOWED, site=site(redirect("/moved")), elsewhere={"/moved": text(DISALLOW_ALL)}),
    *(case(f"robots: 503, then a pause, {number}", Stored(), site=PAUSED) for number in range(PAUSED_ROWS)),
]
