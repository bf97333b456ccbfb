"""A shard's download by the command that Snakemake runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.ipc as ipc

from tests.batches import encoded, photo
from tests.servers import ImageServer

IMAGE = encoded(photo(320, 240))
LIMITS = {
    "allow_private_addresses": True,
    "obey_robots_txt": False,
    "user_agent": "Tests (tests@example.org)",
    "default_rate_limit": 1e6,
    "image_size": 64,
    "backoff": 0.01,
    "timeout": 5,
}


def command(folder: Path, *options: str, **changes: object) -> list[str]:
    return [
        *(sys.executable, "-m", "treeline", "download", "shard"),
        *("--batch", str(folder / "urls.parquet")),
        *("--output", str(folder / "shard")),
        *("--spool", str(folder / "spool")),
        *("--parameters", json.dumps({**LIMITS, **changes})),
        *options,
    ]


def run(folder: Path, *options: str, **changes: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *options, **changes), capture_output=True, text=True)


def outputs(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((folder / "shard").iterdir())}


def rows_in_segments(folder: Path) -> set[int]:
    rows: set[int] = set()
    for segment in (folder / "spool").glob("*/segment-*.arrow"):
        with ipc.open_file(segment) as reader:
            rows.update(reader.read_all()["row"].to_pylist())
    return rows


def wait_until_asked(server: ImageServer, requests: int, job: subprocess.Popen[bytes]) -> None:
    while len(server.requests()) < requests and job.poll() is None:
        time.sleep(0.005)
