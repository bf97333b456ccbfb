"""The jobs of a fleet: those of a whole schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from treeline.config_download import DownloaderParameters
from treeline.download.jobs import shard_job
from treeline.download.lanes import Lanes
from treeline.download.shard import ShardJob
from treeline.download.spool import Spool, origin_of
from treeline.errors import InputError
from treeline.io.manifest import ShardId
from treeline.io.parquet import read_metadata
from treeline.paths import shard_folder

OUTPUTS = ("completed", "successes.parquet", "errors.parquet")


class Errand(NamedTuple):
    """What a rank needs to know of one shard.

    Args:
        job: How to download it.
        log: File for its messages.
        is_done: Whether there is nothing to do.
    """

    job: ShardJob
    log: Path
    is_done: bool


@dataclass(frozen=True)
class ScheduledShards:
    """The shards of a schedule.

    Args:
        lanes: The schedule.
        sha256: Digest of each batch, as the manifest has it.
        urls: Folder of the URL batches.
        images: Folder of the shards, with their spool in `.spool`.
        logs: Folder of the log files: each shard's messages go to `current`, its requests to `requests`.
        profiles: The profiles table.
        parameters: How to fetch and store; `max_bytes_in_flight` is that of one shard.
        refetch: Ask again for what the spool holds.
    """

    lanes: Lanes
    sha256: Mapping[ShardId, str]
    urls: Path
    images: Path
    logs: Path
    profiles: Path
    parameters: DownloaderParameters
    refetch: bool

    def errand_for(self, shard: ShardId) -> Errand:
        """What to do for a shard: fill its spool, and leave the rest to the shard's own job.

        Raises:
            InputError: The manifest does not have the shard.
            TreelineError: As `shard_job` says.
        """
        folder = shard_folder(*shard)
        if shard not in self.sha256:
            raise InputError(self.urls / "manifest.parquet", f"does not have {folder}.")
        job = shard_job(
            batch=self.urls / folder / "urls.parquet",
            output=None,
            spool=self._spool(shard),
            profiles=self.profiles,
            parameters=self.parameters,
            lane=self._share(shard),
            requests=self.logs / "requests" / f"{folder}.parquet",
            previous=self._spool_of_shard_before(shard),
            refetch=self.refetch,
        )
        return Errand(job, self.logs / "current" / f"{folder}.log", self._is_done(shard))

    def _is_done(self, shard: ShardId) -> bool:
        """Whether the shard is linked already, from this very batch, or only waits in the spool to be."""
        folder = self.images / shard_folder(*shard)
        if all((folder / name).exists() for name in OUTPUTS):
            return read_metadata(folder / "successes.parquet").get("batch_sha256") == self.sha256[shard]
        spool = Spool(self._spool(shard), origin_of(self.sha256[shard], self.parameters))
        return spool.is_complete and not self.refetch

    def _share(self, shard: ShardId) -> tuple[int, int]:
        """Number of the shard's lane among its server's, and how many these are."""
        lane, _ = self.lanes.position[shard]
        return self.lanes.number_of[shard.server, lane], self.lanes.lanes_of[shard.server]

    def _spool_of_shard_before(self, shard: ShardId) -> Path | None:
        """Spool of the shard before in the lane, if it is of the same server, for what was learned of that."""
        before = self.lanes.previous.get(shard)
        return self._spool(before) if before is not None and before.server == shard.server else None

    def _spool(self, shard: ShardId) -> Path:
        return self.images / ".spool" / shard_folder(*shard)
