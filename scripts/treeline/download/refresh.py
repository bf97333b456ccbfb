"""The images that a shard held before it is fetched again, so that what has not changed is not sent again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from treeline.download.spool import Spool
from treeline.download.telemetry import Validators, read_validators

KEPT_COLUMNS = ("hashsum_original", "hashsum_resized", "original_size", "resized_size", "image")
ROW_GROUPS_AT_ONCE = 2


class Earlier:
    """The earlier version of a shard; empty where there is none.

    Args:
        spool: The shard's; its folder `earlier` holds that version.
    """

    def __init__(self, spool: Spool) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._validators: dict[str, Validators] = {}
        successes = spool.earlier / "successes.parquet"
        if successes.exists():
            self._file = pq.ParquetFile(successes)
            for group in range(self._file.num_row_groups):
                uuids = self._file.read_row_group(group, columns=["uuid"])["uuid"].to_pylist()
                self._places |= {uuid: (group, row) for row, uuid in enumerate(uuids)}
            self._validators = read_validators(spool.shard_folder / "requests.parquet")
        # Images are asked for in the shard's order, give or take some: a group is read once.
        self._row_group = lru_cache(ROW_GROUPS_AT_ONCE)(self._read_row_group)

    def validators(self, uuid: str) -> Validators | None:
        """What the server said of an image that is stored; None where nothing is."""
        return self._validators.get(uuid) if uuid in self._places else None

    def columns(self, uuid: str) -> dict[str, Any]:
        """What a segment holds of a stored image."""
        group, row = self._places[uuid]
        return {name: self._row_group(group)[name][row].as_py() for name in KEPT_COLUMNS}

    def _read_row_group(self, group: int) -> pa.Table:
        return self._file.read_row_group(group, columns=list(KEPT_COLUMNS))
