"""Forget what the spool keeps of earlier settings.

The spool's links cost no space while the shards are there, and save them when Snakemake deletes one. Once a shard is
made anew with other settings, its old link does cost space.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from treeline.download.spool import Spool
from treeline.errors import InputError
from treeline.io.parquet import read_metadata
from treeline.paths import shard_folder


def collect_garbage(images: Path) -> int:
    """Remove what is kept of finished shards, but for the files that they are now.

    Args:
        images: Folder of the shards, with their spool in `.spool`.

    Returns:
        Number of shards of earlier settings that were removed.

    Raises:
        TreelineError: A job works on a shard, or there is no such folder.
    """
    if not images.is_dir():
        raise InputError(images, "no such folder.", fix="Give the folder of the shards, such as results/images.")
    removed = 0
    for successes in sorted(images.glob(shard_folder("*", "*") + "/successes.parquet")):
        shard = successes.parent
        spool = Spool(images / ".spool" / shard.relative_to(images), read_metadata(successes))
        with spool.lock():
            for kept in spool.shard_folder.glob("*/"):
                if kept != spool.folder:
                    shutil.rmtree(kept)
                    removed += 1
    return removed
