"""A server for HTTP/2 and HTTPS; run as `python -m tests.benchmarks.http2_server IMAGES CHAIN PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def main(images: Path, chain: str, port: str) -> None:
    """Serve a folder's files out of memory on the loopback interface."""
    bodies = {f"/{file.name}": file.read_bytes() for file in images.iterdir()}

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = bodies[scope["path"]]
        headers = [(b"content-type", b"image/jpeg"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = Config()
    config.bind, config.certfile, config.keyfile = [f"127.0.0.1:{port}"], chain, chain
    config.h2_max_concurrent_streams, config.loglevel = 256, "ERROR"
    await serve(answer, config)  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
