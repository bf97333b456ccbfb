"""Measure servers: many at once, each with one request at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median_low
from typing import TypeVar

import httpx

from treeline.config_download import DownloaderParameters
from treeline.download.breaker import Breaker
from treeline.download.client import open_transport
from treeline.download.exchange import Exchange
from treeline.download.headers import announced_rate
from treeline.download.pace import Pace
from treeline.download.probe import Finding, Probe, Question
from treeline.download.server_profile import ServerProfile
from treeline.download.servers import Server

SERVERS_AT_ONCE = 64
"""Few enough for one process to time each answer when it comes."""

Number = TypeVar("Number", int, float)


async def measure_servers(
    samples: Mapping[str, Sequence[str]],
    rates: Mapping[str, float],
    parameters: DownloaderParameters,
    keep: Callable[[ServerProfile], None],
) -> None:
    """Measure servers, and give each one's profile to `keep`, in a thread, as soon as it is there.

    Args:
        samples: For each server to be measured, host[:port], a few of its URLs, at least one.
        rates: Requests a second at most, of the servers that do not have `default_rate_limit`.
        parameters: Limits to ask within.
        keep: Stores a profile.
    """
    servers: dict[str, Server] = {}

    def server_of(name: str) -> Server:
        """The server, with one pace for all that ask it: redirects of many may lead to one."""
        if name not in servers:
            pace = Pace(rates.get(name, parameters.default_rate_limit), parameters.rate_multiplier)
            servers[name] = Server(name, pace, Breaker(parameters.patience), turnstile=None, is_own=True)
        return servers[name]

    async def work() -> None:
        for name, urls in waiting:
            probe = Probe(Exchange(transport, parameters), parameters, server_of(name), server_of)
            profile = await _measure(probe, name, urls, obeys_robots=parameters.obey_robots_txt)
            await asyncio.to_thread(keep, profile)  # writing takes time, which must not count as another server's

    waiting = iter(samples.items())
    async with open_transport(parameters) as transport, asyncio.TaskGroup() as workers:
        for _ in range(min(SERVERS_AT_ONCE, len(samples))):
            workers.create_task(work())


async def _measure(probe: Probe, name: str, urls: Sequence[str], *, obeys_robots: bool) -> ServerProfile:
    about_robots, robots = await probe.ask_robots(scheme=urls[0].partition(":")[0].lower())
    allowed = [url for url in urls if robots.allows(url)]
    answers = {}
    for url in allowed if obeys_robots else urls:
        if probe.has_time:
            answers[url] = await probe.ask(Question(url))
    images = {url: answer for url, answer in answers.items() if answer.is_good}
    ranges, compression = await _ask_for_features(probe, images)
    everything = [about_robots, *answers.values()]
    announced = [announced_rate(answer.headers) for answer in everything]
    return ServerProfile(
        server_name=name,
        samples=len(urls),
        allowed=len(allowed),
        statuses=Counter(answer.status for answer in answers.values() if answer.status is not None),
        failures=sum(answer.status is None for answer in answers.values()),
        seconds_to_first_byte=_median(answer.seconds_to_first_byte for answer in images.values()),
        seconds_to_last_byte=_median(answer.seconds for answer in images.values()),
        body_bytes=_median(answer.size for answer in images.values() if answer.size is not None),
        ranges=ranges,
        compression=compression,
        robots_status=about_robots.status,
        crawl_delay=robots.crawl_delay,
        announced_rate=min((rate for rate in announced if rate is not None), default=None),
        failure=next((answer.failure for answer in reversed(everything) if answer.failure), ""),
    )


async def _ask_for_features(probe: Probe, images: Mapping[str, Finding]) -> tuple[bool | None, str]:
    """Find out whether the server gives parts of an image, and in which encoding; of bodies a first piece is read."""
    if not images:
        return None, ""
    url, answer = next(iter(images.items()))
    ranges = answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes"
    if not ranges and probe.has_time:
        part = await probe.ask(Question(url, {"Range": "bytes=0-0"}, reads_body=False))
        ranges = part.status == httpx.codes.PARTIAL_CONTENT
    if not probe.has_time:
        return ranges, ""
    packed = await probe.ask(Question(url, {"Accept-Encoding": "gzip, deflate"}, reads_body=False))
    return ranges, packed.headers.get("Content-Encoding", "")


def _median(values: Iterable[Number]) -> Number | None:
    """The lower median; None of nothing."""
    known = list(values)
    return median_low(known) if known else None
