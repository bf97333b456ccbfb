"""What a tool reads that looks at the whole collection: the shards, in the order that says which image is the first.

Images count in the order of partition_id, then server_name, then their row, so that a server's new batches never come
before its old ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.errors import InputError, ShardError
from treeline.io.database import quote_path
from treeline.io.manifest import ShardId, read_ignored, read_manifest
from treeline.io.names import decode_server_name
from treeline.io.parquet import parquet_writer
from treeline.io.verdicts import DROP, only_kept
from treeline.paths import shard_folder
from treeline.schemas import DUPLICATES

PLACE_BITS = 32
"""An image's place is its shard's number times 2 ** 32, and its row."""

NAME_DUPLICATES = f"""
CREATE TEMP TABLE duplicates AS
SELECT place, server_name, partition_id, image.uuid, main.uuid AS main_uuid, distance,
    CASE WHEN main.uuid IS NULL THEN 'is in the other collection'
    WHEN distance = 0 THEN 'repeats ' || main.uuid ELSE 'looks like ' || main.uuid END AS reason
FROM repeats JOIN images AS image USING (place)
JOIN shards ON number = place >> {PLACE_BITS}
LEFT JOIN images AS main ON main.place = main_place
"""

ROW_GROUP_ROWS = 131_072

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collection:
    """The shards, in order.

    Args:
        shards: Which there are.
        tables: Of each shard, the table with a row an image: the shard itself, or what a tool has found in it.
        kept_by: Folders of the verdicts that count.
    """

    shards: Sequence[ShardId]
    tables: Sequence[Path]
    kept_by: Sequence[Path]

    @classmethod
    def of(
        cls, manifest: Path, ignored: Path, kept_by: Sequence[Path], table_of: Callable[[ShardId], Path]
    ) -> Collection:
        """The collection of all shards of a manifest, but for those of ignored servers.

        Raises:
            InputError: There is none.
        """
        left_out = read_ignored(ignored)
        shards = [shard.id for shard in read_manifest(manifest) if shard.server not in left_out]
        if not shards:
            raise InputError(manifest, "there is no shard.", fix=f"Check the input, and {ignored}.")
        shards.sort(key=lambda shard: (shard.partition, shard.server))
        return cls(shards, list(map(table_of, shards)), kept_by)

    def load(self, connection: duckdb.DuckDBPyConnection, columns: str) -> None:
        """Make the tables `shards` and, of the images that are kept, `images`: `place`, `uuid` and some columns more.

        Args:
            connection: Where they are made.
            columns: SQL of these columns.

        Raises:
            ShardError: A shard's table is missing or lacks a column.
        """
        shards = {
            "number": range(len(self.shards)),
            "filename": map(str, self.tables),
            "server_name": (decode_server_name(shard.server) for shard in self.shards),
            "partition_id": (shard.partition for shard in self.shards),
        }
        connection.register("shards", pa.table({name: list(column) for name, column in shards.items()}))
        kept = only_kept((table_in(folder, shard) for shard in self.shards) for folder in self.kept_by)
        query = f"""
            SELECT (number << {PLACE_BITS}) + file_row_number AS place, uuid, {columns}
            FROM {_read_parquet(self.tables)} JOIN shards USING (filename){kept}
        """
        try:
            connection.execute(f"CREATE TEMP TABLE images AS {query}")
        except duckdb.Error as error:
            problem = f"the shards cannot be read: {str(error).partition(chr(10))[0]}"
            fix = "Delete the file at fault and run its stage."
            raise ShardError(self.tables[0].parents[2], problem, fix=fix) from error

    def write_duplicates(self, connection: duckdb.DuckDBPyConnection, verdicts: Path, target: Path) -> int:
        """Write the duplicates of the table `repeats`: their `place`, `main_place` and `distance`.

        First the verdicts of those shards are removed in which other images are to be dropped than before. The rule
        that judges a shard then does so again; all other shards, and what was made of them, stay as they are.

        Args:
            connection: Has the shards and images, too.
            verdicts: Folder of the tool's verdicts.
            target: Parquet of `schemas.DUPLICATES`.

        Returns:
            The number of duplicates.
        """
        connection.execute(NAME_DUPLICATES)
        removed = self._remove_outdated(connection, verdicts)
        reader = connection.sql("SELECT * EXCLUDE place FROM duplicates ORDER BY place").to_arrow_reader(ROW_GROUP_ROWS)
        count = 0
        with parquet_writer(target, DUPLICATES) as writer:
            for batch in reader:
                writer.write_table(pa.Table.from_batches([batch]).cast(DUPLICATES))
                count += batch.num_rows
        log.info("%s: %d duplicates; %d shards are to be judged again", target, count, removed)
        return count

    def _remove_outdated(self, connection: duckdb.DuckDBPyConnection, verdicts: Path) -> int:
        judged = {table_in(verdicts, shard): number for number, shard in enumerate(self.shards)}
        judged = {file: number for file, number in judged.items() if file.exists()}
        if not judged:
            return 0
        files = {"filename": list(map(str, judged)), "number": list(judged.values())}
        connection.register("judged", pa.table(files))
        dropped = f"""
            SELECT filename, uuid, reason FROM {_read_parquet(judged)} WHERE verdict = '{DROP}'
        """
        to_drop = f"SELECT filename, uuid, reason FROM duplicates JOIN judged ON number = place >> {PLACE_BITS}"
        outdated = connection.execute(
            f"SELECT DISTINCT filename FROM (({dropped} EXCEPT {to_drop}) UNION ALL ({to_drop} EXCEPT {dropped}))"
        ).fetchall()
        for (file,) in outdated:
            Path(file).unlink()
        return len(outdated)


def table_in(folder: Path, shard: ShardId) -> Path:
    """A shard's table among those of a tool: of its verdicts, or of its findings."""
    return folder / f"{shard_folder(shard.server, shard.partition)}.parquet"


def _read_parquet(files: Iterable[Path]) -> str:
    """SQL that reads tables, with `filename` and `file_row_number`."""
    listed = ", ".join(map(quote_path, files))
    return f"read_parquet([{listed}], filename = true, file_row_number = true, hive_partitioning = false)"
