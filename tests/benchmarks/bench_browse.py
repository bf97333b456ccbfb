"""The page to look around in the catalogue: how long a visitor waits, and what the server takes.

`bench_catalog` runs it, on its catalogue of 10 million images. Each page is asked for once, of a server that has
remembered nothing of it; its numbers are fetched as the page itself fetches them, afterwards.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

import httpx
import psutil

from tests.benchmarks.measure import MEBIBYTE, Cost, Row

PAGES = (
    "/",
    "/?class=species_3",
    "/?dataset=dataset_7&location=location_105",
    "/?from=2015-03-01&to=2015-03-02",
    "/?boxes=some&confidence=0.5",
    "/?class=species_3&boxes=none&file=9",
    "/counts",
    "/counts?class=species_3",
    "/counts?boxes=none&confidence=0.5",
    "/map?class=species_3",
    "/times",
)
SECONDS_TO_WAIT = 60


def browse(catalog: Path, images: int, memory_mb: int, threads: int) -> list[Row]:
    """Serve a catalogue of so many images and ask for the pages."""
    command = [sys.executable, "-m", "treeline", "catalog", "browse", str(catalog), "--port", "0"]
    options = ["--memory-mb", str(memory_mb), "--threads", str(threads)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            assert address is not None
            return [_ask(address[0], page, images, psutil.Process(server.pid)) for page in PAGES]
        finally:
            server.terminate()


def _ask(address: str, page: str, images: int, server: psutil.Process) -> Row:
    before = server.cpu_times()
    started = perf_counter()
    answer = httpx.get(address.rstrip("/") + quote(page, safe="/?&="), timeout=SECONDS_TO_WAIT)
    seconds = perf_counter() - started
    answer.raise_for_status()
    after = server.cpu_times()
    cpu_seconds = after.user + after.system - before.user - before.system
    cost = Cost(max(cpu_seconds, 0.01), server.memory_info().rss / MEBIBYTE)
    return Row(f"browse {page}", images, cost, f"{seconds:.2f} s; {len(answer.content) / 1024:,.0f} KiB")
