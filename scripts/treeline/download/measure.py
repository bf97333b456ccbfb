"""Measure servers: many at once, each with one request at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import httpx

from treeline.config import DownloaderParameters
from treeline.download.fetch import open_client
from treeline.download.headers import rate_wish
from treeline.download.probe import Answer, Probe
from treeline.download.robots import Robots, read_robots
from treeline.download.server_profile import ServerProfile

SERVERS_AT_ONCE = 64


class Questions(NamedTuple):
    """What a server is to be asked.

    Args:
        server: Its name, host[:port].
        urls: Samples of its URLs, at least one.
        rate_limit: Requests a second at most.
    """

    server: str
    urls: Sequence[str]
    rate_limit: float


async def measure_servers(
    questions: Sequence[Questions], parameters: DownloaderParameters, keep: Callable[[ServerProfile], None]
) -> None:
    """Measure servers, and give each one's profile to `keep`, in a thread, as soon as it is there."""
    waiting = iter(questions)
    async with open_client(parameters) as client, asyncio.TaskGroup() as workers:
        for _ in range(min(SERVERS_AT_ONCE, len(questions))):
            workers.create_task(_work(waiting, client, parameters, keep))


async def _work(
    waiting: Iterator[Questions],
    client: httpx.AsyncClient,
    parameters: DownloaderParameters,
    keep: Callable[[ServerProfile], None],
) -> None:
    for questions in waiting:
        profile = await _measure(Probe(client, parameters, questions.rate_limit), questions, parameters)
        await asyncio.to_thread(keep, profile)  # writing takes time, which must not count as another server's


async def _measure(probe: Probe, questions: Questions, parameters: DownloaderParameters) -> ServerProfile:
    about_robots, robots = await _ask_robots(probe, questions, parameters.user_agent)
    allowed = [url for url in questions.urls if robots.allows(url)]
    if parameters.obey_robots_txt:
        probe.keep_distance(robots.crawl_delay or 0.0)
    answers = {}
    for url in allowed if parameters.obey_robots_txt else questions.urls:
        if probe.has_time:
            answers[url] = await probe.ask(url)
    images = {url: answer for url, answer in answers.items() if answer.is_good}
    ranges, compression = await _ask_for_features(probe, images)
    everything = [about_robots, *answers.values()]
    return ServerProfile(
        server_name=questions.server,
        samples=len(questions.urls),
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
        announced_rate=_announced_rate(everything),
        failure=next((answer.failure for answer in reversed(everything) if answer.failure), ""),
    )


async def _ask_robots(probe: Probe, questions: Questions, user_agent: str) -> tuple[Answer, Robots]:
    """Ask for robots.txt, once more where that may help."""
    scheme = questions.urls[0].partition(":")[0].lower()
    url = f"{scheme}://{questions.server}/robots.txt"
    answer = await probe.ask(url)
    if (answer.status is None or answer.status >= 500) and probe.has_time:
        answer = await probe.ask(url)
    return answer, read_robots(answer.status, answer.body, user_agent)


async def _ask_for_features(probe: Probe, images: Mapping[str, Answer]) -> tuple[bool | None, str]:
    """Find out whether the server gives parts of an image, and in which encoding; no body is read for that."""
    if not images:
        return None, ""
    url, answer = next(iter(images.items()))
    ranges = answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes"
    if not ranges and probe.has_time:
        part = await probe.ask(url, {"Range": "bytes=0-0"}, reads_body=False)
        ranges = part.status == httpx.codes.PARTIAL_CONTENT
    if not probe.has_time:
        return ranges, ""
    packed = await probe.ask(url, {"Accept-Encoding": "gzip, deflate"}, reads_body=False)
    return ranges, packed.headers.get("Content-Encoding", "")


def _announced_rate(answers: Iterable[Answer]) -> float | None:
    wishes = [wish for answer in answers if (wish := rate_wish(answer.headers)) is not None]
    return min((max(1, wish.remaining) / max(1.0, wish.seconds) for wish in wishes), default=None)


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None
