"""Runs downloads as Snakemake does, in each of the modes, and reads what they give."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

MODES = ("shard",)
SHARDS_AT_ONCE = 8  # they wait most of the time
SECONDS_TO_HANG = 120


def run_shards(
    mode: str, folder: Path, shards: Sequence[str], parameters: Mapping[str, Any], environment: Mapping[str, str]
) -> str:
    """Download shards, and check that each job ends well.

    Args:
        mode: One of `MODES`.
        folder: Holds the batches in `urls`, and gets `images` and `logs`.
        shards: Folders of the shards in all of them.
        parameters: `downloader_parameters`.
        environment: Of the jobs.

    Returns:
        What the jobs said.
    """
    commands = {"shard": _shard_commands}[mode](folder, shards, parameters)

    def run(command: list[str]) -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS_TO_HANG)
        assert done.returncode == 0, done.stderr
        return done.stderr

    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        return "".join(pool.map(run, commands))


def rows_of(shard: Path) -> list[dict[str, Any]]:
    """The rows of both of a shard's tables."""
    tables = (pq.read_table(shard / name) for name in ("successes.parquet", "errors.parquet"))
    return [row for table in tables for row in table.to_pylist()]


def _shard_commands(folder: Path, shards: Sequence[str], parameters: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            *(sys.executable, "-m", "treeline", "download", "shard"),
            *("--batch", str(folder / "urls" / shard / "urls.parquet")),
            *("--output", str(folder / "images" / shard)),
            *("--spool", str(folder / "images/.spool" / shard)),
            *("--requests", str(folder / "logs/requests" / f"{shard}.parquet")),
            *("--parameters", json.dumps(parameters)),
        ]
        for shard in shards
    ]
