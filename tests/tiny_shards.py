"""Download shards of images of a few pixels, for the stages that read shards."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from treeline.config import OutputStructure
from treeline.io.names import decode_server_name
from treeline.io.parquet import write_table
from treeline.paths import Paths
from treeline.schemas import MANIFEST, SUCCESSES

TAXONOMY = Path(__file__).parents[1] / "resources" / "taxonomy"
GROUPS = Path(__file__).parents[1] / "config" / "groups"


def paths_below(root: Path) -> Paths:
    return Paths(root, OutputStructure())


def raw_pixels(uuid: str, height: int = 3, width: int = 5) -> bytes:
    """Raw BGR pixels that are different for each uuid."""
    return (hashlib.sha256(uuid.encode()).digest() * (height * width))[: 3 * height * width]


def shard_table(uuids: Sequence[str], source_ids: Sequence[str | None]) -> pa.Table:
    text = ["-"] * len(uuids)
    images = [raw_pixels(uuid) for uuid in uuids]
    sizes = [[3, 5]] * len(uuids)
    columns: list[Any] = [list(uuids), list(source_ids), text, [True] * len(uuids), text, text, text, text, text]
    return pa.table([*columns, sizes, sizes, images], schema=SUCCESSES)


def write_shard(file: Path, uuids: Sequence[str], source_ids: Sequence[str | None], row_group_rows: int = 256) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(shard_table(uuids, source_ids), file, row_group_size=row_group_rows)


def write_manifest(paths: Paths, shards: Sequence[tuple[str, int, int]]) -> None:
    """Write a manifest of (percent-encoded server, partition, rows)."""
    servers, partitions, rows = (list(column) for column in zip(*shards, strict=True))
    names = [decode_server_name(server) for server in servers]
    write_table(paths.manifest, pa.table([names, partitions, rows, ["-"] * len(rows)], schema=MANIFEST))
