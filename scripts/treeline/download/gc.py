"""Forget what the spool keeps of finished shards.

The spool's links cost no space while the shards are there, and save them when Snakemake deletes one. Once a shard is
replaced, by other settings or by hand, its old link does cost space: this removes it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from treeline.paths import shard_folder


def collect_garbage(images: Path) -> int:
    """Remove the spool of every finished shard; shards that are not finished keep theirs.

    Args:
        images: Folder of the shards, with their spool in `.spool`.

    Returns:
        Number of shards whose spool was removed.
    """
    removed = 0
    for completed in images.glob(shard_folder("*", "*") + "/completed"):
        spool = images / ".spool" / completed.parent.relative_to(images)
        for kept in spool.glob("*/"):
            shutil.rmtree(kept)
            removed += 1
    return removed
