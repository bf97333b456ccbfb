"""The server that the benchmarks download from: a process of its own, whose CPU time no measurement counts.

    with serve(corpus, certificate=make_certificate(folder), log=folder / "arrivals.log") as base_url:
        ...

It answers out of memory, over HTTP/1.1 or, where it has a certificate, over HTTPS.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

HOST = "127.0.0.1"


class Certificate(NamedTuple):
    """A server's certificate.

    Args:
        chain: PEM file of its private key and certificates.
        trusted: PEM file of the authorities that a real machine trusts, and of the one that signed this certificate:
            as long to read as the real one, for each client that reads it again and again.
    """

    chain: Path
    trusted: Path


def make_certificate(folder: Path) -> Certificate:
    """Have a certificate for the loopback interface signed by an authority that nobody else trusts."""
    import certifi
    import trustme

    authority = trustme.CA()
    certificate = Certificate(folder / "server.pem", folder / "trusted.pem")
    folder.mkdir(parents=True, exist_ok=True)
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(certificate.chain))
    certificate.trusted.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    return certificate


@contextmanager
def serve(images: Path, *, certificate: Certificate | None = None, log: Path | None = None) -> Iterator[str]:
    """Serve a folder's files on a free port of the loopback interface.

    Args:
        images: The folder.
        certificate: For HTTPS.
        log: Gets the time of each request's arrival, a line each: see `read_arrivals`.

    Yields:
        The server's base URL.
    """
    command = [sys.executable, __file__, str(images)]
    command += ["--chain", str(certificate.chain)] if certificate is not None else []
    command += ["--log", str(log)] if log is not None else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def read_arrivals(log: Path) -> list[float]:
    """The seconds at which requests arrived, in order."""
    return sorted(float(line) for line in log.read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Serve until the input ends, as it does when the process at its other end does, in whatever way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--chain", type=Path)
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_start(arguments.images, arguments.chain, arguments.log))
    loop.add_reader(sys.stdin, loop.stop)
    loop.run_forever()


async def _start(images: Path, chain: Path | None, log: Path | None) -> None:
    """Listen on a free port, and print the URL as the first line."""
    bodies = {file.name: file.read_bytes() for file in images.iterdir()}

    async def answer(request: web.Request) -> web.StreamResponse:
        body = bodies.get(request.match_info["name"])
        return web.Response(status=404) if body is None else web.Response(body=body, content_type="image/jpeg")

    app = web.Application(middlewares=[_logger(log.open("w", encoding="utf-8", buffering=1))] if log else [])
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = None
    if chain is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain)
    await web.TCPSite(runner, HOST, 0, backlog=1024, ssl_context=context).start()
    print(f"{'http' if context is None else 'https'}://{HOST}:{runner.addresses[0][1]}", flush=True)


def _logger(log: TextIO) -> Middleware:
    @web.middleware
    async def write_arrival(request: web.Request, handler: Handler) -> web.StreamResponse:
        log.write(f"{time.monotonic():.6f}\n")
        return await handler(request)

    return write_arrival


if __name__ == "__main__":
    main()
