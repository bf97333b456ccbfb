"""Runs downloads as Snakemake does, in each of the modes, and reads what they give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.batches import list_batches
from tests.schedules import ONE_AFTER_ANOTHER
from treeline.config import OutputStructure
from treeline.config_download import DownloaderParameters
from treeline.download.lanes import plan_lanes
from treeline.download.profile import ProfileFiles, profile_servers
from treeline.download.schedule import schedule_downloads
from treeline.io.manifest import read_manifest
from treeline.paths import Paths

MODES = ("shard", "fleet")
SHARDS_AT_ONCE = 8  # they wait most of the time
RANKS = 2
SHARDS_PER_RANK = 16
SECONDS_TO_HANG = 120
DOWNLOAD = (sys.executable, "-m", "treeline", "download")


def fetch_shards(
    mode: str, folder: Path, shards: Sequence[str], parameters: Mapping[str, Any], environment: Mapping[str, str]
) -> str:
    """Fetch what shards hold, and check that each job ends well.

    Args:
        mode: One of `MODES`.
        folder: Holds the batches in `urls`, and gets `images` and `logs`.
        shards: Folders of the shards in all of them; there are no others.
        parameters: `downloader_parameters`.
        environment: Of the jobs.

    Returns:
        What the jobs said.
    """
    if mode == "fleet":
        said = _run(_fleet_command(folder, parameters), environment)
        assert f"{len(shards)} of {len(shards)} shards downloaded" in said, said
        return said
    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        commands = ([*DOWNLOAD, *_shard_command(folder, shard, parameters)] for shard in shards)
        return "".join(pool.map(lambda command: _run(command, environment), commands))


def link_shards(folder: Path, shards: Sequence[str], parameters: Mapping[str, Any]) -> str:
    """Run each shard's own command once its spool is complete, all in one process; gives what they said."""
    commands = [_shard_command(folder, shard, parameters) for shard in shards]
    return _run([sys.executable, "-c", ONE_AFTER_ANOTHER], os.environ, json.dumps(commands))


def rows_of(shard: Path) -> list[dict[str, Any]]:
    """The rows of both of a shard's tables."""
    tables = (pq.read_table(shard / name) for name in ("successes.parquet", "errors.parquet"))
    return [row for table in tables for row in table.to_pylist()]


def _run(command: Sequence[str], environment: Mapping[str, str], words: str = "") -> str:
    done = subprocess.run(
        command, env=environment, input=words, capture_output=True, text=True, timeout=SECONDS_TO_HANG
    )
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr}"
    return done.stderr


def _shard_command(folder: Path, shard: str, parameters: Mapping[str, Any]) -> list[str]:
    return [
        "shard",
        *("--batch", str(folder / "urls" / shard / "urls.parquet")),
        *("--output", str(folder / "images" / shard)),
        *("--spool", str(folder / "images/.spool" / shard)),
        *("--requests", str(folder / "logs/requests" / f"{shard}.parquet")),
        *("--parameters", json.dumps(parameters)),
    ]


def _fleet_command(folder: Path, parameters: Mapping[str, Any]) -> list[str]:
    """Schedule every batch, each in a lane of its own; gives the command that downloads the schedule."""
    paths = Paths(folder, OutputStructure())
    list_batches(paths.urls)
    files = ProfileFiles(paths.manifest, paths.urls, paths.ignored, paths.profiles, paths.schedules, paths.checkpoint)
    profile_servers(files, DownloaderParameters.model_validate(parameters), samples=1, from_rows=sys.maxsize)
    shards = [shard.id for shard in read_manifest(paths.manifest)]
    lanes = plan_lanes(shards, ignored=(), schedule_rules={1: 1}, max_lanes=len(shards))
    schedule_downloads(lanes, paths.profiles, paths.schedules, paths.logs, paths.checkpoint)
    return [
        *("mpiexec", "-disable-auto-cleanup", "-n", str(RANKS), *DOWNLOAD, "fleet"),
        *("--manifest", str(paths.manifest)),
        *("--schedule", str(paths.schedule / "0000.csv")),
        *("--urls", str(paths.urls)),
        *("--images", str(paths.images)),
        *("--logs", str(paths.logs)),
        *("--profiles", str(paths.profiles)),
        *("--parameters", json.dumps(parameters)),
        *("--ranks", str(RANKS)),
        *("--shards-per-rank", str(SHARDS_PER_RANK)),
    ]
