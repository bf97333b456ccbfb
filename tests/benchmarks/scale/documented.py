"""The collections of docs/scale.md: four sizes, and what changes the largest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import NamedTuple

from tests.benchmarks.scale.case import DEFAULTS, Case
from tests.benchmarks.scale.servers import TREE_OF_LIFE, Server, servers_by_zipf

TREE_OF_LIFE_URLS = 200_000_000
SIZES = (1_000_000, 10_000_000, TREE_OF_LIFE_URLS, 1_000_000_000)
BILLION = SIZES[-1]
RATES = (DEFAULTS.default_rate_limit, 20.0, 100.0)
"""Requests a second."""

ASKED_OWNERS = 10
AGREED_RATE = 100.0
"""Requests a second that the owners of so many large servers allow."""

AGREED_CONCURRENCY = 40
AGREED_RULES = {1: 1, 50: 2, 200: 4, 1000: 8}

LARGE_BATCH = 50_000
PLANS = ("plan_new_cpu_seconds", "plan_new_bytes")
MANY = 256
"""Lanes, and jobs, at once."""


def servers_for(urls: int) -> int:
    """Number of servers: as the root of the number of URLs, 545 for the 200 million of TreeOfLife."""
    return round(TREE_OF_LIFE * sqrt(urls / TREE_OF_LIFE_URLS))


def case(urls: int, rate_limit: float = DEFAULTS.default_rate_limit) -> Case:
    """A collection with the default settings."""
    return Case(servers_by_zipf(urls, servers_for(urls), rate_limit))


def tranches(whole: Case, urls: int) -> list[Case]:
    """Cut a collection by servers, the smallest first, as tranche.py of docs/scale.md does."""
    by_number: dict[int, list[Server]] = {}
    so_far = 0
    for server in sorted(whole.servers, key=lambda server: (server.urls, server.name)):
        so_far += server.urls
        by_number.setdefault(so_far // urls, []).append(server)
    return [replace(whole, servers=servers) for servers in by_number.values()]


def parts(whole: Case, number: int) -> list[Case]:
    """Deal a collection's servers to parts, as parts.py of docs/scale.md does by chance."""
    return [replace(whole, servers=whole.servers[part::number]) for part in range(number)]


class Remedy(NamedTuple):
    """What can be done for a billion URLs.

    Args:
        label: Markdown.
        cases: The collections that are then made.
        largest: Figures of which that of the largest collection counts; of the others it is the sum.
    """

    label: str
    cases: list[Case]
    largest: Sequence[str] = ()


def remedies() -> list[Remedy]:
    """A billion URLs with the default settings, and with each remedy, alone and together."""
    plain = case(BILLION)
    large = sorted(plain.servers, key=lambda server: -server.urls)[:ASKED_OWNERS]
    asked = [server._replace(rate_limit=AGREED_RATE) if server in large else server for server in plain.servers]
    quick = replace(plain, servers=asked, max_concurrency=AGREED_CONCURRENCY, schedule_rules=AGREED_RULES)
    together = replace(quick, batch_size=LARGE_BATCH, shards_per_job=10, max_lanes=MANY, jobs=MANY)
    at_once = (*PLANS, "polls_seconds", "download_seconds")
    return [
        Remedy("as it comes", [plain]),
        Remedy(f"`batch_size: {LARGE_BATCH}`", [replace(plain, batch_size=LARGE_BATCH)]),
        Remedy(f"{ASKED_OWNERS} largest servers at {AGREED_RATE:g}/s", [quick]),
        Remedy(f"`max_lanes: {MANY}`, {MANY} jobs", [replace(plain, max_lanes=MANY, jobs=MANY)]),
        Remedy("`download.shards_per_job: 10`", [replace(plain, shards_per_job=10)]),
        Remedy("all of these", [together]),
        Remedy("tranches of 100 million", tranches(plain, BILLION // 10), PLANS),
        Remedy("tranches, with all of these", tranches(together, BILLION // 10), PLANS),
        Remedy("4 outputs at once", parts(plain, 4), at_once),
        Remedy("4 outputs at once, with all of these", parts(together, 4), at_once),
    ]
