"""Look for images that make training know what it is tested on: of one place, one sequence, or one look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.catalog.database import read_sql
from treeline.errors import InputError
from treeline.io.database import quote_path
from treeline.io.hamming import as_words, near_pairs

CHECKS = ("location", "sequence", "near_duplicate")


def find_leaks(
    connection: duckdb.DuckDBPyConnection, hashes: Path | None, *, most_bits: int, least_quality: int, threads: int
) -> Iterator[tuple[str, int]]:
    """Fill the table `leaks` with pairs that should be in one split and are in two.

    Args:
        connection: The catalogue, with the views of `views.sql`.
        hashes: Parquet of `schemas.PDQ_HASHES`, or a folder of such files; without, looks are not compared.
        most_bits: Most of the 256 bits in which two hashes of the same picture differ, 0 to 31.
        least_quality: Images of lower quality have too little in them to be compared.
        threads: Number of threads.

    Yields:
        Each check that was made, with the number of its leaks.

    Raises:
        InputError: The hashes cannot be read.
        duckdb.Error: A data set has no splits.
    """
    connection.execute(read_sql("leakage.sql"))
    if hashes is not None:
        _compare_looks(connection, hashes, most_bits, least_quality, threads)
    for check in CHECKS if hashes is not None else CHECKS[:-1]:
        [(count,)] = connection.execute('SELECT count(*) FROM leaks WHERE "check" = ?', [check]).fetchall()
        yield check, count


def _compare_looks(
    connection: duckdb.DuckDBPyConnection, hashes: Path, most_bits: int, least_quality: int, threads: int
) -> None:
    connection.execute("SET VARIABLE least_quality = ?", [least_quality])
    connection.execute(f"CREATE OR REPLACE TEMP VIEW given_hashes AS FROM {_relation(hashes)}")
    try:
        connection.execute(read_sql("leakage_hashes.sql"))
    except duckdb.Error as error:
        problem = str(error).partition("\n")[0]
        raise InputError(hashes, f"is no table of uuid, hash_pdq and quality: {problem}") from error
    looks: pa.Table = connection.sql("SELECT DISTINCT look, hash FROM looks ORDER BY look").to_arrow_table()
    if looks.num_rows == 0:
        return
    earlier, later, bits = near_pairs(as_words(looks["hash"]), most_bits, threads).T
    connection.register("near", pa.table({"earlier": earlier, "later": later, "bits": bits}))
    connection.execute(read_sql("leakage_looks.sql"))
    connection.unregister("near")


def _relation(hashes: Path) -> str:
    files = sorted(hashes.rglob("*.parquet")) if hashes.is_dir() else [hashes]
    if not files or not files[0].is_file():
        raise InputError(hashes, "no such file, or no .parquet below it.", fix="Give tools/near_duplicates/findings.")
    return f"read_parquet([{', '.join(map(quote_path, files))}], hive_partitioning = false)"
