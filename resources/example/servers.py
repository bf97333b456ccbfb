"""Run the example's image servers until SIGTERM or SIGINT.

    python -m resources.example.servers --images .demo/images --logs .demo/logs

Once all of them answer, one line goes to standard output: a JSON object of server names and addresses. Every request
adds a JSON line to `<logs>/<server>.jsonl`: `time` (Unix seconds) and `monotonic` (seconds) of its arrival, `server`
(host:port), `path`, `status`, `bytes` (of the answer, head and body).
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import logging
import signal
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from resources.example.behaviours import BEHAVIOURS
from resources.example.collection import FIRST_PORT, HOST, SERVERS, address, photos
from resources.example.render import cached, render_all
from resources.example.replies import send
from treeline.errors import TreelineError

SHUTDOWN_SECONDS = 1.0
"""How long answers under way may take after the signal to stop."""


class PortTakenError(TreelineError):
    """A port of the example servers is in use."""

    def __init__(self, server: str, first_port: int) -> None:
        super().__init__(
            f"port {first_port + SERVERS.index(server)} on {HOST} is in use, and the example server {server!r} needs it"
            f" (the five servers take {first_port} to {first_port + len(SERVERS) - 1}). Stop the program that holds it,"
            " perhaps another demo on this machine; or set FIRST_PORT in resources/example/collection.py"
            " to the first of five free ports and run `python -m resources.example.make_tables`."
        )


class AccessLog(AbstractAccessLogger):
    """Writes a JSON line for each request, once it is answered; the log format is the server's address."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time_taken: float) -> None:  # noqa: D102
        line = {
            "time": time.time() - time_taken,
            "monotonic": time.monotonic() - time_taken,
            "server": self.log_format,
            "path": request.path,
            "status": response.status,
            "bytes": response.body_length,
        }
        self.logger.info(json.dumps(line))


def make_app(server: str, images: Path) -> web.Application:
    """Make one of the servers; `images` is the folder of the rendered photos."""
    behave = BEHAVIOURS[server]()
    on_server = [photo for photo in photos() if photo.server == server]
    by_path = {photo.path: photo for faulty in on_server for photo in (replace(faulty, fault=None), faulty)}

    async def answer(request: web.Request) -> web.StreamResponse:
        photo = by_path.get(request.path)
        if photo is None:
            raise web.HTTPNotFound
        return await send(request, behave(photo, cached(photo, images).read_bytes()))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


async def serve(first_port: int, images: Path, logs: Path, *, while_stdin_is_open: bool) -> None:
    """Start every server, say so, and stop them all on SIGTERM or SIGINT, or when whoever holds standard input is gone.

    Raises:
        PortTakenError: Another program holds one of the ports.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if while_stdin_is_open:
        loop.add_reader(sys.stdin, stop.set)  # nothing is ever written to it: readable means closed
    async with AsyncExitStack() as running:
        for server in SERVERS:
            runner = await start(server, first_port, images, logs)
            running.push_async_callback(runner.cleanup)
        print(json.dumps({server: address(server, first_port) for server in SERVERS}), flush=True)
        await stop.wait()


async def start(server: str, first_port: int, images: Path, logs: Path) -> web.AppRunner:
    """Start one server.

    Raises:
        PortTakenError: Another program holds its port.
    """
    host_port = address(server, first_port)
    runner = web.AppRunner(
        make_app(server, images),
        access_log=open_log(logs / f"{server}.jsonl", host_port),
        access_log_class=AccessLog,
        access_log_format=host_port,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, int(host_port.partition(":")[2])).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTakenError(server, first_port) from error
    return runner


def open_log(file: Path, name: str) -> logging.Logger:
    """A logger that adds bare lines to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.FileHandler(file))
    return logger


def main() -> int:
    """Render what is not rendered yet, and serve; 2 where a port is taken."""
    parser = argparse.ArgumentParser(description="Run the example's image servers until SIGTERM or SIGINT.")
    parser.add_argument("--images", type=Path, required=True, help="folder that keeps the rendered photos")
    parser.add_argument("--logs", type=Path, required=True, help="folder of the access logs")
    parser.add_argument("--first-port", type=int, default=FIRST_PORT, help="default: %(default)s")
    parser.add_argument("--while-stdin-is-open", action="store_true", help="stop as well when standard input ends")
    asked = parser.parse_args()
    render_all(photos(), asked.images)
    try:
        asyncio.run(serve(asked.first_port, asked.images, asked.logs, while_stdin_is_open=asked.while_stdin_is_open))
    except PortTakenError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
