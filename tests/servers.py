"""Real HTTP servers for tests: one with a script of what it answers, and the example's five.

    with ImageServer() as server:
        url = server.add("/a.jpg", Reply(status=503), Reply(jpeg))   # refuses once, and answers from then on
        ...
        assert len(server.requests("/a.jpg")) == 2

It listens on a free port of a loopback address, in a thread of its own. The example's servers run as a process, on
free ports, too, so that tests that need them can run side by side:

    with example_servers(images, logs) as first_port:
        make_tables(folder, first_port)
        ...
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from resources.example.collection import SERVERS
from resources.example.replies import Reply, send

__all__ = ["ImageServer", "Reply", "Request", "example_servers"]

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Request:
    """A request that the server had: its target as it was sent, and its arrival in monotonic seconds."""

    path: str
    time: float
    headers: Mapping[str, str]


class ImageServer:
    """Answers each path with its replies in turn, the last of them again and again, and any other path with 404.

    Args:
        host: Loopback address to listen at.
        tls: Speak HTTPS with the certificate that it holds.

    Attributes:
        most_at_once: Largest number of requests that were being answered at the same time.
    """

    def __init__(self, host: str = HOST, tls: ssl.SSLContext | None = None) -> None:
        self.most_at_once = 0
        self._host, self._tls = host, tls
        self._open = 0
        self._replies: dict[str, tuple[Reply, ...]] = {}
        self._requests: list[Request] = []
        self._asked = Counter[str]()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="image server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self._host}:{self.port}"

    def url(self, path: str) -> str:
        """The address of a path, which need not exist."""
        return f"http://{self.address}{path}"

    def add(self, path: str, *replies: Reply, **last: Any) -> str:
        """Have `path` answered by `replies` in turn; keywords make one more, the last.

        `add("/a.jpg", body=jpeg)` is `add("/a.jpg", Reply(body=jpeg))`. Replaces what the path had, and counts its
        turns from the first again. `path` is the target as it is sent, a query string included.

        Returns:
            Its URL.
        """
        with self._lock:
            self._replies[path] = (*replies, Reply(**last)) if last or not replies else replies
            self._asked[path] = 0
        return self.url(path)

    def requests(self, path: str | None = None) -> list[Request]:
        """The requests so far in the order they arrived, of one path or of all."""
        with self._lock:
            return [request for request in self._requests if path in (None, request.path)]

    async def _start(self) -> int:
        """Listen; gives the port."""
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, 0, ssl_context=self._tls).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            return await send(request, self._next_reply(request.raw_path, request.headers.copy()))
        finally:
            self._open -= 1

    def _next_reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        with self._lock:
            self._requests.append(Request(path, time.monotonic(), headers))
            replies = self._replies.get(path, (Reply(status=404, content_type="text/plain"),))
            turn = min(self._asked[path], len(replies) - 1)
            self._asked[path] += 1
            return replies[turn]


@contextmanager
def example_servers(images: Path, logs: Path) -> Iterator[int]:
    """Have the example's servers answer while the block runs.

    Args:
        images: Folder of the rendered photos; filled first where it is not (10 s of two cores).
        logs: Folder of the access logs.

    Yields:
        The first of their ports.

    Raises:
        RuntimeError: They did not start; they have said why.
    """
    first_port = free_ports(len(SERVERS))
    command = [sys.executable, "-m", "resources.example.servers", "--while-stdin-is-open"]
    options = ["--images", str(images), "--logs", str(logs), "--first-port", str(first_port)]
    with subprocess.Popen(
        [*command, *options], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as servers:
        assert servers.stdout is not None
        if not servers.stdout.readline():
            raise RuntimeError("the example servers did not start")
        try:
            yield first_port
        finally:
            servers.terminate()


def free_ports(count: int) -> int:
    """The first of so many free ports in a row, below those that the system deals to outgoing connections."""
    while True:
        first_port = random.randrange(10_000, 32_000)
        try:
            with ExitStack() as sockets:
                for port in range(first_port, first_port + count):
                    sockets.enter_context(socket.socket()).bind((HOST, port))
        except OSError:
            continue
        return first_port
