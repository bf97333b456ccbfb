"""Ask one server a few questions, one after the other, and time its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple

import httpx

from treeline.config import DownloaderParameters
from treeline.download.addresses import is_private_literal, server_of_url
from treeline.download.client import common_headers
from treeline.download.exchange import BOUNDED_ENCODINGS, NETWORK_FAILURES, OVERLOAD_STATUSES
from treeline.download.fetch import from_environment
from treeline.download.headers import rate_wish, seconds_to_wait
from treeline.download.pace import Pace
from treeline.download.robots import Robots, read_robots
from treeline.download.servers import Server
from treeline.io.names import mask_credentials

BODY_BYTES = 1024**2
"""So much of a body is read at most."""

SECONDS_OF_QUESTIONS = 120.0
"""A server is asked no further once its answers and the pauses that it wants have taken so long."""


class Question(NamedTuple):
    """What a server is asked.

    Args:
        url: For what.
        headers: More request headers.
        reads_body: Otherwise the connection is closed after the answer's headers.
        is_about_robots: Whether it is the question for robots.txt, which nothing forbids.
    """

    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    reads_body: bool = True
    is_about_robots: bool = False


class Answer(NamedTuple):
    """What came of a question.

    Args:
        status: HTTP status; None if there was no answer.
        headers: Of the answer.
        body: Its first bytes, at most `BODY_BYTES`.
        size: Bytes of the whole body; None where neither its end nor a Content-Length was seen.
        seconds_to_first_byte: From the question to the headers; redirects count, waiting for turns does not.
        seconds: As that, to the end of the body; estimated from the part that was read where that is not the whole.
        failure: Why there is no answer, or why a redirect was not followed.
    """

    status: int | None = None
    headers: httpx.Headers = httpx.Headers()
    body: bytes = b""
    size: int | None = None
    seconds_to_first_byte: float = 0.0
    seconds: float = 0.0
    failure: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the server gave what it was asked for."""
        return self.status is not None and 200 <= self.status < 300


