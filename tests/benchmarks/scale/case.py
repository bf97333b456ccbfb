"""A collection that is to be made: its servers, and the settings that decide how it is cut and asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.scale.servers import Server
from treeline.config import Settings
from treeline.config_download import DownloaderParameters
from treeline.download.lanes import Lanes, plan_lanes
from treeline.errors import TreelineError
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name

ROOT = Path(__file__).parents[3]
PROFILE: dict[str, Any] = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
"""How Snakemake and Slurm work together, unless somebody says otherwise."""

DEFAULTS = DownloaderParameters()
RULES: Mapping[int, int] = Settings.model_fields["schedule_rules"].default
MOST_SHARDS = 5_000_000


@dataclass(frozen=True)
class Case:
    """A collection that is to be made.

    Args:
        servers: Each with its URLs and its rate.
        batch_size: Most URLs in a batch.
        schedule_rules: At least so many batches -> so many lanes.
        max_lanes: Most lanes over all servers.
        max_concurrency: Requests that are open at once to one server.
        answer_seconds: From a request to the last byte of its answer.
        shards_per_job: Shards of a lane that one job downloads.
        jobs: Jobs that run at once.
        image_bytes: Of a stored image on average; None for what was measured of photos with the default settings.
    """

    servers: Sequence[Server]
    batch_size: int = DEFAULTS.batch_size
    schedule_rules: Mapping[int, int] = field(default_factory=lambda: RULES)
    max_lanes: int = DEFAULTS.max_lanes
    max_concurrency: int = DEFAULTS.max_concurrency
    answer_seconds: float = 0.2
    shards_per_job: int = 1
    jobs: int = PROFILE["jobs"]
    image_bytes: float | None = None

    @cached_property
    def urls(self) -> int:
        """URLs of all servers."""
        return sum(server.urls for server in self.servers)

    @cached_property
    def rows(self) -> dict[ShardId, int]:
        """URLs of each shard, by server and number: all of a server's are full but the last.

        Raises:
            TreelineError: There are more shards than any pipeline can take.
        """
        shards = sum(ceil(server.urls / self.batch_size) for server in self.servers)
        if shards > MOST_SHARDS:
            raise TreelineError(f"{shards:,} shards are more than {MOST_SHARDS:,}: raise the batch size.")
        return {
            ShardId(encode_server_name(server.name), number): min(self.batch_size, server.urls - first)
            for server in sorted(self.servers)
            for number, first in enumerate(range(0, server.urls, self.batch_size))
        }

    @cached_property
    def lanes(self) -> Lanes:
        """The schedule that the stage download makes."""
        return plan_lanes(self.rows, (), self.schedule_rules, self.max_lanes)

    def rate_of(self, server: Server) -> float:
        """Requests a second that a server answers: within its limit, and with so many open at once."""
        return min(server.rate_limit, self.max_concurrency / self.answer_seconds)
