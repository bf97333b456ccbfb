"""Extract the images of one lookup batch.

The same engine serves every kind of subset, from a few museum specimens to citizen science: what differs is the lookup
table, and how large the parts may be. Work and memory follow the shards that the table names, one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, tee
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from treeline.extract.parts import PartWriter
from treeline.extract.reports import Counts, MissingRows
from treeline.io.atomic import atomic_folder
from treeline.io.database import connect, quote_path
from treeline.io.parquet import open_shard
from treeline.io.scratch import scratch_folder
from treeline.io.shard_images import IMAGE_COLUMNS, RowGroup, read_wanted, row_groups
from treeline.ranks import Ranks
from treeline.schemas import SUCCESSES

LOOKUP_COLUMNS = ("uuid", "path")
"""Columns that a lookup table must have; its others are written beside each image."""

NOT_IN_SHARD = "the shard has no image of this uuid"
NO_SHARD = "there is no such shard"
NO_PATH = "the lookup table gives no path"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How large the parts may become.

    Args:
        max_rows: Most images in a part.
        max_bytes: Most image bytes in a part.
    """

    max_rows: int
    max_bytes: int


def extract_batch(
    lookup: Path,
    root: Path,
    folder: Path,
    report: Path,
    missing: Path,
    *,
    limits: Limits,
    memory_mb: int,
    ranks: Ranks | None = None,
) -> Counts:
    """Write the images that a lookup table asks for, and a report of those that it asks for in vain.

    Shards are read in the order of their paths, and rows stay in a shard's order. An image is written once: of several
    rows with one uuid, the first whose shard has it counts, and the later ones are duplicates.

    Args:
        lookup: Parquet of `LOOKUP_COLUMNS` and any others.
        root: Folder that its paths start from.
        folder: Folder of the parts; replaced as a whole.
        report: CSV of the counts, one row.
        missing: CSV of the rows that were not found: uuid, path, reason.
        limits: How large the parts may become.
        memory_mb: Memory in MiB for the lookup table; what does not fit is spilled to disk.
        ranks: Who reads the shards; by default this process. It alone writes.

    Returns:
        Counts that add up: asked = found + missing + duplicates.

    Raises:
        ShardError: `lookup` is no lookup table, or a shard is there that cannot be read; names the file. Only the rows
            of a shard that does not exist are missing: of one that does, they may be readable the next time.
    """
    with _asked_rows(lookup, folder, memory_mb) as connection:
        schema = _schema_of_parts(connection.sql("FROM asked LIMIT 0").to_arrow_table().schema)
        with (
            atomic_folder(folder) as temporary,
            MissingRows(missing) as missed,
            PartWriter(temporary, schema, max_rows=limits.max_rows, max_bytes=limits.max_bytes) as parts,
        ):
            ahead, asked = tee(_asked_of_shards(connection, root))
            wanted = (group for shard in ahead for group in _row_groups(root, shard))
            images = _ImagesByPath((ranks or Ranks()).results(read_wanted, wanted))
            extraction = _Extraction(parts, missed, images, repeated=_repeated_uuids(connection))
            for shard in asked:
                extraction.extract(shard)
    counts = extraction.counts
    counts.write(report)
    logger.info("%s: %s, %d parts", folder, counts, len(parts.rows_of_parts))
    return counts


class _Asked(NamedTuple):
    """What is asked of one shard.

    Args:
        path: As the lookup table gives it.
        rows: Of the lookup table, in the order of their uuids.
        is_there: Whether there is such a shard.
    """

    path: str | None
    rows: pa.Table
    is_there: bool


class _ImagesByPath:
    """What was read of one shard after the other.

    Args:
        results: Of `read_wanted`, in the order of the paths.
    """

    def __init__(self, results: Iterator[tuple[str, pa.RecordBatch]]) -> None:
        self._shards = groupby(results, key=itemgetter(0))
        self._next = next(self._shards, None)

    def of(self, path: str) -> Iterator[pa.RecordBatch]:
        """The batches of a shard, all of which have to be taken; the shards are to be asked for in their order."""
        if self._next is not None and self._next[0] == path:
            yield from map(itemgetter(1), self._next[1])
            self._next = next(self._shards, None)


