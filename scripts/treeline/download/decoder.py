"""Decoding in processes of its own, so that no image can take the shard with it.

Image decoders are large old C libraries, and what they read comes from anywhere. One that crashes, hangs or asks for
all memory costs its image and a new process, 0.15 s of CPU time. One that dies may have been killed by somebody else:
its image is tried a second time, so that only an image's own fault is ever an error row. A pool of `concurrent.futures`
is lost with one of its processes; Pebble's is not, but costs 0.6 to 0.9 ms of CPU time an image more than this. A body
goes through a file in memory that both sides hold, and a line of JSON says what to do with it: no answer can make this
process run anything.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any, Self

from treeline.config_download import DownloaderParameters
from treeline.costs import note_helper
from treeline.errors import ImageError, TreelineError
from treeline.io.stored import MESSAGE_BYTES, ImageParameters, ProcessedImage, is_kept_jpeg, keep_jpeg

SECONDS_AN_IMAGE = 60.0
SECONDS_TO_START = 60.0

MEBIBYTE = 1024**2
WORKING_BYTES = 256 * MEBIBYTE
BYTES_A_PIXEL = 24
"""The memory that a decoder may take: for its libraries, and for each pixel that an image may have.

Whole images take 8 to 13 bytes a pixel, progressive CMYK JPEG and AVIF the most, and WebP with transparency 20.
"""


class DecoderError(TreelineError):
    """No decoder can be started, and so no image be processed."""


class DecoderDiedError(ImageError):
    """The decoder of an image has ended over it, for whatever reason."""


class Decoders:
    """A few processes that decode, each one image at a time. They start when they are first needed.

    Args:
        count: Number of processes.
    """

    def __init__(self, count: int) -> None:
        # The last used is the next: where one is enough, the others are never started.
        self._idle: asyncio.LifoQueue[_Decoder | None] = asyncio.LifoQueue()
        for _ in range(count):
            self._idle.put_nowait(None)
        self._running: set[_Decoder] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes. Nothing may be waiting for an image any more."""
        for decoder in self._running:
            decoder.end()
        self._running.clear()

    async def process(self, body: bytes, parameters: DownloaderParameters) -> ProcessedImage:
        """Make what is stored of an image out of a response's body, as `process_image` does.

        Raises:
            ImageError: The body is no whole, readable image, has too many pixels, or two decoders died or one hung
                over it.
            DecoderError: No decoder can be started.
        """
        chosen = ImageParameters.of(parameters)
        if is_kept_jpeg(body, chosen):
            return keep_jpeg(body, chosen.max_image_pixels)
        try:
            return await self._process(body, chosen)
        except DecoderDiedError:
            return await self._process(body, chosen)

    async def _process(self, body: bytes, parameters: ImageParameters) -> ProcessedImage:
        decoder = await self._idle.get()
        try:
            if decoder is None or not decoder.is_running:
                decoder = await self._start(instead_of=decoder)
            return await decoder.process(body, parameters)
        finally:
            self._idle.put_nowait(decoder)

    async def _start(self, instead_of: _Decoder | None) -> _Decoder:
        if instead_of is not None:
            instead_of.end()
            self._running.discard(instead_of)
        decoder = _Decoder()
        self._running.add(decoder)
        await decoder.wait_until_ready()
        return decoder


class _Decoder:
    """One process that decodes, from its start on."""

    def __init__(self) -> None:
        self._exchange = os.fdopen(os.memfd_create("treeline-image"), "r+b", buffering=0)
        # Each message arrives whole, and when one end is gone, the other is told.
        self._socket, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        with inner:
            files = (inner.fileno(), self._exchange.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "treeline.download.decoder_process", *map(str, files)],
                stdin=subprocess.DEVNULL,
                pass_fds=files,
                process_group=0,  # a terminal's Ctrl-C is for this process
            )

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    async def wait_until_ready(self) -> None:
        """Wait until the process has loaded its libraries.

        Raises:
            DecoderError: It cannot.
        """
        try:
            async with asyncio.timeout(SECONDS_TO_START):
                await self._receive()
        except (TimeoutError, ConnectionError):
            raise DecoderError(f"The image decoder does not start; it ended with {self.end()}.") from None
        except asyncio.CancelledError:
            self.end()
            raise

    async def process(self, body: bytes, parameters: ImageParameters) -> ProcessedImage:
        """Hand an image over, and take what has become of it."""
        memory_limit = WORKING_BYTES + len(body) + BYTES_A_PIXEL * parameters.max_image_pixels
        os.pwrite(self._exchange.fileno(), body, 0)
        reply = await self._ask([len(body), memory_limit, *parameters])
        if isinstance(reply, str):
            raise ImageError(reply)
        length, original_hash, stored_hash, original_size, stored_size = reply
        image = os.pread(self._exchange.fileno(), length, 0)
        return ProcessedImage(image, original_hash, stored_hash, tuple(original_size), tuple(stored_size))

    def end(self) -> str:
        """End the process, which holds nothing that could be lost; says how it ended, be it by itself."""
        note_helper(self._process.pid)
        self._process.kill()
        code = self._process.wait()
        self._socket.close()
        self._exchange.close()
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"

    async def _ask(self, request: list[Any]) -> Any:
        try:
            async with asyncio.timeout(SECONDS_AN_IMAGE):
                await asyncio.get_running_loop().sock_sendall(self._socket, json.dumps(request).encode())
                return json.loads(await self._receive())
        except TimeoutError:
            self.end()
            raise ImageError(f"the decoder hung: it took longer than {SECONDS_AN_IMAGE:g} s") from None
        except ConnectionError:
            raise DecoderDiedError(f"the decoder died of it: {self.end()}") from None
        except asyncio.CancelledError:
            self.end()  # or its answer would be taken for one about the next image
            raise

    async def _receive(self) -> bytes:
        message = await asyncio.get_running_loop().sock_recv(self._socket, MESSAGE_BYTES)
        if not message:
            raise ConnectionError("the process is gone")
        return message
