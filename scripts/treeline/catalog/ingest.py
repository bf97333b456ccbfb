"""Ingest a source: all of it or nothing, and the same one twice is the same as once."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from treeline import __version__
from treeline.catalog.classes import normalise_classes
from treeline.catalog.database import open_to_write, read_sql
from treeline.catalog.readers import READERS
from treeline.catalog.sources import Source
from treeline.catalog.staged_checks import check_staged
from treeline.errors import InputError
from treeline.io.parquet import sha256_of_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingested:
    """What an ingest brought; `is_new` tells whether anything changed."""

    sequences: int
    images: int
    boxes: int
    is_new: bool


def ingest(catalog: Path, source: Source, *, memory_mb: int, threads: int) -> Ingested:
    """Bring a source into the catalogue, in place of what the last ingest of its name brought.

    Args:
        catalog: The database; made if it is not there.
        source: What to ingest.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        InputError: The source cannot be read, or breaks a rule; the catalogue is as it was.
        CatalogError: The database cannot be opened.
    """
    checksum = _checksum(source)
    with open_to_write(catalog, memory_mb=memory_mb, threads=threads) as connection:
        known = connection.execute(
            "SELECT sequences, images, boxes FROM ingests WHERE name = ? AND sha256 = ?", [source.name, checksum]
        ).fetchone()
        if known is not None:
            log.info("%s: is in %s already, unchanged", source.name, catalog)
            return Ingested(*known, is_new=False)
        stage(connection, source)
        check_staged(connection, source)
        return _merge(connection, source, checksum)


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a source into the staged tables, and put its properties on the levels where they belong."""
    connection.execute(read_sql("staging.sql"))
    READERS[source.format](connection, source)
    normalise_classes(connection, source)
    if source.format != "megadb":  # which says itself what belongs together, and in which order
        connection.execute(read_sql("complete.sql"))
    connection.execute(read_sql("hoist.sql"))


def _merge(connection: duckdb.DuckDBPyConnection, source: Source, checksum: str) -> Ingested:
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE touched_datasets AS
        SELECT dataset FROM new_sequences
        UNION SELECT dataset FROM staged_datasets
        UNION SELECT dataset FROM sequences JOIN ingests USING (ingest) WHERE name = $name
    """, {"name": source.name})
    known = connection.execute("SELECT ingest FROM ingests WHERE name = ?", [source.name]).fetchone()
    [(following,)] = connection.execute("SELECT coalesce(max(ingest), 0) + 1 FROM ingests").fetchall()
    number = known[0] if known is not None else following
    connection.execute(f"SET VARIABLE ingest = {number:d}")
    connection.execute(read_sql("merge.sql"))
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        for table in ("new_sequences", "new_images", "staged_boxes")
    ]
    [(head,)] = connection.execute("SELECT any_value(properties) FROM staged_source").fetchall()
    facts = [source.name, source.format, str(source.path), checksum, *counts, datetime.now(UTC), __version__, head]
    connection.execute("DELETE FROM ingests WHERE ingest = ?", [number])
    connection.execute(f"INSERT INTO ingests VALUES (?{', ?' * len(facts)})", [number, *facts])
    log.info("%s: %d sequences, %d images, %d boxes", source.name, *counts)
    return Ingested(*counts, is_new=True)


def _checksum(source: Source) -> str:
    """SHA-256 of everything that an ingest depends on; of where the source lies it does not."""
    if not source.path.exists():
        raise InputError(source.path, "no such file.", fix="Check the path.")
    files = sorted(path for path in source.path.rglob("*") if path.is_file()) if source.path.is_dir() else [source.path]
    options = {**asdict(source), "path": None, "name": None, "version": __version__}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for file in files:
        digest.update(f"{file.relative_to(source.path)}\0{sha256_of_file(file)}\0".encode())
    return digest.hexdigest()
