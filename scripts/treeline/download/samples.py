"""A few URLs of each server, spread over its batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from treeline.io.manifest import Shard
from treeline.io.parquet import open_shard
from treeline.paths import shard_folder


def sample_urls(shards: Iterable[Shard], urls: Path, samples: int) -> dict[str, list[str]]:
    """Choose URLs of each server, the same ones whenever the batches are the same.

    Args:
        shards: The batches, those of a server in order.
        urls: Folder of the batches. Of each one that is sampled, one column of a row group is read.
        samples: URLs of a server, at most; at least 1.

    Returns:
        For each server (percent-encoded), its URLs, each once.

    Raises:
        ShardError: A file is no batch of URLs.
    """
    batches = defaultdict(list)
    for shard in shards:
        batches[shard.server].append(shard)
    return {server: _sample_server(of_server, urls, samples) for server, of_server in batches.items()}


def _sample_server(batches: Sequence[Shard], urls: Path, samples: int) -> list[str]:
    rows = sum(batch.rows for batch in batches)
    samples = min(samples, rows)
    chosen = [(2 * number + 1) * rows // (2 * samples) for number in range(samples)]  # the middle of each equal part
    found: list[str] = []
    first = 0
    for batch in batches:
        within = [row - first for row in chosen if first <= row < first + batch.rows]
        if within:
            found += _read_urls(urls / shard_folder(batch.server, batch.partition) / "urls.parquet", within)
        first += batch.rows
    return list(dict.fromkeys(found))


def _read_urls(batch: Path, rows: Sequence[int]) -> list[str]:
    with open_shard(batch, ["identifier"]) as file:
        return [_read_url(file, row) for row in rows]


def _read_url(file: pq.ParquetFile, row: int) -> str:
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        if row < size:
            return str(file.read_row_group(group, columns=["identifier"])["identifier"][row].as_py())
        row -= size
    raise IndexError(f"row {row} is behind the end of the batch")
