"""The torture servers: one for each site of the table, on a loopback address of its own, HTTP or HTTPS.

with TortureServers(sites) as servers:
    servers[site].add("/a.jpg", Reply(status=503))
    url = servers.origin(site) + "/a.jpg"
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, Self

import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

from resources.example.replies import Reply
from tests.servers import ImageServer, Request

A_DAY = timedelta(days=1)

Certificate = Literal["good", "expired", "self-signed", "of another host"]


@dataclass(frozen=True, eq=False)
class Site:
    """A server that the table asks.

    Attributes:
        host: As URLs name it.
        address: Loopback address that it listens at; the host where it is empty.
        certificate: What it shows to those who ask by HTTPS; without one it speaks HTTP.
        http2: Speak HTTP/2 to those who can. Such a server cannot misbehave below HTTP.
        robots: What it answers to `/robots.txt`, in turn.
    """

    host: str
    address: str = ""
    certificate: Certificate | None = None
    http2: bool = False
    robots: tuple[Reply, ...] = (Reply(status=404),)


class TortureServers:
    """Runs the servers of some sites.

    Attributes:
        authority_file: Certificate of the authority that the good certificates come from, PEM.
    """

    def __init__(self, sites: Iterable[Site]) -> None:
        self._sites = list(sites)
        self._servers: dict[Site, ImageServer] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(TemporaryDirectory()))
        authority = trustme.CA()
        self.authority_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority_file))
        for number, site in enumerate(self._sites):
            server = self._stack.enter_context(_server_of(site, authority, folder / f"{number}.pem"))
            server.add("/robots.txt", *site.robots)
            self._servers[site] = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def __getitem__(self, site: Site) -> ImageServer:
        return self._servers[site]

    def requests(self) -> dict[Site, list[Request]]:
        """The requests so far, of each site."""
        return {site: server.requests() for site, server in self._servers.items()}

    def name(self, site: Site) -> str:
        """host:port, as URLs have it."""
        host = f"[{site.host}]" if ":" in site.host else site.host
        return f"{host}:{self[site].port}"

    def origin(self, site: Site, scheme: str = "") -> str:
        """scheme://host:port; the scheme is what the site speaks, or the one given."""
        return f"{scheme or ('https' if site.certificate else 'http')}://{self.name(site)}"


class Http2Server(ImageServer):
    """An `ImageServer` that speaks HTTP/2 to those who can, and HTTP/1.1 to the others; of a reply it heeds status,
    headers and body."""

    def __init__(self, host: str, certificate: Path) -> None:
        super().__init__(host)
        self._certificate = certificate

    async def _start(self) -> int:
        listener = socket.create_server((self._host, 0))
        port: int = listener.getsockname()[1]
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.certfile = config.keyfile = str(self._certificate)
        config.errorlog = None
        config.graceful_timeout = 0.1
        self._stopped = asyncio.Event()
        self._serving = asyncio.create_task(serve(self._asgi, config, shutdown_trigger=self._stopped.wait))
        return port

    async def _stop(self) -> None:
        self._stopped.set()
        await self._serving

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        reply = self._next_reply(path.decode(), headers)
        fields = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **reply.headers}
        encoded = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
        await send({"type": "http.response.body", "body": reply.body})


def _server_of(site: Site, authority: trustme.CA, certificate_file: Path) -> ImageServer:
    address = site.address or site.host
    if site.certificate is None:
        return ImageServer(address)
    certificate = _certificate(site, authority)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(certificate_file))
    if site.http2:
        return Http2Server(address, certificate_file)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate_file)
    return ImageServer(address, tls)


def _certificate(site: Site, authority: trustme.CA) -> trustme.LeafCert:
    if site.certificate == "self-signed":
        own = trustme.CA()
        return trustme.LeafCert(own.private_key_pem.bytes(), own.cert_pem.bytes(), [])
    identity = "images.example.org" if site.certificate == "of another host" else site.host
    end = datetime.now(UTC) + (-A_DAY if site.certificate == "expired" else A_DAY)
    return authority.issue_cert(identity, not_before=end - 2 * A_DAY, not_after=end)
