"""What a server's robots.txt asks of us (RFC 9309)."""

from __future__ import annotations

from protego import Protego

from treeline.download.headers import product_token

MAX_BYTES = 500 * 1024
"""So much of a robots.txt is read, as RFC 9309, 2.5 demands at least."""

ALLOW_ALL = ""
DISALLOW_ALL = "User-agent: *\nDisallow: /"


class Robots:
    """The rules of one origin for one user agent; made by `read_robots`.

    Args:
        rules: The parsed file.
        product: Product token that chooses the group of rules.
        refusal: Why a URL may not be asked for.

    Attributes:
        crawl_delay: Seconds between two requests that the server asks for, at least 0; None if it asks for none.
    """

    def __init__(self, rules: Protego, product: str, refusal: str = "robots.txt disallows it") -> None:
        self._rules, self._product, self.refusal = rules, product, refusal
        self.crawl_delay = rules.crawl_delay(product)

    def allows(self, url: str) -> bool:
        """Whether this URL of the origin may be asked for."""
        try:
            return self._rules.can_fetch(url, self._product)
        except ValueError:  # not a URL: no rule is about it, and asking for it says what is wrong
            return True


def read_robots(status: int | None, body: bytes, user_agent: str) -> Robots:
    """Read the answer to a request for robots.txt, redirects followed.

    Args:
        status: HTTP status after all retries; None if there was no answer.
        body: The file, or as much of it as was read.
        user_agent: The configured User-Agent; the part before the first slash or space names us.

    Returns:
        The rules of the file. Without one (statuses 3xx, 4xx) all is allowed, and nothing is if the server cannot
        say (5xx, no answer).
    """
    rules, product = Protego.parse(_rules(status, body)), product_token(user_agent)
    if status is None or status >= 500:
        return Robots(rules, product, f"robots.txt is answered by {status or 'nothing'}, which forbids everything")
    return Robots(rules, product)


def _rules(status: int | None, body: bytes) -> str:
    if status is None or status >= 500:
        return DISALLOW_ALL
    if not 200 <= status < 300:
        return ALLOW_ALL
    lines = body[:MAX_BYTES].splitlines()
    if len(body) >= MAX_BYTES:
        lines.pop()  # it may be cut off, and mean more than the whole one: `Disallow: /` instead of `Disallow: /a`
    return b"\n".join(lines).decode("utf-8-sig", errors="replace")
