"""
What the jobs of each rule ask a cluster for. No rules; one place, so that it can be compared with what jobs really took.

A profile's `set-resources` overrules any of it. With each retry a job asks for as much again: one that was killed for its memory or its time
needs more.
"""

from functools import lru_cache
from math import ceil
from types import SimpleNamespace

from treeline.download.tables import read_profiles
from treeline.io.manifest import ShardId, read_manifest
from treeline.io.names import decode_server_name

# MiB, measured (docs/benchmarks.md, Memory) with room above. Where DuckDB works it is told this limit, and keeps to it.
MEMORY_MB = {
    "partition_urls": 4096,
    "retry_errors": 1000,
    "download_shard": 1000,
    "download_fleet": settings.download.fleet_ranks * (700 + 100 * settings.download.shards_per_rank),
    "judge": 1000,
    "hash": 1000,
    "exif": 600,
    "resize": 1000,
    "crop_to_boxes": 1000,
    "find_duplicates": 4096,
    "find_near_duplicates": 4096,
    "decode_shard": 600,
    "detect_shard": 3000,
    "embed_shard": 1500,
    "merge_detections": 2000,
    "results": 4000,
    "scan_shards": 4096 * settings.lookup.scan_ranks,
    "create_lookup_tables": 4096,
    "extract_batch": 2048 * settings.extract.ranks,
    "report_group": 2048,
    "categorize_group": 2048,
    "catalog": 4096,
    "datasets": 2000,
    "analyze": 2000,
    "model_train": 4000,
    "model_evaluate": 3000,
    "model_report": 3000,
    "model_optimise": 4000,
    "model_export": 3000,
    "model_compare": 1000,
    "model_classify": 2000,
    "report": 4096,
}

# Seconds of one core that an image takes at most, as far as it was seen: a large photo is decoded and encoded, or looked
# at by the largest detector (without a GPU).
SECONDS_AN_IMAGE = {
    **dict.fromkeys(("judge", "hash", "exif", "resize", "crop_to_boxes", "decode_shard"), 0.2),
    "embed_shard": 1.0,
    "detect_shard": 0.5 if settings.detector.device == "cuda" else 10.0,
}

MINUTES_TO_START = 10
# Servers slow down, and we with them.
SLOWER_THAN_ALLOWED = 2.0
# Many clusters allow no more, and long jobs wait long. A download or a detection that is not done goes on from there.
MOST_MINUTES = 24 * 60


def memory_of(rule_name):
    """Memory of a rule's jobs in MiB."""

    def of_attempt(wildcards, attempt):
        return MEMORY_MB[rule_name] * attempt

    return of_attempt


def minutes_of_download(wildcards, attempt):
    """Time to fetch a batch at its lane's share of the server's rate."""
    return minutes(SLOWER_THAN_ALLOWED * seconds_at_the_rate(shard_of(wildcards)), attempt)


def minutes_of_fleet(wildcards, attempt):
    """Time to fetch the longest lane, or all shards with as many at once as the fleet takes."""
    time = (paths.schedule / "0000.csv").stat().st_mtime_ns
    seconds = [sum(map(seconds_at_the_rate, lane)) for lane in lanes_as_of(time).lanes]
    at_once = settings.download.fleet_ranks * settings.download.shards_per_rank
    return minutes(SLOWER_THAN_ALLOWED * max(max(seconds, default=0), sum(seconds) / at_once), attempt)


def minutes_of_images(rule_name):
    """Time to work through a shard of images."""

    def of_shard(wildcards, attempt):
        return minutes(tables().rows[shard_of(wildcards)] * SECONDS_AN_IMAGE[rule_name], attempt)

    return of_shard


def minutes(seconds, attempt):
    """Minutes to ask for where the work takes so many seconds."""
    return min(MOST_MINUTES, (MINUTES_TO_START + ceil(seconds / 60)) * attempt)


def seconds_at_the_rate(shard):
    """Seconds that a batch takes where nothing but the server's limit slows it down."""
    rate = tables().rates.get(decode_server_name(shard.server), settings.downloader_parameters.default_rate_limit)
    return tables().rows[shard] * tables().lanes_of[shard.server] / rate


def tables():
    """What the manifest, the schedule and the profiles say, read once a schedule."""
    return tables_as_of((paths.schedule / "0000.csv").stat().st_mtime_ns)


@lru_cache(maxsize=1)
def tables_as_of(time):
    """Rows of each batch, lanes of each server, and each server's rate, from the tables as they were at this time."""
    return SimpleNamespace(
        rows={shard.id: shard.rows for shard in read_manifest(paths.manifest)},
        lanes_of=lanes_as_of(time).lanes_of,
        rates={server: float(row["rate_limit"]) for server, row in read_profiles(paths.profiles).items()},
    )
