"""Which images a set is made of: those of a query's result, or all of the catalogue."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from treeline.catalog.database import open_to_read, read_sql
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder
from treeline.io.database import quote_literal, quote_path
from treeline.io.names import MAX_FILE_NAME_BYTES

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
DROPPED = "dropped.csv"
DROPPED_COLUMNS = ("dataset", "file", "reason")
NO_DETECTOR = 2.0
"""Least confidence that no box of a detector has."""

SETTINGS = """
    SET VARIABLE least_confidence = {least_confidence:f};
    CREATE OR REPLACE TEMP MACRO family(dataset) AS regexp_replace(dataset, '_private$', '');
    CREATE OR REPLACE TEMP TABLE family_splits AS
    SELECT family(dataset) AS family, location, min(split) AS split, max(split) AS other FROM splits GROUP BY ALL;
"""
"""A data set and its sibling `<name>_private` are a family, and share the splits of their locations."""
UNSAFE_NAME = rf"""
    regexp_matches(path, '(^|/)(\.\.?)?(/|$)|[\x00-\x1f]')
    OR list_max(list_transform(string_split(path, '/'), lambda part: strlen(part))) > {MAX_FILE_NAME_BYTES - 16}
"""
"""SQL: a path that leads out of its folder, that a list of files cannot hold, or that is too long, in bytes."""


@dataclass(frozen=True)
class Choice:
    """What a set is made of.

    Args:
        lookup: Parquet with the columns `dataset` and `file`, such as a query's result; None for all images.
        least_confidence: From which confidence on a detector's boxes count; None for a person's boxes alone.
    """

    lookup: Path | None
    least_confidence: float | None


@contextmanager
def new_set(
    catalog: Path, output: Path, mark: str, choice: Choice, *, memory_mb: int, threads: int
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Open the catalogue, with the images of a set chosen, and the set's folder, which is written whole or not at all.

    Args:
        catalog: The database.
        output: Where the set is to be.
        mark: File that an earlier set there has; a folder of other things is not replaced.
        choice: Of which images and boxes.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Yields:
        The catalogue with the tables of `choice.sql`, and the folder; at its end `dropped.csv` is written into it.

    Raises:
        CatalogError: The catalogue cannot be opened.
        InputError: `output` holds other things, or as `choose`.
    """
    check_output(output, (mark,))
    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection, atomic_folder(output) as folder:
        choose(connection, choice)
        yield connection, folder
        write_dropped(connection, folder)


def choose(connection: duckdb.DuckDBPyConnection, choice: Choice) -> None:
    """Make the tables `training_images` and `training_boxes` of `choice.sql`.

    Args:
        connection: A catalogue that is open to read.
        choice: What is meant.

    Raises:
        InputError: The lookup table cannot be read, an image's name is no path below a folder, or a data set and its
            private sibling have a location in different splits.
    """
    least = NO_DETECTOR if choice.least_confidence is None else choice.least_confidence
    connection.execute(SETTINGS.format(least_confidence=least))
    torn = "SELECT family, location, split, other FROM family_splits WHERE split <> other ORDER BY ALL LIMIT 1"
    if (found := connection.execute(torn).fetchone()) is not None:
        family, location, split, other = found
        problem = f"the location {location!r} of {family} and {family}_private is for {split} and for {other}."
        raise InputError("the table of splits", problem, fix="Siblings share their splits: correct one of them.")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE wanted_images AS {_wanted(choice.lookup)}")
    named = f"SELECT path FROM (SELECT dataset || '/' || file AS path FROM wanted_images) WHERE {UNSAFE_NAME} LIMIT 1"
    if unsafe := connection.execute(named).fetchone():
        problem = f"the name {unsafe[0]!r} is no path below a folder, or is too long for a file."
        raise InputError(choice.lookup or "the catalogue", problem, field="file", fix="Rename it, or leave it out.")
    connection.execute(read_sql("training/choice.sql"))


def _wanted(lookup: Path | None) -> str:
    if lookup is None:
        return "SELECT sequences.dataset, file FROM images JOIN sequences USING (sequence)"
    from treeline.io.parquet import open_shard

    with open_shard(lookup, ("dataset", "file")):
        pass  # it has both columns
    rows = f"read_parquet({quote_path(lookup)}, hive_partitioning = false)"
    return f"SELECT DISTINCT dataset, file FROM (SELECT dataset::VARCHAR AS dataset, file::VARCHAR AS file FROM {rows})"


def drop(connection: duckdb.DuckDBPyConnection, reason: str, condition: str) -> None:
    """Drop the images that a SQL condition is true of, unless they are dropped already."""
    connection.execute(
        f"UPDATE training_images SET dropped = {quote_literal(reason)} WHERE dropped IS NULL AND ({condition})"
    )


def check_splits(connection: duckdb.DuckDBPyConnection) -> None:
    """Warn of locations without a split, which are for training, and refuse data sets that were never split.

    Raises:
        InputError: Images of a data set have locations, and the table of splits has not one of it or its sibling.
    """
    absent = connection.execute("""
        SELECT DISTINCT dataset
        FROM training_images
        WHERE dropped IS NULL AND location IS NOT NULL AND family NOT IN (SELECT family FROM family_splits)
            AND dataset NOT IN (SELECT dataset FROM split_entries)
        ORDER BY dataset
    """).fetchall()
    if absent:
        names = ", ".join(name for (name,) in absent)
        raise InputError(
            "the catalogue", f"the table of splits knows no location of: {names}.", fix="Split them first."
        )
    [(locations, images, unplaced)] = connection.execute("""
        SELECT
            count(DISTINCT (family, location)) FILTER (location IS NOT NULL AND given_split IS NULL),
            count(*) FILTER (location IS NOT NULL AND given_split IS NULL),
            count(*) FILTER (location IS NULL)
        FROM training_images
        WHERE dropped IS NULL
    """).fetchall()
    if locations:
        log.warning("%d locations, of %d images, have no split: they are for training", locations, images)
    if unplaced:
        log.warning("%d images have no location: they are for training", unplaced)


def reasons(connection: duckdb.DuckDBPyConnection) -> Counter[str]:
    """How many images are dropped, by reason; what a reason says of the single image, after a colon, is left off."""
    rows = connection.execute("""
        SELECT split_part(dropped, ':', 1) AS reason, count(*)
        FROM training_images
        WHERE dropped IS NOT NULL
        GROUP BY reason
        ORDER BY reason
    """).fetchall()
    return Counter(dict(rows))


def write_dropped(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write `dropped.csv`: one row for each image that was asked for and is not in the set."""
    query = """
        SELECT dataset, file, dropped AS reason FROM training_images WHERE dropped IS NOT NULL ORDER BY dataset, file
    """
    write_csv(connection, query, folder / DROPPED)


def write_csv(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    """Write a query's rows, with a header line."""
    connection.execute(f"COPY ({query}) TO {quote_literal(str(target))} (FORMAT csv, HEADER)")


def check_output(output: Path, mark: Sequence[str]) -> None:
    """Refuse to replace a folder of something else.

    Args:
        output: Where a set is to be written.
        mark: Files of which an earlier set has one.

    Raises:
        InputError: `output` holds other things.
    """
    ours = any((output / name).exists() for name in mark)
    if output.exists() and not ours and (not output.is_dir() or any(output.iterdir())):
        raise InputError(output, "is there already, and holds no set of this kind.", fix="Give another folder.")
