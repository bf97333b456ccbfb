"""The HTTP client: httpx's requests and answers over aiohttp's connections.

Of the transports that were measured this one costs the fewest CPU-seconds a request (docs/benchmarks.md). It is called
without `httpx.AsyncClient`, whose cookies, authentication and redirects nobody here wants.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from urllib.request import getproxies

import aiohttp
import httpx
from httpx_aiohttp.transport import AiohttpResponseStream, AiohttpTransport, map_aiohttp_exceptions
from yarl import URL

from treeline.config_download import DownloaderParameters
from treeline.download.addresses import PublicResolver, server_of_url

READ_BYTES = 256 * 1024
DNS_SECONDS = 300
NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)  # the whole request has one: see Fetcher

log = logging.getLogger(__name__)


class BodyStream(AiohttpResponseStream):
    """A body in larger pieces than the library's 16 KiB: a third of the CPU time of reading it.

    Not for packed bodies: a piece of them may unpack to a thousand times its size before anyone can count it.
    """

    CHUNK_SIZE = READ_BYTES


class ExactTransport(AiohttpTransport):
    """Asks for a URL exactly as it is written: aiohttp would unquote and quote it again, and so break signed ones.

    Args:
        session: Holds the connections.
        unverified: Servers (host[:port]) whose certificate is not checked.
    """

    def __init__(self, session: aiohttp.ClientSession, unverified: Collection[str]) -> None:
        super().__init__(client=session, verify=False)
        self._session, self._unverified = session, frozenset(unverified)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a GET request; the answer's body is still to be read."""
        verify = not self._unverified or server_of_url(request.url) not in self._unverified
        with map_aiohttp_exceptions():
            response = await self._session.get(
                URL(str(request.url), encoded=True), headers=request.headers, allow_redirects=False, ssl=verify
            )
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=AiohttpResponseStream(response) if "Content-Encoding" in response.headers else BodyStream(response),
            request=request,
            extensions={"reason_phrase": (response.reason or "").encode()},
        )


@asynccontextmanager
async def open_transport(parameters: DownloaderParameters) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Open what sends requests: it keeps connections and names' addresses, takes no cookies, and follows nothing."""
    if parameters.unverified_servers:
        log.warning("certificates are not checked, answers may be forged: %s", ", ".join(parameters.unverified_servers))
    connector = aiohttp.TCPConnector(
        limit=0,  # the number of workers is the limit
        resolver=None if parameters.allow_private_addresses else PublicResolver(),
        ssl=httpx.create_ssl_context(),  # once: making one takes 20 ms
        ttl_dns_cache=DNS_SECONDS,
    )
    # Only where there are proxies is the environment trusted: aiohttp then also looks into ~/.netrc, for each request.
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=bool(getproxies()),
        auto_decompress=False,
        timeout=NO_TIMEOUT,
        read_bufsize=READ_BYTES,
    ) as session:
        # Else a request whose connection breaks is sent again at once: without a turn, and without being counted.
        session._retry_connection = False
        yield ExactTransport(session, parameters.unverified_servers)


def common_headers(parameters: DownloaderParameters) -> dict[str, str]:
    """Headers of every request to any server."""
    return {"User-Agent": parameters.user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
