"""How each example server answers a request for one of its photos."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeAlias

from resources.example.collection import SOUND, Fault, Photo
from resources.example.replies import Reply

SLOW_DELAY_SECONDS = 0.08
SLOW_CHUNK_BYTES = 8192
SLOW_PAUSE_SECONDS = 0.01
LIMIT_PER_SECOND = 20

Behaviour: TypeAlias = Callable[[Photo, bytes], Reply]
"""Takes the photo that is asked for and its sound file."""


def plain(photo: Photo, body: bytes) -> Reply:
    """Send the photo."""
    return Reply(body, content_type=f"image/{photo.format}")


def slow(photo: Photo, body: bytes) -> Reply:
    """Think before the first byte, and then trickle."""
    return Reply(
        body,
        content_type=f"image/{photo.format}",
        delay_seconds=SLOW_DELAY_SECONDS,
        chunk_bytes=SLOW_CHUNK_BYTES,
        pause_seconds=SLOW_PAUSE_SECONDS,
    )


class Limited:
    """Give `LIMIT_PER_SECOND` photos in any second, and refuse the rest; what is refused does not count."""

    def __init__(self) -> None:
        self._given: deque[float] = deque(maxlen=LIMIT_PER_SECOND)

    def __call__(self, photo: Photo, body: bytes) -> Reply:
        """Send the photo, or 429."""
        now = time.monotonic()
        if len(self._given) == LIMIT_PER_SECOND and now - self._given[0] < 1:
            return _problem(429, {"Retry-After": "1"})
        self._given.append(now)
        return plain(photo, body)


class Broken:
    """Do with each photo what its fault says."""

    def __init__(self) -> None:
        self._requests = Counter[Photo]()

    def __call__(self, photo: Photo, body: bytes) -> Reply:
        """Send what the photo's fault makes of it."""
        self._requests[photo] += 1
        match photo.fault:
            case Fault.TRUNCATED:
                return Reply(body[: len(body) // 2])
            case Fault.CORRUPT:
                return Reply(_corrupt(body))
            case Fault.HTML:
                return Reply(b"<!DOCTYPE html><title>Log in</title><p>Please log in to see this image.")
            case Fault.EMPTY:
                return Reply()
            case Fault.MISSING:
                return _problem(404)
            case Fault.GONE:
                return _problem(410)
            case Fault.FORBIDDEN:
                return _problem(403)
            case Fault.FAILING:
                return _problem(500)
            case Fault.HANGING_UP:
                return Reply(body[: len(body) // 2], missing_bytes=len(body) - len(body) // 2)
            case Fault.REDIRECT_LOOP:
                return _problem(302, {"Location": photo.path})
            case Fault.REDIRECT:
                return _problem(302, {"Location": photo.path.replace(Fault.REDIRECT, SOUND)})
            case Fault.FLAKY if self._requests[photo] == 1:
                return _problem(503)
            case _:
                return plain(photo, body)


BEHAVIOURS: dict[str, Callable[[], Behaviour]] = {
    "fast": lambda: plain,
    "mixed": lambda: plain,
    "slow": lambda: slow,
    "limited": Limited,
    "broken": Broken,
}
"""Makes the behaviour of each server, by its name."""


def _problem(status: int, headers: dict[str, str] | None = None) -> Reply:
    return Reply(b"", status, "text/plain", headers or {})


def _corrupt(jpeg: bytes) -> bytes:
    """Overwrite bytes in the middle with start-of-image markers, which no decoder can take for picture data."""
    middle = len(jpeg) // 2
    markers = b"\xff\xd8\xff\xe0" * 16
    return jpeg[:middle] + markers + jpeg[middle + len(markers) :]
