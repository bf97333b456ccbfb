"""Which network addresses may be asked.

A URL table comes from outside, and so do redirects: unless it is allowed, neither may make this machine ask its own
services or those of its private network.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

IPV4_CARRIERS = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))
"""Networks whose last 32 bits are an IPv4 address: compatible (RFC 4291) and translated (RFC 6052) ones."""


class PrivateAddressError(OSError):
    """A name or address leads into a private network."""


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead to an address that is not public.

    The check is made on the addresses that are then connected to, so that a name cannot change its meaning in between.
    A proxy from the environment may have a private address; it is then the proxy that decides what it asks.
    """

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()
        proxies = map(urlsplit, getproxies().values())
        self._proxies = {(proxy.hostname, proxy.port) for proxy in proxies}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve `host` to its public addresses."""
        found = await self._resolver.resolve(host, port, family)
        if (host, port) in self._proxies:
            return found
        public = [address for address in found if _is_public(ip_address(address["host"].partition("%")[0]))]
        if not public:
            raise PrivateAddressError(f"{host} leads to a private address")
        return public

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()


def server_of_url(url: httpx.URL) -> str:
    """Name of the server that a URL is asked of, host[:port] as in the manifest."""
    name = url.netloc.decode("ascii")
    host, colon, port = (name, "", "") if url.port is None else name.rpartition(":")
    return host.removesuffix(".") + colon + port


def refused_address(url: httpx.URL, *, allows_private: bool) -> str:
    """Why no request may go to a URL, as far as its text tells; empty if one may."""
    if url.scheme not in ("http", "https"):
        return f"the scheme {url.scheme!r} is not supported"
    if not allows_private and is_private_literal(url.host):
        return f"{url.host} is a private address; see allow_private_addresses"
    return ""


def is_private_literal(host: str) -> bool:
    """Whether a URL's host is written as an address that is not public; a name is not judged here.

    Accepts every form that connecting accepts: `127.1`, `2130706433` and `0x7f.1` are loopback too.
    """
    address = _literal(host)
    return address is not None and not _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and an IPv4 address that it carries to a gateway or stands for, is out in the Internet."""
    carried = _carried_address(address) if isinstance(address, IPv6Address) else None
    is_local = address.is_multicast or (isinstance(address, IPv6Address) and address.is_site_local)
    return address.is_global and not is_local and (carried is None or _is_public(carried))


def _carried_address(address: IPv6Address) -> IPv4Address | None:
    for network in IPV4_CARRIERS:
        if address in network:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
