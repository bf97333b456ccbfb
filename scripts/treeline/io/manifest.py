"""The list of URL batches, and the servers that are left out of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from treeline.errors import InputError
from treeline.io.names import encode_server_name
from treeline.schemas import MANIFEST


class ShardId(NamedTuple):
    """Which shard: of which server, and which of its shards.

    Args:
        server: Percent-encoded server name, as in folder names.
        partition: Number of the batch among its server's, from 0.
    """

    server: str
    partition: int


class Shard(NamedTuple):
    """One URL batch, and so one shard of every later stage.

    Args:
        server: Percent-encoded server name, as in folder names.
        partition: Number of the batch among its server's, from 0.
        rows: URLs in the batch.
        sha256: Of the batch file's bytes.
    """

    server: str
    partition: int
    rows: int
    sha256: str

    @property
    def id(self) -> ShardId:
        """Which shard it is."""
        return ShardId(self.server, self.partition)


def read_manifest(manifest: Path) -> list[Shard]:
    """Read the batches in the manifest's order: by server name, then by number.

    Raises:
        InputError: The file is no manifest.
    """
    table = pq.read_table(manifest)
    if table.schema.names != MANIFEST.names:
        raise InputError(manifest, "is not a manifest of URL batches.", fix="Delete it and run the stage urls.")
    servers = [encode_server_name(name) for name in table["server_name"].to_pylist()]
    columns = (table[name].to_pylist() for name in ("partition_id", "rows", "sha256"))
    return [Shard(*values) for values in zip(servers, *columns, strict=True)]


def read_ignored(ignored: Path) -> frozenset[str]:
    """Read the percent-encoded names of the servers that are not to be asked; none where the table does not exist.

    Raises:
        InputError: The table has no column `server_name`, or a row without a name.
    """
    if not ignored.exists():
        return frozenset()
    with ignored.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        if "server_name" not in (table.fieldnames or []):
            raise InputError(
                ignored, "the column is missing.", field="server_name", fix="Give the table that header line."
            )
        names = [(row["server_name"] or "").strip().lower() for row in table]
    for number, name in enumerate(names, start=1):
        if not name:
            fix = "Name a server there, or delete the row."
            raise InputError(ignored, "the name is empty.", row=number, field="server_name", fix=fix)
    return frozenset(map(encode_server_name, names))
