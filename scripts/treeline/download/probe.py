"""Ask one server a few questions, one after the other, and time its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple

import httpx

from treeline.config_download import DownloaderParameters
from treeline.download.addresses import refused_address, server_of_url
from treeline.download.answer import Answer, Ask, FetchError
from treeline.download.client import common_headers
from treeline.download.exchange import Exchange
from treeline.download.fetch import from_environment
from treeline.download.robots import Robots, read_robots
from treeline.download.servers import Server

BODY_BYTES = 1024**2
"""So much of a body is read at most."""

SECONDS_OF_QUESTIONS = 120.0
"""A server is asked no further once its answers and the pauses that it wants have taken so long."""


class Question(NamedTuple):
    """What a server is asked.

    Args:
        url: For what.
        headers: More request headers.
        reads_body: Otherwise the connection is closed after the first piece.
        is_about_robots: Whether it is the question for robots.txt, which nothing forbids.
    """

    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    reads_body: bool = True
    is_about_robots: bool = False


class Finding(NamedTuple):
    """What came of a question.

    Args:
        status: HTTP status; None if there was no answer, or none that a download could use.
        headers: Of the answer.
        body: Its first bytes, at most `BODY_BYTES` and a piece.
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
        exchange: Sends requests.
        parameters: Headers, time and redirect limits.
        server: The server.
        others: Gives the servers that redirects lead to, by name.
    """

    def __init__(
        self,
        exchange: Exchange,
        parameters: DownloaderParameters,
        server: Server,
        others: Callable[[str], Server],
    ) -> None:
        self._exchange, self._parameters, self._server, self._others = exchange, parameters, server, others
        self._common = common_headers(parameters)
        self._own = {name: from_environment(value) for name, value in parameters.header.items()}
        self._end = monotonic() + SECONDS_OF_QUESTIONS

    @property
    def has_time(self) -> bool:
        """Whether there is time for one more question, after the wait that the server wants."""
        return self._has_time_for(self._server)

    async def ask_robots(self, scheme: str) -> tuple[Finding, Robots]:
        """Ask for the server's robots.txt, once more where that may help, and keep to it if that is configured."""
        finding = await self._ask_robots(scheme)
        robots = read_robots(finding.status, finding.body, self._parameters.user_agent)

        async def known() -> Robots:
            return robots

        return finding, await self._server.robots(known) if self._parameters.obey_robots_txt else robots

    async def ask(self, question: Question) -> Finding:
        """Ask for a URL and for what it redirects to, each in its turn and all within the time limit of a request."""
        try:
            url = target = httpx.URL(question.url)
        except (httpx.InvalidURL, ValueError) as error:
            return Finding(failure=f"not a URL: {error}")
        finding = Finding()
        for hop in range(self._parameters.max_redirects + 1):
            server = self._others(server_of_url(target)) if hop else self._server
            refusal = refused_address(target, allows_private=self._parameters.allow_private_addresses)
            if hop and not refusal:
                refusal = await self._refused_redirect(question, server, target)
            if refusal:
                return finding._replace(failure=refusal)
            await server.pace.turn()
            ask = Ask(
                url=target,
                server=server,
                headers=self._headers(question, url, target),
                seconds=self._parameters.timeout - finding.seconds,
                max_bytes=BODY_BYTES if question.reads_body else 0,
                purpose="robots" if question.is_about_robots else "image",
                truncates=True,
            )
            try:
                answer = await self._exchange(ask)
            except FetchError as error:
                if error.code < 0:
                    return Finding(failure=error.reason)
                answer = error.answer
            finding = _finding(answer, ask.max_bytes, finding.seconds)
            if answer.redirect is None:
                break
            target = answer.redirect
        return finding

    async def _ask_robots(self, scheme: str) -> Finding:
        question = Question(f"{scheme}://{self._server.name}/robots.txt", is_about_robots=True)
        finding = await self.ask(question)
        if (finding.status is None or finding.status >= 500) and self.has_time:
            finding = await self.ask(question)
        return finding

    def _has_time_for(self, server: Server) -> bool:
        return monotonic() + max(server.pace.seconds_paused, 1 / server.pace.rate) < self._end

    def _headers(self, question: Question, url: httpx.URL, target: httpx.URL) -> dict[str, str]:
        """The headers; those that are configured may hold a token, which is for the origin of the table's URL alone."""
        is_own = (target.scheme, target.netloc) == (url.scheme, url.netloc) and not question.is_about_robots
        return {**self._common, **(self._own if is_own else {}), **question.headers}

    async def _refused_redirect(self, question: Question, server: Server, url: httpx.URL) -> str:
        """Why a server that is redirected to is not to be asked; empty if it may be."""
        if not self._has_time_for(server):
            return f"no time for the wait that {server.name} wants"
        if question.is_about_robots or not self._parameters.obey_robots_txt:
            return ""

        async def read() -> Robots:
            probe = Probe(self._exchange, self._parameters, server, self._others)
            finding = await probe._ask_robots(url.scheme)
            return read_robots(finding.status, finding.body, self._parameters.user_agent)

        robots = await server.robots(read)
        return "" if robots.allows(str(url)) else f"disallowed by the robots.txt of {server.name}"


def _finding(answer: Answer, most_bytes: int, seconds_before: float) -> Finding:
    """What an answer tells, of whose body at most so many bytes were to be read, after redirects of so many seconds."""
    announced = answer.headers.get("Content-Length", "")
    is_whole = 0 < answer.received <= most_bytes
    size = answer.received if is_whole else int(announced) if announced.isdecimal() else None
    seconds_to_first_byte = (answer.first_byte or answer.ended) - answer.sent
    seconds_of_body = answer.seconds - seconds_to_first_byte
    if answer.received and size is not None:
        seconds_of_body *= max(1.0, size / answer.received)
    return Finding(
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
        size=size,
        seconds_to_first_byte=seconds_before + seconds_to_first_byte,
        seconds=seconds_before + seconds_to_first_byte + seconds_of_body,
    )