class Probe:
    """Asks a server at its pace; what goes wrong is an answer, too.

    Args:
        transport: From `open_transport`.
        parameters: Headers, time and redirect limits.
        server: The server.
        others: Gives the servers that redirects lead to, by name.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        parameters: DownloaderParameters,
        server: Server,
        others: Callable[[str], Server],
    ) -> None:
        self._transport, self._parameters, self._server, self._others = transport, parameters, server, others
        self._common = common_headers(parameters)
        self._own = {name: from_environment(value) for name, value in parameters.header.items()}
        self._end = monotonic() + SECONDS_OF_QUESTIONS

    @property
    def has_time(self) -> bool:
        """Whether there is time for one more question, after the wait that the server wants."""
        return self._has_time_for(self._server)

    async def ask_robots(self, scheme: str) -> tuple[Answer, Robots]:
        """Ask for the server's robots.txt, once more where that may help, and keep to it if that is configured."""
        answer = await self._ask_robots(scheme)
        robots = read_robots(answer.status, answer.body, self._parameters.user_agent)

        async def known() -> Robots:
            return robots

        return answer, await self._server.robots(known) if self._parameters.obey_robots_txt else robots

    async def ask(self, question: Question) -> Answer:
        """Ask for a URL and for what it redirects to, each in its turn and all within the time limit of a request."""
        try:
            return await self._follow(question)
        except TimeoutError:
            failure = f"no complete answer within {self._parameters.timeout:g} s"
        except NETWORK_FAILURES as error:
            failure = mask_credentials(f"{type(error).__name__}: {error}".rstrip(": "))
        self._server.pace.struggled()
        return Answer(failure=failure)

    async def _ask_robots(self, scheme: str) -> Answer:
        question = Question(f"{scheme}://{self._server.name}/robots.txt", is_about_robots=True)
        answer = await self.ask(question)
        if (answer.status is None or answer.status >= 500) and self.has_time:
            answer = await self.ask(question)
        return answer

    async def _follow(self, question: Question) -> Answer:
        answer = Answer()
        url = target = httpx.URL(question.url)
        for hop in range(self._parameters.max_redirects + 1):
            server = self._others(server_of_url(target)) if hop else self._server
            refusal = self._refused_address(target)
            if hop and not refusal:
                refusal = await self._refused_redirect(question, server, target)
            if refusal:
                return answer._replace(failure=refusal)
            await server.pace.turn()
            request = httpx.Request("GET", target, headers=self._headers(question, url, target))
            async with asyncio.timeout(self._parameters.timeout - answer.seconds):
                answer, redirect = await self._send(request, answer.seconds, question.reads_body)
            _adapt(server.pace, answer)
            if redirect is None:
                break
            target = redirect
        return answer

    def _has_time_for(self, server: Server) -> bool:
        return monotonic() + max(server.pace.seconds_paused, 1 / server.pace.rate) < self._end

    def _headers(self, question: Question, url: httpx.URL, target: httpx.URL) -> dict[str, str]:
        """The headers; those that are configured may hold a token, which is for the origin of the table's URL alone."""
        is_own = (target.scheme, target.netloc) == (url.scheme, url.netloc) and not question.is_about_robots
        return {**self._common, **(self._own if is_own else {}), **question.headers}

    def _refused_address(self, url: httpx.URL) -> str:
        """Why no request may go to this address; empty if one may."""
        if url.scheme not in ("http", "https"):
            return f"unsupported scheme {url.scheme!r}"
        if not self._parameters.allow_private_addresses and is_private_literal(url.host):
            return f"{url.host} is a private address; see allow_private_addresses"
        return ""

    async def _refused_redirect(self, question: Question, server: Server, url: httpx.URL) -> str:
        """Why a server that is redirected to is not to be asked; empty if it may be."""
        if not self._has_time_for(server):
            return f"no time for the wait that {server.name} wants"
        if question.is_about_robots or not self._parameters.obey_robots_txt:
            return ""

        async def read() -> Robots:
            probe = Probe(self._transport, self._parameters, server, self._others)
            answer = await probe._ask_robots(url.scheme)
            return read_robots(answer.status, answer.body, self._parameters.user_agent)

        robots = await server.robots(read)
        return "" if robots.allows(str(url)) else f"disallowed by the robots.txt of {server.name}"

    async def _send(
        self, request: httpx.Request, seconds_before: float, reads_body: bool
    ) -> tuple[Answer, httpx.URL | None]:
        """Send one request; gives its answer, and where it redirects to."""
        started = monotonic() - seconds_before
        response = await self._transport.handle_async_request(request)
        try:
            seconds_to_first_byte = monotonic() - started
            is_redirect = response.has_redirect_location
            redirect = request.url.join(response.headers["Location"]) if is_redirect else None
            body, is_whole = await _read(response) if reads_body and not is_redirect else (b"", False)
            seconds = monotonic() - started
        finally:
            await response.aclose()
        announced = response.headers.get("Content-Length", "")
        size = len(body) if is_whole else int(announced) if announced.isdecimal() else None
        if body and size is not None:
            seconds = seconds_to_first_byte + (seconds - seconds_to_first_byte) * max(1.0, size / len(body))
        return Answer(response.status_code, response.headers, body, size, seconds_to_first_byte, seconds), redirect


def _adapt(pace: Pace, answer: Answer) -> None:
    """Slow down, and pause, as an answer demands."""
    if answer.status in OVERLOAD_STATUSES:
        pace.struggled()
        pace.pause(seconds_to_wait(answer.headers.get("Retry-After")) or 0.0)
    wish = rate_wish(answer.headers)
    if wish is not None:
        pace.keep_to(wish.remaining, wish.seconds)


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    """The first bytes of a body, and whether they are all of it; nothing of one that unpacks without bound."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in BOUNDED_ENCODINGS:
        return b"", False
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > BODY_BYTES:
            return bytes(body[:BODY_BYTES]), False
    return bytes(body), True
