"""Verdicts of tools on images, and which rows of a shard they leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from treeline.errors import ShardError
from treeline.io.database import quote_path
from treeline.io.parquet import open_shard, stream_rows
from treeline.schemas import VERDICTS

KEEP = "keep"
DROP = "drop"


def read_verdicts(verdicts: Path) -> pa.Table:
    """Read a table of verdicts.

    Raises:
        ShardError: It is none.
    """
    with open_shard(verdicts, VERDICTS.names) as file:
        table = file.read(columns=VERDICTS.names)
    unknown = set(pc.unique(table["verdict"]).to_pylist()) - {KEEP, DROP}
    if unknown:
        problem = f"expected {KEEP} or {DROP}, found {sorted(map(str, unknown))[0]}."
        raise ShardError(verdicts, problem, field="verdict", fix="Delete it and rerun its tool.")
    return table


def kept_uuids(verdicts: Iterable[Path]) -> pa.Array | None:
    """The uuids that every table of verdicts keeps; None, for all, where there is no table.

    Raises:
        ShardError: A table is none of verdicts.
    """
    kept: pa.Array | None = None
    for file in verdicts:
        table = read_verdicts(file)
        uuids = table.filter(pc.equal(table["verdict"], KEEP))["uuid"].combine_chunks()
        kept = uuids if kept is None else kept.filter(pc.is_in(kept, uuids))
    return kept


def only_kept(verdicts: Iterable[Iterable[Path]]) -> str:
    """SQL that follows a relation with `uuid`, and leaves what every tool keeps; each has some tables of verdicts."""
    return "".join(
        f" SEMI JOIN (SELECT uuid FROM read_parquet([{', '.join(map(quote_path, tables))}], hive_partitioning = false)"
        f" WHERE verdict = '{KEEP}') USING (uuid)"
        for tables in verdicts
    )


def stream_kept_rows(
    successes: Path, columns: Sequence[str], verdicts: Iterable[Path], batch_rows: int = 32
) -> Iterator[pa.RecordBatch]:
    """Read some columns, `uuid` among them, of those rows of a shard that all verdicts keep, in the file's order.

    Raises:
        ShardError: As `stream_rows`, or a table is none of verdicts.
    """
    kept = kept_uuids(verdicts)
    for batch in stream_rows(successes, columns, batch_rows):
        wanted = batch if kept is None else batch.filter(pc.is_in(batch["uuid"], kept))
        if wanted.num_rows:
            yield wanted