class _Extraction:
    """One batch's extraction while it goes on.

    Args:
        parts: Where images go.
        missed: Where rows without image go.
        images: What the shards have of what is asked for.
        repeated: Uuids that several rows ask for.
    """

    def __init__(self, parts: PartWriter, missed: MissingRows, images: _ImagesByPath, repeated: pa.Array) -> None:
        self.parts, self.missed, self.images, self.repeated = parts, missed, images, repeated
        self.counts = Counts()
        self.found_repeated: set[str] = set()

    def extract(self, asked: _Asked) -> None:
        """Extract what is asked of one shard."""
        self.counts.asked += asked.rows.num_rows
        rows = self._without_found(asked.rows)
        uuids = rows["uuid"].combine_chunks()
        first = _first_of_each(uuids)
        images = rows.filter(first)
        reason, taken = self._write_images(asked, images)
        self._remember(images["uuid"].filter(taken))

        row_taken = taken[np.cumsum(first) - 1]
        self.counts.found += int(taken.sum())
        self.counts.duplicates += int(row_taken.sum() - taken.sum())
        self.counts.missing += int((~row_taken).sum())
        self.missed.write(uuids.filter(pa.array(~row_taken)), asked.path, reason)

    def _without_found(self, rows: pa.Table) -> pa.Table:
        if not self.found_repeated:
            return rows
        found = pc.is_in(rows["uuid"], pa.array(sorted(self.found_repeated), pa.string()))
        self.counts.duplicates += pc.sum(found).as_py() or 0
        return rows.filter(pc.invert(found))

    def _remember(self, uuids: pa.ChunkedArray) -> None:
        if len(self.repeated):
            self.found_repeated.update(uuids.filter(pc.is_in(uuids, self.repeated)).to_pylist())

    def _write_images(self, asked: _Asked, images: pa.Table) -> tuple[str, npt.NDArray[np.bool_]]:
        """Write those images that the shard has.

        Returns:
            Why the others are missing, and a mask of `images` that were written.
        """
        taken = np.zeros(images.num_rows, bool)
        uuids = images["uuid"].combine_chunks()
        if asked.path is None:
            return NO_PATH, taken
        if not asked.is_there:
            logger.warning("%s: %s", asked.path, NO_SHARD)
            return NO_SHARD, taken
        for batch in self.images.of(asked.path):
            # An earlier shard had some of them: they are asked for no more.
            batch = batch.filter(pc.is_in(batch["uuid"], uuids))
            positions = pc.index_in(batch["uuid"], uuids).to_numpy()
            fresh, rows = np.unique(positions, return_index=True)
            rows = np.sort(rows[~taken[fresh]])
            taken[fresh] = True
            self._write(batch.take(pa.array(rows)), images.take(pa.array(positions[rows])))
        return NOT_IN_SHARD, taken

    def _write(self, batch: pa.RecordBatch, asked: pa.Table) -> None:
        columns = [
            (batch if name in IMAGE_COLUMNS else asked.combine_chunks())[name] for name in self.parts.schema.names
        ]
        table = pa.table(columns, schema=self.parts.schema)
        for whole in table.combine_chunks().to_batches():
            self.parts.write(whole)


@contextmanager
def _asked_rows(lookup: Path, folder: Path, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with the table `asked`: the lookup's rows in the order of path, uuid and all other columns."""
    open_shard(lookup, LOOKUP_COLUMNS).close()
    with (
        scratch_folder(folder.parent, f"asked-{folder.name}") as scratch,
        connect(scratch, memory_mb=memory_mb, threads=1) as connection,
    ):
        connection.execute(f"""
            CREATE TEMP TABLE asked AS
            SELECT * REPLACE (CAST(uuid AS VARCHAR) AS uuid, CAST(path AS VARCHAR) AS path)
            FROM read_parquet({quote_path(lookup)}, hive_partitioning = false)
            ORDER BY path, uuid, COLUMNS(*)
        """)
        yield connection


def _row_groups(root: Path, shard: _Asked) -> Iterable[RowGroup]:
    wanted = shard.rows["uuid"].combine_chunks().drop_null()
    if shard.path is None or not shard.is_there or not len(wanted):
        return ()
    return row_groups(root, shard.path, wanted)


def _repeated_uuids(connection: duckdb.DuckDBPyConnection) -> pa.Array:
    repeated = connection.sql("SELECT uuid FROM asked GROUP BY uuid HAVING count(uuid) > 1").to_arrow_table()
    return repeated["uuid"].combine_chunks()


def _asked_of_shards(connection: duckdb.DuckDBPyConnection, root: Path) -> Iterator[_Asked]:
    for (path,) in connection.execute("SELECT DISTINCT path FROM asked ORDER BY path").fetchall():
        rows = connection.sql("FROM asked WHERE path IS NOT DISTINCT FROM $1", params=[path])
        yield _Asked(path, rows.to_arrow_table(), is_there=path is not None and (root / path).exists())


def _schema_of_parts(lookup: pa.Schema) -> pa.Schema:
    further = [field for field in lookup if field.name not in IMAGE_COLUMNS]
    return pa.schema([SUCCESSES.field("uuid"), *further, *(SUCCESSES.field(name) for name in IMAGE_COLUMNS[1:])])


def _first_of_each(uuids: pa.Array) -> npt.NDArray[np.bool_]:
    """Mask of the first of each run of equal uuids."""
    if not len(uuids):
        return np.zeros(0, bool)
    same = pc.equal(pc.fill_null(uuids[1:], ""), pc.fill_null(uuids[:-1], "")).to_numpy(zero_copy_only=False)
    return np.concatenate([[True], ~same])
