"""What is asked of a server, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

import httpx

from treeline.download.memory import Held
from treeline.download.servers import Server
from treeline.schemas import NETWORK_ERROR

OVERLOAD_STATUSES = frozenset({429, 503})

Purpose = Literal["image", "redirect", "robots"]


@dataclass
class Answer:
    """What is answered, as far as it has come.

    Args:
        status: HTTP status; 0 before there is one.
        headers: Of the answer.
        body: Its bytes; empty unless the status is 200 to 299.
        received: Bytes of the body received.
        redirect: Where it leads on; None where it does not.
        sent: Monotonic time of the request.
        first_byte: Monotonic time of the first byte; None before it comes.
        ended: Monotonic time of the end, good or bad.
    """

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    received: int = 0
    redirect: httpx.URL | None = None
    sent: float = field(default_factory=monotonic)
    first_byte: float | None = None
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """From the request to the end."""
        return self.ended - self.sent


class FetchError(Exception):
    """An image that could not be fetched.

    Args:
        code: `error_code` of the error row: an HTTP status, or one of `treeline.schemas`.
        reason: `error_msg` of the error row.
        retried: Whether another try may help.
        retry_after: Seconds that the server asks to wait, if it says so.
        asked: Whether the server was asked at all.

    Attributes:
        attempts: Requests that were made for the image.
        answer: The server's, as far as it came.
    """

    def __init__(
        self, code: int, reason: str, *, retried: bool = False, retry_after: float | None = None, asked: bool = True
    ) -> None:
        super().__init__(reason)
        self.code, self.reason, self.retried, self.retry_after, self.asked = code, reason, retried, retry_after, asked
        self.attempts = 0
        self.answer = Answer()

    @property
    def is_overload(self) -> bool:
        """Whether the server is to be asked more slowly."""
        return self.code in OVERLOAD_STATUSES or (self.code == NETWORK_ERROR and self.retried)


@dataclass
class Ask:
    """What is asked for.

    Args:
        url: The URL.
        server: That it is asked of.
        headers: Of this request, beside those of all.
        seconds: That it may take.
        max_bytes: Largest body.
        purpose: Why it is asked for.
        attempt: Which try it is, from 1.
        uuid: Of the image that is to be kept; None where none is.
        held: Account of the body's memory; None for a small one.
        truncates: Whether the start of a larger body is enough; it may be longer than `max_bytes` by one piece.
    """

    url: httpx.URL
    server: Server
    headers: dict[str, str]
    seconds: float
    max_bytes: int
    purpose: Purpose
    attempt: int = 1
    uuid: str | None = None
    held: Held | None = None
    truncates: bool = False
