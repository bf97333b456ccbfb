"""A collection of any size that holds nothing: every file is there, but a link to an empty one of its kind."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.benchmarks.scale.servers import zipf_counts
from treeline.download.lanes import plan_lanes
from treeline.download.schedule import schedule_downloads
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name
from treeline.paths import Paths
from treeline.schemas import DETECTIONS, ERRORS, MANIFEST, REJECTED, SUCCESSES
from treeline.settings import paths_of, read_settings_file

ROOT = Path(__file__).parents[2]
ROWS = 10_000
RATE_LIMIT = 10
SCHEDULE_RULES = {1: 1, 100: 4, 1000: 16}
LINKS_OF_A_FILE = 60_000
"""A file has at most so many names; ext4 allows 65,000."""
KINDS = {
    "successes": SUCCESSES,
    "errors": ERRORS,
    **dict.fromkeys(("completed", "decoded", "index", "undecodable", "detections")),
}
"""What a shard is made of, in the order in which it is written, with the schema of what is a table."""


@dataclass(frozen=True)
class Collection:
    """A collection without images.

    Args:
        folder: Holds its table, configuration and results.
        paths: Of its results.
        shards: All.
    """

    folder: Path
    paths: Paths
    shards: list[ShardId]

    def download(self) -> None:
        """Make all that the stages after `urls` make, one stage after the other, so that nothing is left to do."""
        start = self.paths.manifest.stat().st_mtime
        successes, errors, completed, decoded, index, undecodable, detections = (
            EmptyFiles(self.folder, kind, schema, start + place / 1000)
            for place, (kind, schema) in enumerate(KINDS.items(), start=1)
        )
        for shard in self.shards:
            successes.link(self.paths.shard(*shard) / "successes.parquet")
            errors.link(self.paths.shard(*shard) / "errors.parquet")
            completed.link(self.paths.shard(*shard) / "completed")
        for name in ("_verification.csv", "_errors.csv"):
            (self.paths.schedule / name).write_text("server_name,partition_id,error_code,retried\n")
        for shard in self.shards:
            archive = self.paths.decoded_shard(*shard, archive="tar")
            decoded.link(archive)
            index.link(archive.with_name(f"{archive.name}.index.csv"))
            undecodable.link(self.paths.undecodable(*shard))
            detections.link(self.paths.detections_shard(*shard))
        empty_table(self.paths.detections_table, DETECTIONS)

    def remove(self, share: float) -> int:
        """Delete some shards with what was made of them; gives their number."""
        chosen = random.Random(614).sample(self.shards, round(share * len(self.shards)))
        for shard in chosen:
            archive = self.paths.decoded_shard(*shard, archive="tar")
            for file in (
                *(self.paths.shard(*shard) / name for name in ("successes.parquet", "errors.parquet", "completed")),
                *(archive, archive.with_name(f"{archive.name}.index.csv"), self.paths.undecodable(*shard)),
                self.paths.detections_shard(*shard),
            ):
                file.unlink()
        return len(chosen)


class EmptyFiles:
    """Files without content, each a name of one that is there.

    Args:
        folder: Where that lies.
        kind: What they stand for.
        schema: Of the tables that they are; None for files that are no tables.
        time: When they were written, in seconds since 1970; None for now.
    """

    def __init__(self, folder: Path, kind: str, schema: pa.Schema | None = None, time: float | None = None) -> None:
        self._folder, self._kind, self._schema, self._time = folder, kind, schema, time
        self._links = 0

    def link(self, target: Path) -> None:
        """Make one, and its folder."""
        source = self._folder / f"{self._kind}-{self._links // LINKS_OF_A_FILE}"
        if self._links % LINKS_OF_A_FILE == 0:
            self._write(source)
        self._links += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)

    def _write(self, file: Path) -> None:
        if self._schema is None:
            file.write_bytes(b"")
        else:
            empty_table(file, self._schema)
        if self._time is not None:
            os.utime(file, (self._time, self._time))


def make_collection(folder: Path, servers: int, shards: int) -> Collection:
    """Write the batches and the schedule: what is there before the first download.

    Args:
        folder: Is to be made.
        servers: Number of servers; a few hold most shards.
        shards: Number of shards.
    """
    folder.mkdir(parents=True)
    (folder / "multimedia.csv").write_text("gbifID,identifier\n")
    paths = paths_of(read_settings_file(_write_configuration(folder)))
    names = [f"images-{number:05d}.example.org" for number in range(servers)]
    ids = [
        ShardId(encode_server_name(name), part)
        for name, count in zip(names, zipf_counts(shards, servers), strict=True)
        for part in range(count)
    ]
    batches = EmptyFiles(folder, "batch")
    for shard in ids:
        batches.link(paths.batch(*shard))
    columns = [[shard.server for shard in ids], [shard.partition for shard in ids], [ROWS] * len(ids), [""] * len(ids)]
    pq.write_table(pa.table(columns, schema=MANIFEST), paths.manifest)
    empty_table(paths.rejected, REJECTED)
    paths.profiles.write_text("server_name,rate_limit\n" + "".join(f"{name},{RATE_LIMIT}\n" for name in names))
    paths.schedules.mkdir(parents=True)
    for name in ("server_profiles.csv", "unreachable.csv", "profiled"):
        (paths.schedules / name).write_bytes(b"")
    lanes = plan_lanes(ids, (), SCHEDULE_RULES, max_lanes=1000)
    schedule_downloads(lanes, paths.profiles, paths.schedules, paths.logs, paths.checkpoint)
    return Collection(folder, paths, ids)


def empty_table(target: Path, schema: pa.Schema) -> None:
    """Write a table without rows."""
    pq.write_table(schema.empty_table(), target)


def _write_configuration(folder: Path) -> Path:
    config = {
        "path_to_input": str(folder / "multimedia.csv"),
        "path_to_output": str(folder / "results"),
        "stages": ["urls", "download", "decode", "detect"],
        "schedule_rules": SCHEDULE_RULES,
        "downloader_parameters": {"user_agent": "Treeline/0.1 (benchmark@example.org)", "max_concurrency": 32},
        "detector": {"model": str(ROOT / "resources/detector/tiny_detector.pt")},
        "lookup": {"groups_folder": str(ROOT / "config/groups")},
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    return file
