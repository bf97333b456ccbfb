"""What breaks first: the number of URLs from which something is more than people or machines bear."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple

from tests.benchmarks.scale.show import DAY, HOUR, MINUTE

SIZES = tuple(int(first * 10**power) for power in range(5, 10) for first in (1, 2, 5)) + (10**10,)
"""Numbers of URLs at which plans are made; between two of them a figure is taken to grow by a power law."""


class Limit(NamedTuple):
    """A figure of a plan that is not to be exceeded.

    Args:
        label: What happens then.
        item: Name of the figure.
        most: Seconds, bytes or things.
        remedy: What to do then: a heading of docs/scale.md.
    """

    label: str
    item: str
    most: float
    remedy: str


LIMITS = (
    Limit("the servers are asked for a month", "download_seconds", 30 * DAY, "More requests a second"),
    Limit("images and archives are 10 TB", "disk_bytes", 1e13, "Less disk"),
    Limit("starting jobs costs a core 1,000 h", "start_cpu_seconds", 1000 * HOUR, "Larger batches"),
    Limit("the results are a million files and folders", "names", 1e6, "Larger batches"),
    Limit("`treeline status` takes a minute of a core", "status_cpu_seconds", MINUTE, "Larger batches"),
    Limit("a first plan takes Snakemake 10 minutes", "plan_new_cpu_seconds", 10 * MINUTE, "Tranches in one output"),
    Limit("a first plan takes Snakemake 8 GB", "plan_new_bytes", 8e9, "Tranches in one output"),
    Limit("Snakemake notices ends of jobs for a day", "polls_seconds", DAY, "More jobs at once"),
    Limit("`urls` spills 1 TB", "partition_spilled_bytes", 1e12, "Several outputs"),
    Limit("`urls` takes a core 10 h", "partition_cpu_seconds", 10 * HOUR, "Several outputs"),
    Limit("an ingest into the catalogue takes a core a day", "catalog_cpu_seconds", DAY, "Several outputs"),
)


def first_at(values: Mapping[int, float], most: float) -> float | None:
    """The number of URLs at which a figure exceeds a limit, or None if it does not.

    Args:
        values: The figure by number of URLs, never falling.
        most: The limit.
    """
    before: tuple[int, float] | None = None
    for urls, value in sorted(values.items()):
        if value > most:
            return float(urls) if before is None else _between(before, (urls, value), most)
        before = (urls, value)
    return None


def _between(before: tuple[int, float], after: tuple[int, float], most: float) -> float:
    (low, small), (high, large) = before, after
    if small <= 0:
        return float(high)
    share = log(most / small) / log(large / small)
    return low * exp(share * log(high / low))
