"""A collection of any size that holds nothing: every file is there, but a link to an empty one of its kind."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from treeline.download.lanes import plan_lanes
from treeline.download.schedule import schedule_downloads
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name
from treeline.paths import Paths
from treeline.schemas import ERRORS, MANIFEST, REJECTED, SUCCESSES
from treeline.settings import paths_of, read_settings_file

ROOT = Path(__file__).parents[2]
ROWS = 10_000
RATE_LIMIT = 10
SCHEDULE_RULES = {1: 1, 100: 4, 1000: 16}
SKEW = 1.1
"""Exponent of Zipf's law: the largest of 545 servers holds a sixth of all shards, as in TreeOfLife."""


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
        empty_table(self.folder / "successes", SUCCESSES)
        empty_table(self.folder / "errors", ERRORS)
        empty_table(self.folder / "requests", ERRORS)
        for kind in ("completed", "decoded", "index", "undecodable", "detections"):
            (self.folder / kind).write_bytes(b"")
        for shard in self.shards:
            self._link("successes", self.paths.shard(*shard) / "successes.parquet")
            self._link("errors", self.paths.shard(*shard) / "errors.parquet")
            self._link("completed", self.paths.shard(*shard) / "completed")
        for name in ("_verification.csv", "_errors.csv"):
            (self.paths.schedule / name).write_text("server_name,partition_id,error_code,retried\n")
        for shard in self.shards:
            archive = self.paths.decoded_shard(*shard, archive="tar")
            self._link("decoded", archive)
            self._link("index", archive.with_name(f"{archive.name}.index.csv"))
            self._link("undecodable", self.paths.undecodable(*shard))
            self._link("detections", self.paths.detections_shard(*shard))
        self._touch_in_order()
        self.paths.detections_table.write_bytes(b"")

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

    def _link(self, kind: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(self.folder / kind, target)

    def _touch_in_order(self) -> None:
        """Give each stage a later time than the one before; links share it."""
        start = self.paths.manifest.stat().st_mtime
        for second, kind in enumerate(
            ("successes", "errors", "completed", "decoded", "index", "undecodable", "detections"), 10
        ):
            os.utime(self.folder / kind, (start + second, start + second))


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
    names = [f"images-{number:03d}.example.org" for number in range(servers)]
    ids = [
        ShardId(encode_server_name(name), part)
        for name, count in zip(names, _counts(servers, shards), strict=True)
        for part in range(count)
    ]
    (folder / "batch").write_bytes(b"")
    for shard in ids:
        batch = paths.batch(*shard)
        batch.parent.mkdir(parents=True)
        os.link(folder / "batch", batch)
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


def _counts(servers: int, shards: int) -> Iterator[int]:
    """Shards of each server, at least one, and `shards` together."""
    weights = [1 / rank**SKEW for rank in range(1, servers + 1)]
    spare, total = shards - servers, sum(weights)
    left = spare
    for rank in range(servers - 1, 0, -1):
        share = int(spare * weights[rank] / total)
        left -= share
        yield 1 + share
    yield 1 + left


def _write_configuration(folder: Path) -> Path:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config |= {"path_to_input": str(folder / "multimedia.csv"), "path_to_output": str(folder / "results")}
    config |= {"stages": ["urls", "download", "decode", "detect"], "schedule_rules": SCHEDULE_RULES}
    config["lookup"] |= {"metadata": None, "groups_folder": str(ROOT / "config/groups")}
    config["detector"] |= {"model": str(ROOT / "resources/detector/tiny_detector.pt")}
    config["downloader_parameters"] |= {"user_agent": "Treeline/0.1 (benchmark@example.org)", "max_concurrency": 32}
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    return file
