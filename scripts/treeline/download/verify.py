"""Verify downloads: which shards are complete, and what became of each server's images."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from treeline.download.revision import revision_of
from treeline.download.spool import read_statistics
from treeline.download.tables import (
    CHECKPOINT_KEYS,
    ERROR_COLUMNS,
    JOB_COLUMNS,
    PROFILE_COLUMNS,
    VERIFICATION_COLUMNS,
    read_profiles,
    row_of_server,
    write_checkpoint,
)
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.manifest import Shard
from treeline.io.names import decode_server_name
from treeline.io.parquet import read_metadata
from treeline.paths import shard_folder

log = logging.getLogger(__name__)


def verify_downloads(
    shards: Iterable[Shard], images: Path, schedule: Path, profiles: Path, checkpoint: Path
) -> list[Shard]:
    """Write `_verification.csv`, `_errors.csv` and `_jobs_ids.csv`, and fill the profiles table and the checkpoint.

    Args:
        shards: The shards that were to be downloaded.
        images: Folder of the shards, with their spool in `.spool`.
        schedule: Folder of the current schedule.
        profiles: The profiles table; gets counts and learned rates.
        checkpoint: The inner checkpoint file; `completed` if all shards are.

    Returns:
        The shards that are not complete.
    """
    results = [_read_result(shard, images) for shard in shards]
    failed = [result.shard for result in results if result.images is None]
    _warn_of_servers_without_images(results)
    jobs = sorted({str(result.statistics["job_id"]) for result in results if result.statistics})
    write_text(schedule / "_jobs_ids.csv", csv_text(JOB_COLUMNS, [(job, False) for job in jobs]))
    _fill_profiles(profiles, results)
    write_text(schedule / "_errors.csv", csv_text(ERROR_COLUMNS, _error_rows(results)))
    verification = [
        (result.server_name, result.shard.partition, "Failed" if result.images is None else "Completed")
        for result in results
    ]
    write_text(schedule / "_verification.csv", csv_text(VERIFICATION_COLUMNS, verification))
    write_checkpoint(checkpoint, done=CHECKPOINT_KEYS[:-1] if failed else CHECKPOINT_KEYS)
    return failed


class _Result(NamedTuple):
    """What became of a shard: its images, None where it is not complete; its errors by code; the codes tried again."""

    shard: Shard
    server_name: str
    statistics: dict[str, Any]
    images: int | None = None
    errors: Counter[int] = Counter()
    retried: frozenset[int] = frozenset()


def _read_result(shard: Shard, images: Path) -> _Result:
    relative = shard_folder(shard.server, shard.partition)
    folder = images / relative
    statistics = read_statistics(images / ".spool" / relative)
    name = decode_server_name(shard.server)
    completed, successes, errors = (folder / file for file in ("completed", "successes.parquet", "errors.parquet"))
    if not (completed.exists() and successes.exists() and errors.exists()):
        return _Result(shard, name, statistics)
    codes = Counter(pq.read_table(errors, columns=["error_code"])["error_code"].to_pylist())
    retried = revision_of(read_metadata(errors)).retried
    return _Result(shard, name, statistics, pq.read_metadata(successes).num_rows, codes, retried)


def _error_rows(results: list[_Result]) -> Iterator[tuple[object, ...]]:
    for result in results:
        for code, count in sorted(result.errors.items()):
            yield result.server_name, result.shard.partition, code, count, code in result.retried


def _warn_of_servers_without_images(results: list[_Result]) -> None:
    images: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for result in results:
        images[result.server_name] += result.images or 0
        errors[result.server_name] += result.errors.total()
    for server, failures in errors.items():
        if failures and not images[server]:
            log.warning("%s: not one image; all %d URLs failed, errors.parquet says how", server, failures)


def _fill_profiles(profiles: Path, results: list[_Result]) -> None:
    rows = read_profiles(profiles)
    by_server: dict[str, list[_Result]] = defaultdict(list)
    for result in results:
        by_server[result.server_name].append(result)
    for server, of_server in by_server.items():
        row = row_of_server(rows, server, profiles)
        row["success_count"] = str(sum(result.images or 0 for result in of_server))
        row["error_count"] = str(sum(result.errors.total() for result in of_server))
        shares = [result.statistics["share_of_rate_limit"] for result in of_server if result.statistics]
        if shares:
            row["learned_rate"] = f"{float(row['rate_limit']) * sum(shares) / len(shares):.4g}"
    lines = [[row.get(name, "") for name in PROFILE_COLUMNS] for row in rows.values()]
    write_text(profiles, csv_text(PROFILE_COLUMNS, lines))
