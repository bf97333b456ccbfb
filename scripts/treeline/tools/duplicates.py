"""Find the images that repeat an earlier one, or look like one; and judge a shard by that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from treeline.io.database import connect, database_memory
from treeline.io.hamming import as_words, first_alike
from treeline.io.manifest import ShardId
from treeline.io.names import decode_server_name
from treeline.io.tables import read_column
from treeline.tools.collection import Collection
from treeline.tools.judge import Judge, Verdict, drop, keep

FIRST_OF_EACH_HASH = """
CREATE TEMP TABLE repeats AS
WITH repeated AS (
    SELECT hash, min(place) AS main_place FROM images WHERE hash IS NOT NULL
    GROUP BY hash HAVING count(*) > 1
)
SELECT place, if(elsewhere.hash IS NULL, main_place, NULL) AS main_place, 0 AS distance
FROM images LEFT JOIN repeated USING (hash) LEFT JOIN elsewhere USING (hash)
WHERE elsewhere.hash IS NOT NULL OR place > main_place
"""


def find_duplicates(
    collection: Collection, against: str | None, verdicts: Path, target: Path, *, memory_mb: int, threads: int
) -> int:
    """Find the images whose original bytes are those of an earlier image, or of one of another collection.

    Args:
        collection: Tables with `uuid` and `hashsum_original`.
        against: Table of the other collection, with `hashsum_original`.
        verdicts: Folder of the tool's verdicts; those that are no longer right are removed.
        target: Parquet of `schemas.DUPLICATES`.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Returns:
        The number of duplicates.

    Raises:
        InputError: The other collection's table cannot be read.
        ShardError: A shard cannot be read.
    """
    with connect(target.parent, memory_mb=database_memory(memory_mb), threads=threads) as connection:
        elsewhere = pa.array([], pa.string()) if against is None else read_column(against, "hashsum_original")
        connection.register("listed", pa.table({"listed": elsewhere}))
        connection.execute("CREATE TEMP TABLE elsewhere AS SELECT DISTINCT lower(listed) AS hash FROM listed")
        collection.load(connection, "lower(hashsum_original) AS hash")
        connection.execute(FIRST_OF_EACH_HASH)
        return collection.write_duplicates(connection, verdicts, target)


def find_near_duplicates(
    collection: Collection,
    verdicts: Path,
    target: Path,
    *,
    most_bits: int,
    least_quality: int,
    memory_mb: int,
    threads: int,
) -> int:
    """Find the images whose perceptual hash differs in few bits from that of an earlier image that is kept.

    Args:
        collection: Tables with `uuid`, `hash_pdq` and `quality`.
        verdicts: Folder of the tool's verdicts; those that are no longer right are removed.
        target: Parquet of `schemas.DUPLICATES`.
        most_bits: Most bits of difference, 0 to 31.
        least_quality: Images of lower quality are neither found nor compared with.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Returns:
        The number of near-duplicates.

    Raises:
        ShardError: A shard's findings cannot be read.
    """
    with connect(target.parent, memory_mb=database_memory(memory_mb), threads=threads) as connection:
        collection.load(connection, "unhex(hash_pdq) AS hash, quality")
        compared: pa.Table = connection.sql(
            f"SELECT place, hash FROM images WHERE quality >= {least_quality} AND hash IS NOT NULL ORDER BY place"
        ).to_arrow_table()
        places = compared["place"].to_numpy()
        found = pa.table(_repeats(places, as_words(compared["hash"]), most_bits, threads))
        connection.register("repeats", found)
        return collection.write_duplicates(connection, verdicts, target)


def repeats(duplicates: Path, shard: ShardId) -> Judge:
    """Judge by the duplicates that were found; the value is the distance in bits, 0 for the same bytes."""
    names = [("server_name", "=", decode_server_name(shard.server)), ("partition_id", "=", shard.partition)]
    found = pq.read_table(duplicates, columns=["uuid", "distance", "reason"], filters=names)
    verdicts = {
        uuid: drop(reason, distance)
        for uuid, distance, reason in zip(*(column.to_pylist() for column in found.columns), strict=True)
    }

    def judge(batch: pa.RecordBatch) -> Iterator[Verdict]:
        return (verdicts.get(uuid, keep()) for uuid in batch["uuid"].to_pylist())

    return Judge((), judge)


def _repeats(
    places: npt.NDArray[np.int64], hashes: npt.NDArray[np.uint64], most_bits: int, threads: int
) -> dict[str, npt.NDArray[np.int64]]:
    main, distance = first_alike(hashes, most_bits, threads)
    repeated = np.flatnonzero(main != np.arange(len(main)))
    return {"place": places[repeated], "main_place": places[main[repeated]], "distance": distance[repeated]}
