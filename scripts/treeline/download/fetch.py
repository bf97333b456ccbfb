"""Fetch one image: the request, its redirects, its limits and its retries."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from string import Template
from time import monotonic
from urllib.request import getproxies

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from treeline.config import DownloaderParameters
from treeline.download.addresses import PrivateAddressError, PublicResolver, is_private_literal
from treeline.download.headers import seconds_to_wait
from treeline.download.pace import Pace
from treeline.errors import ConfigError, TreelineError
from treeline.schemas import NETWORK_ERROR, PROCESSING_ERROR

RETRIED_STATUSES = frozenset({429, 500, 501, 502, 503, 504})
OVERLOAD_STATUSES = frozenset({429, 503})
BOUNDED_ENCODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate", ""})
"""Content encodings that unpack a piece of a body to no more than about a thousand times its size (zstd: any size)."""

# What httpx, the transport under it and the operating system raise for a request that fails.
NETWORK_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError, ValueError)
# Those that another try cannot mend.
FINAL_FAILURES = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.DecodingError, ValueError, PrivateAddressError)


class LeaveAloneError(TreelineError):
    """The server asks to be left alone for longer than the job can wait.

    Args:
        seconds: So long, from now.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server, which asks to be left alone for {seconds:.0f} s")


class FetchError(Exception):
    """An image that could not be fetched.

    Args:
        code: `error_code` of the error row: an HTTP status, or one of `treeline.schemas`.
        reason: `error_msg` of the error row.
        retried: Whether another try may help.
        retry_after: Seconds that the server asks to wait, if it says so.
    """

    def __init__(self, code: int, reason: str, *, retried: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.retried, self.retry_after = code, reason, retried, retry_after
        self.attempts = 1

    @property
    def is_overload(self) -> bool:
        """Whether the server is to be asked more slowly."""
        return self.code in OVERLOAD_STATUSES or (self.code == NETWORK_ERROR and self.retried)


@asynccontextmanager
async def open_client(parameters: DownloaderParameters) -> AsyncIterator[httpx.AsyncClient]:
    """Open an HTTP client with the configured headers, that keeps connections and takes no cookies."""
    connector = aiohttp.TCPConnector(
        limit=0,  # the number of workers is the limit
        resolver=None if parameters.allow_private_addresses else PublicResolver(),
        ssl=httpx.create_ssl_context(),
    )
    # Only where there are proxies is the environment trusted: aiohttp then also looks into ~/.netrc, for each request.
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=bool(getproxies())
    ) as session:
        headers = {"User-Agent": parameters.user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        async with httpx.AsyncClient(
            transport=AiohttpTransport(client=session), headers=headers, timeout=None, follow_redirects=False
        ) as client:
            yield client


class Fetcher:
    """Fetches images of one server at its pace.

    Args:
        client: From `open_client`.
        pace: Shared by all requests to the server.
        parameters: Time-outs, limits and retries.
        jitter: Gives numbers in [0, 1) that spread the retries.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        pace: Pace,
        parameters: DownloaderParameters,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._pace, self._parameters, self._jitter = client, pace, parameters, jitter
        self._header = {name: from_environment(value) for name, value in parameters.header.items()}

    async def fetch(self, url: str) -> tuple[bytes, int]:
        """Fetch a body, trying again where that may help.

        Returns:
            The body, and the number of tries that it took.

        Raises:
            FetchError: The last failure; `attempts` counts the tries.
            LeaveAloneError: The server asks for a longer wait than `max_backoff`.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                body = await self._try_once(url)
            except FetchError as error:
                if error.is_overload:
                    self._pace.struggled()
                wait = self._wait_before_retry(error, attempt)
                if wait is None:
                    error.attempts = attempt
                    raise
                await asyncio.sleep(wait)
            else:
                self._pace.succeeded()
                return body, attempt

    def _wait_before_retry(self, error: FetchError, attempt: int) -> float | None:
        """Seconds until the next try, or None where this failure is final."""
        if not error.retried or attempt > self._parameters.max_retries:
            return None
        if error.retry_after is not None:
            if error.retry_after > self._parameters.max_backoff:
                raise LeaveAloneError(error.retry_after)
            self._pace.pause(error.retry_after)
            return error.retry_after
        backoff = self._parameters.backoff * 2.0 ** (attempt - 1)
        return min(self._parameters.max_backoff, backoff * (0.5 + self._jitter()))

    async def _try_once(self, url: str) -> bytes:
        try:
            return await self._follow(url)
        except NETWORK_FAILURES as error:
            cause = _refused_address(error) or error
            reason = f"{type(cause).__name__}: {cause}".rstrip(": ")
            raise FetchError(NETWORK_ERROR, reason, retried=not isinstance(cause, FINAL_FAILURES)) from error

    async def _follow(self, url: str) -> bytes:
        """Ask for a URL and for what it redirects to, each in its turn and all within one time limit."""
        target = httpx.URL(url)
        origin = _origin(target)
        seconds_left = timeout = self._parameters.timeout
        for _ in range(self._parameters.max_redirects + 1):
            self._check_target(target)
            await self._pace.turn()
            started = monotonic()
            try:
                async with asyncio.timeout(seconds_left):
                    # Its headers may hold a token: that is for the server of the table's URL alone.
                    answer = await self._ask(target, self._header if _origin(target) == origin else {})
            except TimeoutError:
                raise FetchError(NETWORK_ERROR, f"no complete answer within {timeout:g} s", retried=True) from None
            if isinstance(answer, bytes):
                return answer
            target = answer
            seconds_left -= monotonic() - started
        raise FetchError(NETWORK_ERROR, f"more than {self._parameters.max_redirects} redirects")

    async def _ask(self, url: httpx.URL, header: dict[str, str]) -> bytes | httpx.URL:
        """Ask for one URL; gives the body, or where it redirects to."""
        response = await self._client.send(self._client.build_request("GET", url, headers=header), stream=True)
        try:
            return await self._read(response) if response.next_request is None else response.next_request.url
        finally:
            await response.aclose()

    def _check_target(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https"):
            raise FetchError(NETWORK_ERROR, f"redirected to the unsupported scheme {url.scheme!r}")
        if not self._parameters.allow_private_addresses and is_private_literal(url.host):
            raise FetchError(NETWORK_ERROR, f"{url.host} is a private address; see allow_private_addresses")

    async def _read(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            raise FetchError(
                response.status_code,
                f"HTTP {response.status_code} {response.reason_phrase}".rstrip(),
                retried=response.status_code in RETRIED_STATUSES,
                retry_after=seconds_to_wait(response.headers.get("Retry-After")),
            )
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in BOUNDED_ENCODINGS:
            raise FetchError(PROCESSING_ERROR, f"the body is encoded as {encoding!r}, which was not asked for")
        limit = self._parameters.max_image_bytes
        if int(response.headers.get("Content-Length", 0)) > limit:
            raise _too_large(limit)
        pieces, size = [], 0
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
        return b"".join(pieces)


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


def _too_large(limit: int) -> FetchError:
    return FetchError(PROCESSING_ERROR, f"the body is larger than {limit} bytes")


def _refused_address(error: BaseException) -> PrivateAddressError | None:
    """Find the refusal of a private address among what led to an error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PrivateAddressError):
        cause = cause.__cause__ or cause.__context__
    return cause
