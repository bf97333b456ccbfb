"""Serve the page until it is stopped."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from treeline.catalog.browse.app import make_app
from treeline.catalog.browse.pages import totals
from treeline.catalog.browse.pictures import Pictures
from treeline.catalog.browse.reader import open_reader
from treeline.catalog.browse.search import Search
from treeline.errors import TreelineError

log = logging.getLogger(__name__)

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]
SHUTDOWN_SECONDS = 3


class AddressError(TreelineError):
    """The page cannot be served at the address that was asked for."""


def serve(
    catalog: Path,
    images: Path | None,
    *,
    host: str,
    port: int,
    memory_mb: int,
    threads: int,
    announce: Callable[[str], None],
) -> None:
    """Serve the page until the process is interrupted.

    Args:
        catalog: The database's file.
        images: Folder of images, or Treeline's output folder; None shows boxes without pictures.
        host: Address to listen at; all but those of this machine alone are warned of.
        port: Likewise; 0 takes a free one.
        memory_mb: Memory of the process in MiB.
        threads: Number of threads of the database.
        announce: Told the page's address once it can be opened.

    Raises:
        AddressError: The port is in use, or the host is none of this machine's.
        CatalogError: There is no such file, it is no catalogue, or it is being written.
        InputError: There is no such folder of images.
    """
    pictures = Pictures(images) if images is not None else None
    with open_reader(catalog, memory_mb=memory_mb, threads=threads) as reader, _listen(host, port) as listener:
        is_open = not _is_loopback(host)
        if is_open:
            log.warning("%s: everybody who reaches this machine can see the catalogue; there is no password.", host)
        app = make_app(reader, pictures, catalog, ["*"] if is_open else LOOPBACK_NAMES)
        totals(reader, Search())  # the slowest counts, remembered before anybody asks
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS
        )
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{listener.getsockname()[1]}/"
        try:
            _Server(config, lambda: announce(address)).run(sockets=[listener])
        except KeyboardInterrupt:
            log.info("stopped")


class _Server(uvicorn.Server):
    """Says when it has started: an interrupt that came before then could be lost.

    Args:
        config: Uvicorn's.
        started: Called once.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._started()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressError(f"Port {port} of {host} is in use: choose another with --port.") from error
        raise AddressError(f"{host}:{port}: cannot be listened at ({error.strerror}).") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
