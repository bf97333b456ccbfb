"""What a case of the torture table is, and how its answers are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from resources.example.replies import Reply
from tests.torture.images import PHOTO
from tests.torture.server import Site

PARAMETERS = {
    "allow_private_addresses": True,
    "user_agent": "Treeline/0.1 (https://treeline.example/)",
    "image_size": 32,
    "default_rate_limit": 1e6,
    "backoff": 0.01,
    "max_retries": 2,
    "max_redirects": 3,
    "timeout": 7.0,
    "max_image_bytes": 1_000_000,
}
"""The `downloader_parameters` that the table is made for; `timeout` is longer than the grace that a slow body has."""

ORDINARY = Site("127.0.0.2")
BUSY = Site("127.0.0.3")
SLOW = Site("127.0.0.4")
IPV6 = Site("::1")
NAMED = Site("LOCALHOST", address="127.0.0.1")
VERIFIED = Site("127.0.0.5", certificate="good")
HTTP2 = Site("127.0.0.6", certificate="good", http2=True)
EXPIRED = Site("127.0.0.7", certificate="expired")
SELF_SIGNED = Site("127.0.0.8", certificate="self-signed")
OF_ANOTHER_HOST = Site("127.0.0.9", certificate="of another host")
UNVERIFIED = Site("127.0.0.10", certificate="self-signed")
"""Is named in `unverified_servers`."""

GOOD = Reply(PHOTO)


@dataclass(frozen=True)
class Stored:
    """The row is a success with these heights and widths, after so many requests for it."""

    original: tuple[int, int] = (240, 320)
    resized: tuple[int, int] = (24, 32)
    tries: int = 1


@dataclass(frozen=True)
class Failed:
    """The row is an error with this code, a message that holds `reason`, and so many tries where that matters."""

    code: int
    reason: str = ""
    tries: int | None = 1


@dataclass(frozen=True)
class Case:
    """One URL and what must become of it.

    Attributes:
        name: Also the row's uuid.
        expected: The row.
        replies: What the server answers when it is asked for `asked`, in turn.
        site: The server that is asked.
        target: The URL behind the server's name, as the URL table has it; made of the name where it is empty.
        asked: What the server must be asked for; the target itself where it is empty.
        elsewhere: What the server answers to other targets.
        pause: The least seconds between its first request and its second.
        scheme: As the URL has it; the site's where it is empty.
        url: The whole URL, where the site has no part in it.
    """

    name: str
    expected: Stored | Failed
    replies: tuple[Reply, ...]
    site: Site
    target: str = ""
    asked: str = ""
    elsewhere: Mapping[str, Reply] = field(default_factory=dict)
    pause: float = 0.0
    scheme: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", self.target or f"/{re.sub('[^a-z0-9]+', '-', self.name.lower())}.jpg")
        object.__setattr__(self, "asked", self.asked or self.target)


def case(name: str, expected: Stored | Failed, *replies: Reply, site: Site = ORDINARY, **more: Any) -> Case:
    """A case; the server sends a good photo where nothing else is said."""
    return Case(name, expected, replies or (GOOD,), site, **more)


def redirect(target: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": target})


class RetryAfterDate(Mapping[str, str]):
    """A header `Retry-After` with a date so many seconds after the moment it is sent, in whole seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __getitem__(self, name: str) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(seconds=self._seconds), usegmt=True)

    def __iter__(self) -> Iterator[str]:
        return iter(["Retry-After"])

    def __len__(self) -> int:
        return 1


def raw(head: str, body: bytes = b"", *, reset: bool = False) -> Reply:
    """An answer of these lines and this body, whatever HTTP says of them; then the connection is closed or reset."""
    return Reply(raw=head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body, reset=reset)


def chunked(body: bytes, size: int = 500) -> bytes:
    """A body in the chunked coding, its end included."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
