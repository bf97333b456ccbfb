"""Ask one server a few questions, one after the other, and time its answers."""

from __future__ import annotations

from asyncio import timeout
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

import httpx

from treeline.config import DownloaderParameters
from treeline.download.addresses import is_private_literal
from treeline.download.fetch import BOUNDED_ENCODINGS, NETWORK_FAILURES, OVERLOAD_STATUSES, from_environment
from treeline.download.headers import rate_wish, seconds_to_wait
from treeline.download.pace import Pace

BODY_BYTES = 1024**2
"""So much of a body is read at most."""

SECONDS_OF_QUESTIONS = 120.0
"""A server that asks for more time than this between all its answers is asked no further."""


class Answer(NamedTuple):
    """What came of a question.

    Args:
        status: HTTP status; None if there was no answer.
        headers: Of the answer.
        body: Its first bytes, `BODY_BYTES` at most.
        size: Bytes of the whole body; None where neither its end nor a Content-Length was seen.
        seconds_to_first_byte: From the question to the headers, redirects included, waiting for turns not.
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
        client: From `open_client`.
        parameters: Headers, time and redirect limits.
        rate_limit: Requests a second at most.
    """

    def __init__(self, client: httpx.AsyncClient, parameters: DownloaderParameters, rate_limit: float) -> None:
        self._client, self._parameters = client, parameters
        self._pace = Pace(rate_limit, parameters.rate_multiplier)
        self._header = {name: from_environment(value) for name, value in parameters.header.items()}
        self._end = monotonic() + SECONDS_OF_QUESTIONS
        self._wait = 0.0

    @property
    def has_time(self) -> bool:
        """Whether there is time for one more question, after the wait that the server wants."""
        return monotonic() + max(self._wait, 1 / self._pace.rate) < self._end

    def keep_distance(self, seconds: float) -> None:
        """Let so much time pass between this and each further question, if the pace is not slower already."""
        if seconds > 1 / self._pace.limit:
            self._pace = Pace(1 / seconds, self._parameters.rate_multiplier)
            self._pace.pause(seconds)

    async def ask(self, url: str, headers: Mapping[str, str] | None = None, *, reads_body: bool = True) -> Answer:
        """Ask for a URL and for what it redirects to, each in its turn and all within the time limit of a request.

        Args:
            url: What to ask for.
            headers: More request headers.
            reads_body: Otherwise the connection is closed after the headers.
        """
        try:
            answer = await self._follow(httpx.URL(url), headers or {}, reads_body)
        except TimeoutError:
            answer = Answer(failure=f"no complete answer within {self._parameters.timeout:g} s")
        except NETWORK_FAILURES as error:
            answer = Answer(failure=f"{type(error).__name__}: {error}".rstrip(": "))
        self._adapt(answer)
        return answer

    async def _follow(self, url: httpx.URL, headers: Mapping[str, str], reads_body: bool) -> Answer:
        answer, target = Answer(), url
        for _ in range(self._parameters.max_redirects + 1):
            if refusal := self._refusal(target):
                return answer._replace(failure=refusal)
            await self._pace.turn()
            # Its headers may hold a token: that is for the server of the table's URL alone.
            own = self._header if (target.scheme, target.netloc) == (url.scheme, url.netloc) else {}
            request = self._client.build_request("GET", target, headers={**own, **headers})
            async with timeout(self._parameters.timeout - answer.seconds):
                answer, redirect = await self._send(request, answer.seconds, reads_body)
            if redirect is None:
                return answer
            target = redirect
        return answer

    def _refusal(self, url: httpx.URL) -> str:
        if url.scheme not in ("http", "https"):
            return f"unsupported scheme {url.scheme!r}"
        if not self._parameters.allow_private_addresses and is_private_literal(url.host):
            return f"{url.host} is a private address; see allow_private_addresses"
        return ""

    async def _send(
        self, request: httpx.Request, seconds_before: float, reads_body: bool
    ) -> tuple[Answer, httpx.URL | None]:
        """One request; gives its answer and where it redirects to."""
        started = monotonic() - seconds_before
        response = await self._client.send(request, stream=True)
        try:
            seconds_to_first_byte = monotonic() - started
            redirect = response.next_request
            body, is_whole = await _read(response) if reads_body and redirect is None else (b"", False)
            seconds = monotonic() - started
        finally:
            await response.aclose()
        announced = response.headers.get("Content-Length", "")
        size = len(body) if is_whole else int(announced) if announced.isdecimal() else None
        if body and size is not None:
            seconds = seconds_to_first_byte + (seconds - seconds_to_first_byte) * max(1.0, size / len(body))
        answer = Answer(response.status_code, response.headers, body, size, seconds_to_first_byte, seconds)
        return answer, None if redirect is None else redirect.url

    def _adapt(self, answer: Answer) -> None:
        """Slow down, and wait, as the answer demands."""
        wish = rate_wish(answer.headers)
        self._wait = wish.seconds if wish is not None and wish.remaining == 0 else 0.0
        if answer.status is None or answer.status in OVERLOAD_STATUSES:
            self._pace.struggled()
            self._wait = max(self._wait, seconds_to_wait(answer.headers.get("Retry-After")) or 0.0)
        self._pace.pause(self._wait)


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    """The first bytes of a body, and whether they are all of it."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in BOUNDED_ENCODINGS:
        return b"", False
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > BODY_BYTES:
            return bytes(body[:BODY_BYTES]), False
    return bytes(body), True
