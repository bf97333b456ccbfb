"""Write the credits of a subset: a table, a text, and a list of what cannot be published as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.credits.table import Counts, count, write_table
from treeline.io.credits.text import MARKUPS, write_text
from treeline.io.database import open_database, quote_path
from treeline.io.query_files import SUFFIXES, write_query

Stage = Callable[[duckdb.DuckDBPyConnection], int]
"""Makes the table `subsets.SUBSET`, and gives the number of rows that the subset has."""


def write_credits(
    stage: Stage,
    root: Path,
    urls: Path,
    outputs: Sequence[Path],
    unlicensed: Path,
    *,
    memory_mb: int,
    threads: int,
) -> Counts:
    """Write the credits of a subset's images.

    Args:
        stage: Says which images.
        root: Folder that the shards' paths start from: `path_to_output`.
        urls: Folder of the batches.
        outputs: Files to write, as their suffixes say: a table with a row an image (`.csv`, `.parquet`, `.json`), or a
            text with a line for all images by one, under one licence, from one source (`.txt`, `.md`, `.html`).
        unlicensed: Table of the images that lack a full licence or a creator; with the suffix of a table.
        memory_mb: Memory of the job in MiB; what does not fit is spilled beside `unlicensed`.
        threads: Number of threads.

    Raises:
        InputError: A suffix is unknown, or the images cannot be read.
    """
    for output in outputs:
        _check(output, (*SUFFIXES, *MARKUPS))
    _check(unlicensed, SUFFIXES)
    with open_database(unlicensed.parent, unlicensed.name, memory_mb=memory_mb, threads=threads) as (
        connection,
        scratch,
    ):
        table = scratch / "credits.parquet"
        try:
            rows = stage(connection)
            write_table(connection, root, urls, rows, table)
        except duckdb.Error as error:
            fix = "Delete the file at fault and run its stage."
            raise InputError(root, f"the images cannot be read: {error}", fix=fix) from error
        counts = count(connection, table, rows)
        for output in outputs:
            if output.suffix in MARKUPS:
                write_text(connection, table, counts, output)
            else:
                write_query(connection, f"FROM read_parquet({quote_path(table)})", output)
        write_query(connection, f"FROM read_parquet({quote_path(table)}) WHERE lacks IS NOT NULL", unlicensed)
    return counts


def _check(output: Path, suffixes: Sequence[str]) -> None:
    if output.suffix not in suffixes:
        raise InputError(output, "the format is unknown.", fix=f"Let the name end in one of: {', '.join(suffixes)}.")
