"""What a test server sends back: a reply says what, `send` does it to the wire, misbehaviour included."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

LINGER_NOT_AT_ALL = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 seconds: closing the socket then sends a TCP reset instead of an orderly end."""


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, good or bad.

    Attributes:
        body: Bytes sent as they are; a `Content-Encoding` header is the caller's to match.
        status: HTTP status.
        content_type: Sent as `Content-Type`, true or not.
        headers: Further headers (`Location`, `Retry-After`, ...).
        delay_seconds: Wait before the first byte.
        chunk_bytes: Send the body in pieces of this size; 0 sends it whole.
        pause_seconds: Wait after each piece.
        missing_bytes: Announce this many bytes more than are sent, then hang up.
        endless: Send the body again and again until the client leaves, without a Content-Length.
        reset: Reset the connection instead of answering.
        raw: Sent as it is in place of all the above, then hang up, or with `reset`, reset the connection.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "image/jpeg"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    chunk_bytes: int = 0
    pause_seconds: float = 0.0
    missing_bytes: int = 0
    endless: bool = False
    reset: bool = False
    raw: bytes = b""

    def pieces(self) -> Iterator[bytes]:
        """The body in the pieces it is sent in."""
        size = self.chunk_bytes or max(1, len(self.body))
        while True:
            for start in range(0, len(self.body), size):
                yield self.body[start : start + size]
            if not self.endless:
                return


async def send(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Answer a request with a reply.

    A client that hangs up early ends the answer, not the server.
    """
    await asyncio.sleep(reply.delay_seconds)
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = reply.content_type
    if reply.raw or reply.reset:
        _break_off(request, reply)
        return response
    if not reply.endless:
        response.content_length = len(reply.body) + reply.missing_bytes
    try:
        await response.prepare(request)
        for piece in reply.pieces():
            await response.write(piece)
            await asyncio.sleep(reply.pause_seconds)
    except ConnectionError:
        return response
    if reply.missing_bytes and request.transport is not None:
        request.transport.close()
    return response


def _break_off(request: web.BaseRequest, reply: Reply) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.write(reply.raw)
    if not reply.reset:
        transport.close()
        return
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT_AT_ALL)
    transport.abort()
