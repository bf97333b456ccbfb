"""Clients that fetch a list of URLs and keep nothing: what a transport costs, and no more.

It runs in an environment that has all of the clients, as a program of its own:

    python transport_clients.py NAME URLS

prints as JSON the CPU time an image, from the first request to the last byte, and the bytes of all. Start, imports and
the first TLS context are not in it; certificates are checked against SSL_CERT_FILE. Each client imports what it needs
itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

CONCURRENCY = 32
LARGE_PIECE = 256 * 1024
TRUSTED = os.environ.get("SSL_CERT_FILE")

Fetch = Callable[[str], Awaitable[int]]
"""Fetches a URL, and gives the bytes of its body."""


@asynccontextmanager
async def aiohttp_alone() -> AsyncIterator[Fetch]:
    async with _aiohttp_session() as session:

        async def fetch(url: str) -> int:
            async with session.get(url) as response:
                return len(await response.read())

        yield fetch


@asynccontextmanager
async def httpx_alone() -> AsyncIterator[Fetch]:
    async with _httpx_client() as client:
        yield _sender(client)


@asynccontextmanager
async def httpx_http2() -> AsyncIterator[Fetch]:
    async with _httpx_client(http2=True) as client:
        yield _sender(client)


@asynccontextmanager
async def httpx_on_aiohttp() -> AsyncIterator[Fetch]:
    from httpx_aiohttp import AiohttpTransport

    async with _aiohttp_session() as session, _httpx_client(transport=AiohttpTransport(client=session)) as client:
        yield _sender(client)


@asynccontextmanager
async def httpx_on_aiohttp_large() -> AsyncIterator[Fetch]:
    """As `httpx_on_aiohttp`, with bodies handed on in pieces of up to 256 KiB instead of 16 KiB."""
    async with _large_piece_transport() as transport, _httpx_client(transport=transport) as client:
        yield _sender(client)


@asynccontextmanager
async def httpx_on_aiohttp_direct() -> AsyncIterator[Fetch]:
    """As `httpx_on_aiohttp_large`, but the transport gets the request without an `httpx.AsyncClient` around it."""
    import httpx

    async with _large_piece_transport() as transport:

        async def fetch(url: str) -> int:
            return await _read(await transport.handle_async_request(httpx.Request("GET", url)))

        yield fetch


@asynccontextmanager
async def httpx_on_curl_cffi() -> AsyncIterator[Fetch]:
    from httpx_curl_cffi import AsyncCurlTransport, CurlOpt

    options = {CurlOpt.CAINFO: TRUSTED.encode()} if TRUSTED else {}
    transport = AsyncCurlTransport(default_headers=False, curl_options=options)
    async with _httpx_client(transport=transport) as client:
        yield _sender(client)


def _sender(client: Any) -> Fetch:
    async def fetch(url: str) -> int:
        return await _read(await client.send(client.build_request("GET", url), stream=True))

    return fetch


async def _read(response: Any) -> int:
    try:
        return sum([len(piece) async for piece in response.aiter_raw()])
    finally:
        await response.aclose()


def _httpx_client(**options: Any) -> Any:
    import httpx

    limits = httpx.Limits(max_keepalive_connections=CONCURRENCY)
    return httpx.AsyncClient(timeout=60, limits=limits, headers={"Accept-Encoding": "identity"}, **options)


@asynccontextmanager
async def _large_piece_transport() -> AsyncIterator[Any]:
    """Gives the transport."""
    from httpx_aiohttp import AiohttpTransport
    from httpx_aiohttp.transport import AiohttpResponseStream

    AiohttpResponseStream.CHUNK_SIZE = LARGE_PIECE
    async with _aiohttp_session(read_bufsize=LARGE_PIECE) as session:
        yield AiohttpTransport(client=session)


def _aiohttp_session(**options: Any) -> Any:
    import aiohttp
    import httpx

    connector = aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context())
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), **options)


ASYNCIO_CLIENTS = {
    "httpx": httpx_alone,
    "httpx, HTTP/2": httpx_http2,
    "httpx on curl-cffi": httpx_on_curl_cffi,
    "httpx on aiohttp": httpx_on_aiohttp,
    "httpx on aiohttp, pieces of 256 KiB": httpx_on_aiohttp_large,
    "httpx on aiohttp, pieces of 256 KiB, no httpx.AsyncClient": httpx_on_aiohttp_direct,
    "aiohttp": aiohttp_alone,
}
UVLOOP = ", uvloop"
"""May end the name of any of these clients, and exchanges the event loop."""
PYCURL = "pycurl"


async def fetch_all(client: Callable[[], Any], urls: Sequence[str]) -> tuple[float, int]:
    """Fetch URLs, so many at once; gives CPU seconds and bytes."""
    async with client() as fetch:
        await fetch(urls[0])
        rest = iter(urls)
        started = time.process_time()

        async def work() -> int:
            return sum([await fetch(url) for url in rest])

        sizes = await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        return time.process_time() - started, sum(sizes)


def fetch_all_with_pycurl(urls: Sequence[str]) -> tuple[float, int]:
    """The same with libcurl's own loop."""
    import pycurl

    multi, size = pycurl.CurlMulti(), 0

    def count(piece: bytes) -> None:
        nonlocal size
        size += len(piece)

    rest, started = iter(urls), time.process_time()
    with _idle_handles(pycurl, count) as handles:
        for handle in handles:
            _start_next(multi, handle, rest)
        active = CONCURRENCY
        while active:
            multi.perform()
            _, done, failed = multi.info_read()
            assert not failed, failed
            for handle in done:
                multi.remove_handle(handle)
                active -= not _start_next(multi, handle, rest)
            multi.select(1.0)
    return time.process_time() - started, size


@contextmanager
def _idle_handles(pycurl: Any, count: Callable[[bytes], None]) -> Iterator[list[Any]]:
    handles = [pycurl.Curl() for _ in range(CONCURRENCY)]
    for handle in handles:
        handle.setopt(pycurl.WRITEFUNCTION, count)
        if TRUSTED:
            handle.setopt(pycurl.CAINFO, TRUSTED)
    yield handles
    for handle in handles:
        handle.close()


def _start_next(multi: Any, handle: Any, urls: Iterator[str]) -> bool:
    """Have a handle fetch the next URL; False where there is none."""
    url = next(urls, None)
    if url is not None:
        handle.setopt(handle.URL, url)
        multi.add_handle(handle)
    return url is not None


def main() -> None:
    name, urls = sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8").split()
    if name == PYCURL:
        cpu_seconds, size = fetch_all_with_pycurl(urls)
    elif name.endswith(UVLOOP):
        import uvloop

        cpu_seconds, size = uvloop.run(fetch_all(ASYNCIO_CLIENTS[name.removesuffix(UVLOOP)], urls))
    else:
        cpu_seconds, size = asyncio.run(fetch_all(ASYNCIO_CLIENTS[name], urls))
    print(json.dumps({"cpu_milliseconds": cpu_seconds / len(urls) * 1000, "bytes": size}))


if __name__ == "__main__":
    main()
