"""Treeline's own results: a file a shard."""

from __future__ import annotations

from pathlib import Path

from treeline.errors import InputError
from treeline.paths import shard_folder

SHARDS = f"{shard_folder('*', '*')}.json"


def results_files(results: Path) -> list[Path]:
    """The files of results that a path stands for: itself, or those of a folder with one a shard, sorted.

    Raises:
        InputError: The folder holds none.
    """
    if not results.is_dir():
        return [results]
    files = sorted(results.glob(SHARDS))
    if not files:
        raise InputError(results, f"holds no {SHARDS}.", fix="Name a single file of results, or run detect.")
    return files
