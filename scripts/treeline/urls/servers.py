"""Server names out of URLs: one name a server, however its URL is written."""

from __future__ import annotations

import ipaddress
import re

import idna

from treeline.io.names import encode_server_name

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535
MAX_AUTHORITY_CHARACTERS = 1024
# host[:port] of RFC 3986, where an IPv6 address stands in brackets.
AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@]+)(?::([0-9]*))?")
# Underscores are no part of host names by RFC 1123, and are in use all the same.
HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


class ServerNameTooLongError(ValueError):
    """The server's name is longer than a folder's name may be."""


def normalize_server(scheme: str, authority: str) -> str:
    """Give the one name of the server that a URL names.

    Args:
        scheme: `http` or `https`, whose default port is left out.
        authority: What stands between `//` and the next `/`, `?` or `#`, without credentials.

    Returns:
        Lower-case host with an optional port, in ASCII: international names are IDNA-encoded, a dot at the end is cut.

    Raises:
        ServerNameTooLongError: The name does not fit a folder's name.
        ValueError: The authority is not a host with an optional port.
    """
    if len(authority) > MAX_AUTHORITY_CHARACTERS:
        raise ServerNameTooLongError(f"{len(authority)} characters")
    parts = AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError(f"{authority[:80]!r} is not a host with an optional port")
    host = _normalize_host(parts[1])
    port = int(parts[2]) if parts[2] else DEFAULT_PORTS[scheme]
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"port {port} is not between 1 and {MAX_PORT}")
    server = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    try:
        encode_server_name(server)
    except ValueError as error:
        raise ServerNameTooLongError(str(error)) from error
    return server


def _normalize_host(given: str) -> str:
    if given.startswith("["):
        return f"[{ipaddress.IPv6Address(given[1:-1]).compressed}]"
    host = given if given.isascii() else _to_ascii(given)
    host = host.lower().removesuffix(".")
    if HOST.fullmatch(host) is None:
        raise ValueError(f"{given[:80]!r} is not a host name")
    return host


def _to_ascii(host: str) -> str:
    # UTS 46 is what browsers do before they ask the DNS: case folding, full-width characters, dots of other scripts.
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(str(error)) from error
