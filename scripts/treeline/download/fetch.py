"""Fetch one image: what its server asks for first, its redirects and its retries."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from string import Template
from typing import NamedTuple

import httpx

from treeline.config_download import DownloaderParameters
from treeline.download.addresses import refused_address
from treeline.download.answer import Answer, Ask, FetchError
from treeline.download.client import common_headers
from treeline.download.exchange import NOT_MODIFIED, Exchange
from treeline.download.memory import Held
from treeline.download.robots import MAX_BYTES, Robots, read_robots
from treeline.download.servers import LeaveAloneError, Server, Servers
from treeline.download.telemetry import Validators
from treeline.errors import ConfigError
from treeline.schemas import NETWORK_ERROR, PARKED_ERROR, ROBOTS_ERROR

ROBOTS_REDIRECTS = 5  # RFC 9309, 2.3.1.2


class ImageUrl(NamedTuple):
    """An image to fetch.

    Args:
        url: Its URL.
        uuid: Its identifier, for the request log.
        validators: Of the image that is stored already, so that the server sends it only where it has changed.
    """

    url: str
    uuid: str
    validators: Validators | None = None


class Fetched(NamedTuple):
    """An image's bytes, and the number of tries that they took; None where the stored image has not changed."""

    body: bytes | None
    attempts: int


class Fetcher:
    """Fetches images at their servers' pace.

    Args:
        exchange: Sends requests.
        servers: The servers of the job.
        parameters: Time-outs, limits and retries.
        jitter: Gives numbers in [0, 1) that spread the retries.
    """

    def __init__(
        self,
        exchange: Exchange,
        servers: Servers,
        parameters: DownloaderParameters,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._exchange, self._servers, self._parameters, self._jitter = exchange, servers, parameters, jitter
        self._common = common_headers(parameters)
        # These may hold a token: they are for the origin of the table's URL alone.
        self._own = self._common | {name: from_environment(value) for name, value in parameters.header.items()}

    async def fetch(self, image: ImageUrl, held: Held) -> Fetched:
        """Fetch an image, trying again where that may help.

        Args:
            image: What to fetch.
            held: Account of its memory; grows with the body.

        Raises:
            FetchError: The last failure; `attempts` counts the tries.
            LeaveAloneError: The server asks for a longer wait than `max_backoff`.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._follow(image, held, attempt)
            except FetchError as error:
                wait = self._wait_before_retry(error, attempt)
                if wait is None:
                    error.attempts = error.attempts or (attempt if error.asked else attempt - 1)
                    raise
                await asyncio.sleep(wait)
            else:
                return Fetched(None if answer.status == NOT_MODIFIED else answer.body, attempt)

    def _wait_before_retry(self, error: FetchError, attempt: int) -> float | None:
        """Seconds until the next try, or None where this failure is final."""
        if not error.retried or attempt > self._parameters.max_retries:
            return None
        if error.retry_after is not None:
            return 0.0  # the server's pace waits
        backoff = self._parameters.backoff * 2.0 ** (attempt - 1)
        return min(self._parameters.max_backoff, backoff * (0.5 + self._jitter()))

    async def _follow(self, image: ImageUrl, held: Held, attempt: int) -> Answer:
        """Ask for a URL and for what it redirects to, each in its turn and all within one time limit."""
        try:
            first = target = httpx.URL(image.url)
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError(NETWORK_ERROR, f"not a URL: {error}", asked=False) from None
        conditions = _conditions(image.validators)
        seconds_left = self._parameters.timeout
        for hop in range(self._parameters.max_redirects + 1):
            server = self._servers.of(target) if hop else self._servers.own_of(target)
            await self._check_allowed(target, server)
            own = _origin(target) == _origin(first)
            ask = Ask(
                url=target,
                server=server,
                headers=(self._own if own else self._common) | conditions,
                seconds=seconds_left,
                max_bytes=self._parameters.max_image_bytes,
                purpose="redirect" if hop else "image",
                attempt=attempt,
                uuid=image.uuid,
                held=held,
            )
            answer = await self._take_turn(ask)
            if answer.redirect is None:
                return answer
            target = answer.redirect
            seconds_left -= answer.seconds
        raise FetchError(NETWORK_ERROR, f"more than {self._parameters.max_redirects} redirects")

    async def _take_turn(self, ask: Ask) -> Answer:
        """Ask when the server's turn comes."""
        try:
            await ask.server.turn(self._parameters.max_backoff)
        except LeaveAloneError as error:
            if ask.server is self._servers.own:
                raise
            raise FetchError(PARKED_ERROR, f"not asked: {error}", asked=False) from None
        if ask.server.breaker.is_parked:
            raise FetchError(PARKED_ERROR, ask.server.breaker.reason, asked=False)
        return await self._exchange(ask)

    async def _check_allowed(self, url: httpx.URL, server: Server) -> None:
        """Refuse what may not be asked for: by its address, its server's state, or its server's robots.txt."""
        self._check_address(url)
        if server.breaker.is_parked:
            raise FetchError(PARKED_ERROR, server.breaker.reason, asked=False)
        if self._parameters.obey_robots_txt:
            robots = await server.robots(lambda: self._read_robots(url, server))
            if not robots.allows(str(url)):
                raise FetchError(ROBOTS_ERROR, f"{server.name}: {robots.refusal}", asked=False)

    def _check_address(self, url: httpx.URL) -> None:
        refusal = refused_address(url, allows_private=self._parameters.allow_private_addresses)
        if refusal:
            raise FetchError(NETWORK_ERROR, refusal)

    async def _read_robots(self, url: httpx.URL, server: Server) -> Robots:
        """Fetch the robots.txt of a URL's origin.

        Raises:
            FetchError: There is no answer. (To an error of the server's the answer is: nothing is allowed.)
        """
        robots_url = url.copy_with(raw_path=b"/robots.txt", fragment=None)
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._follow_robots(robots_url, server, attempt)
                return read_robots(answer.status, answer.body, self._parameters.user_agent)
            except FetchError as error:
                wait = self._wait_before_retry(error, attempt)
                if wait is None and error.code > 0:
                    return read_robots(error.code, b"", self._parameters.user_agent)
                if error.code == PARKED_ERROR:
                    raise
                if wait is None:
                    failure = FetchError(error.code, f"robots.txt: {error.reason}", asked=False)
                    failure.attempts = attempt if error.asked else attempt - 1
                    raise failure from None
                await asyncio.sleep(wait)

    async def _follow_robots(self, target: httpx.URL, server: Server, attempt: int) -> Answer:
        for _ in range(ROBOTS_REDIRECTS + 1):
            self._check_address(target)
            ask = Ask(
                url=target,
                server=server,
                headers=self._common,
                seconds=self._parameters.timeout,
                max_bytes=MAX_BYTES,
                purpose="robots",
                attempt=attempt,
                truncates=True,
            )
            answer = await self._take_turn(ask)
            if answer.redirect is None:
                break
            target = answer.redirect
            server = self._servers.of(target)
        return answer


def from_environment(value: str) -> str:
    """Replace `$NAME` by the environment variable, so that no token has to stand in a file or on a command line.

    Raises:
        ConfigError: There is no such variable.
    """
    try:
        return Template(value).substitute(os.environ)
    except (KeyError, ValueError) as error:
        problem = f"the environment variable {error} is not set" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"downloader_parameters.header: {problem} (a dollar sign itself is written $$).") from None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _conditions(validators: Validators | None) -> dict[str, str]:
    """Request headers by which a server sends only what has changed (RFC 9110, 13.1)."""
    if validators is None:
        return {}
    conditions = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in conditions.items() if value is not None}
