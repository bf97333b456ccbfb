"""The process at the other end of `treeline.download.decoder`: decodes one image after the other until nobody asks.

It loads no more than decoding needs.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any

from treeline.download.allocator import keep_freed_memory
from treeline.download.parent import end_with_parent
from treeline.errors import ImageError
from treeline.io.process import process_image
from treeline.io.stored import MESSAGE_BYTES, ImageParameters

ERROR_CHARACTERS = 1000

KEPT_BYTES = 4 * 1024**2
"""So much of the exchange's memory is kept from image to image; to be given it anew costs more than to fill it."""


def main() -> None:
    """Serve the socket and the exchange file whose numbers are the arguments."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to all processes of a job; the parent ends this one in its time
    # The end of the socket tells this process too that its parent is gone, but not while it hangs.
    end_with_parent()
    keep_freed_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(sys.argv[1])) as parent, suppress(ConnectionError):  # the parent is gone
        _serve(parent, exchange=int(sys.argv[2]))


def _serve(parent: socket.socket, exchange: int) -> None:
    parent.send(b"ready")
    while request := parent.recv(MESSAGE_BYTES):
        length, memory_limit, *parameters = json.loads(request)
        _, hard_limit = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, hard_limit))
        reply = _process(exchange, length, ImageParameters(*parameters))
        parent.send(json.dumps(reply).encode())


def _process(exchange: int, length: int, parameters: ImageParameters) -> list[Any] | str:
    """Put what is stored of the image in place of its body; gives the facts about it, or what is wrong with it."""
    body = os.pread(exchange, length, 0)
    if length > KEPT_BYTES:
        os.ftruncate(exchange, 0)
    try:
        stored = process_image(body, parameters)
    except ImageError as error:
        return str(error)[:ERROR_CHARACTERS]
    except Exception as error:  # a defect of ours, or a decoder's way to say that it has no memory
        traceback.print_exc()
        return f"unexpected {type(error).__name__}: {error}"[:ERROR_CHARACTERS]
    os.pwrite(exchange, stored.image, 0)
    return [len(stored.image), *stored[1:]]


if __name__ == "__main__":
    main()
