"""Which network addresses may be asked.

A URL table comes from outside, and so do redirects: unless it is allowed, neither may make this machine ask its own
services or those of its private network.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


class PrivateAddressError(OSError):
    """A name or address leads into a private network."""


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead to an address that is not public.

    The check is made on the addresses that are then connected to, so that a name cannot change its meaning in between.
    A proxy from the environment may have a private address.
    """

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()
        self._proxies = {urlsplit(proxy).hostname for proxy in getproxies().values()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve `host` to its public addresses."""
        found = await self._resolver.resolve(host, port, family)
        if host in self._proxies:
            return found
        public = [address for address in found if ip_address(address["host"].partition("%")[0]).is_global]
        if not public:
            raise PrivateAddressError(f"{host} leads to a private address")
        return public

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()


def is_private_literal(host: str) -> bool:
    """Whether a URL's host is written as an address that is not public; a name is not judged here.

    Accepts every form that connecting accepts: `127.1`, `2130706433` and `0x7f.1` are loopback too.
    """
    address = _literal(host)
    return address is not None and not address.is_global


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
