"""Whoever asks a server of others says whom its owner can reach."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from treeline.errors import ConfigError

CONTACTS = ("@", "http://", "https://")


def check_contact(user_agent: str, servers: Iterable[str]) -> None:
    """Refuse to ask other people's servers under a name without a mail address or web page.

    Args:
        user_agent: The configured User-Agent.
        servers: Names of the servers to be asked, host[:port]; loopback ones may be asked under any name.

    Raises:
        ConfigError: A server is not on the loopback interface, and `user_agent` holds no contact.
    """
    if any(contact in user_agent for contact in CONTACTS):
        return
    for server in servers:
        if not is_loopback(server):
            raise ConfigError(
                f"downloader_parameters.user_agent: {user_agent!r} does not say whom the owner of {server} can reach. "
                'Add a mail address or web page: "Owl/1.0 (owl@example.org)".'
            )


def is_loopback(server: str) -> bool:
    """Whether a server's name, host[:port], means this machine: `localhost`, below it, 127.0.0.0/8 or ::1."""
    host = urlsplit(f"//{server}").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
