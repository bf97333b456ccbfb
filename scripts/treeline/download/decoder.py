from __future__ import annotations
import asyncio
from concurrent.futures import ThreadPoolExecutor
from treeline.download.process import process_image


class Decoders:
    def __init__(self, count):
        self._pool = ThreadPoolExecutor(count)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self._pool.shutdown()

    async def process(self, body, parameters):
        return await asyncio.get_running_loop().run_in_executor(self._pool, process_image, body, parameters)
