"""What response headers ask of us: to wait, to slow down, to leave an image alone.

Headers come from anywhere: one that makes no sense is taken as absent, and none raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

VALUED_DIRECTIVES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Directives of `X-Robots-Tag` that a colon follows as it follows a robot's name."""

EARLIEST_UNIX_TIME = 1_000_000_000
"""A number of seconds from here on is a time (of 2001 or later), not a wait of 32 years."""

_ROBOT_NAME = re.compile(r"[\w.*-]+", re.ASCII)
_NUMBER = re.compile(r"\s*([0-9]{1,12})(?:\.[0-9]*)?\s*(?:[,;].*)?", re.DOTALL)
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*([0-9]{1,12})(?![0-9])")


class RateWish(NamedTuple):
    """How many requests a server is still willing to answer, and until when.

    Args:
        remaining: Requests, at least 0.
        seconds: Until it counts anew, at least 0.
    """

    remaining: int
    seconds: float


def product_token(user_agent: str) -> str:
    """The name in a User-Agent that robots.txt and `X-Robots-Tag` call us by: `Owl` of `Owl/1 (owl@example.org)`."""
    return re.split(r"[/\s]", user_agent.strip(), maxsplit=1)[0]


def seconds_to_wait(retry_after: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks to wait: a number or a date (RFC 9110, 10.2.3); None if neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def opted_out(headers: httpx.Headers, directives: Collection[str], user_agent: str) -> str | None:
    """Find out whether an image's owner opts out of our use of it by `X-Robots-Tag`.

    Args:
        headers: Of the image's response.
        directives: Those that mean: not for this use; compared without case.
        user_agent: The configured User-Agent. Directives for another robot (`otherbot: noai`) do not count.

    Returns:
        The directive, as configured, or None.
    """
    configured = {directive.lower(): directive for directive in directives}
    us = {"", "*", product_token(user_agent).lower()}
    for value in headers.get_list("X-Robots-Tag"):
        for robot, directive in _robots_directives(value.lower()):
            if robot in us and directive in configured:
                return configured[directive]
    return None


def rate_wish(headers: httpx.Headers, now: datetime | None = None) -> RateWish | None:
    """Read how many requests the server wants within which time, from any of the headers in use for that.

    `RateLimit: "name";r=50;t=30` (of several policies the one that allows least), `RateLimit-Remaining` with
    `RateLimit-Reset` (drafts of the IETF working group HTTPAPI), and both of these with `X-` before them. The reset is
    in seconds, or a Unix time.
    """
    policies = [_parameters(text) for text in headers.get("RateLimit", "").split(",")]
    wishes = [RateWish(policy["r"], float(policy["t"])) for policy in policies if {"r", "t"} <= policy.keys()]
    if wishes:
        return min(wishes, key=lambda wish: (wish.remaining / max(wish.seconds, 1.0), -wish.seconds))
    for prefix in ("RateLimit", "X-RateLimit"):
        remaining, reset = _number(headers.get(f"{prefix}-Remaining")), _number(headers.get(f"{prefix}-Reset"))
        if remaining is not None and reset is not None:
            return RateWish(remaining, _seconds_until(reset, now or datetime.now(UTC)))
    return None


def announced_rate(headers: httpx.Headers) -> float | None:
    """Requests a second, above 0, that a server says it bears; None if it does not say.

    That is the quota per window of `RateLimit-Policy: "name";q=100;w=60` (of several the lowest), or else what
    `rate_wish` leaves until the next count.
    """
    policies = [_parameters(text) for text in headers.get("RateLimit-Policy", "").split(",")]
    rates = [policy["q"] / policy["w"] for policy in policies if policy.get("q") and policy.get("w")]
    wish = rate_wish(headers)
    if not rates and wish is not None and wish.remaining:
        rates = [wish.remaining / max(wish.seconds, 1.0)]
    return min(rates, default=None)


def _robots_directives(value: str) -> Iterator[tuple[str, str]]:
    """Each directive of a header line with the robot that it is for; `""` for all."""
    robot = ""
    for part in value.split(","):
        name, colon, rest = (text.strip() for text in part.partition(":"))
        if colon and name not in VALUED_DIRECTIVES and _ROBOT_NAME.fullmatch(name):
            robot, directive = name, rest
        else:
            directive = part.strip()
        yield robot, directive


def _parameters(policy: str) -> dict[str, int]:
    """The numbers among a policy's parameters: `{"r": 50, "t": 30}` of `"name";r=50;t=30`."""
    return {name: int(number) for name, number in _PARAMETER.findall(policy)}


def _number(value: str | None) -> int | None:
    """The whole number that a header's value is, or its first item starts with."""
    found = _NUMBER.fullmatch(value or "")
    return int(found[1]) if found else None


def _seconds_until(reset: int, now: datetime) -> float:
    return max(0.0, reset - now.timestamp()) if reset >= EARLIEST_UNIX_TIME else float(reset)
