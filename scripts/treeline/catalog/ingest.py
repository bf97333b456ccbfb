"""Ingest a source: all of it or nothing, and the same one twice is the same as once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb

from treeline import __version__
from treeline.catalog.classes import normalise_classes
from treeline.catalog.database import open_to_write, read_sql
from treeline.catalog.readers import READERS, shards
from treeline.catalog.sources import Source
from treeline.catalog.staged_checks import check_staged
from treeline.catalog.violations import InvalidSourceError
from treeline.choices import SEQUENCE_GAP_SECONDS
from treeline.errors import InputError
from treeline.io.database import quote_literal
from treeline.io.parquet import sha256_of_file

MAX_NAME = 200
"""Characters of an ingest's name in that of its report."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingested:
    """What an ingest brought; `is_new` tells whether anything changed, and only then are `splits` counted."""

    sequences: int
    images: int
    boxes: int
    is_new: bool
    splits: int = 0


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
    _check_source(source)
    return _ingest(catalog, source, _checksum(source), (), memory_mb=memory_mb, threads=threads)


def _check_source(source: Source) -> None:
    if not source.name:
        raise InputError(source.path, "the ingest has no name.", fix="Give it one: --name NAME.")
    if source.format not in READERS:
        raise InputError(source.path, f"unknown format {source.format!r}.", fix=f"Give one of: {', '.join(READERS)}.")


def _ingest(
    catalog: Path, source: Source, checksum: str, superseded: Collection[str], *, memory_mb: int, threads: int
) -> Ingested:
    """Bring a source into the catalogue; what the ingests of the names `superseded` say of data sets is about to go."""
    with open_to_write(catalog, memory_mb=memory_mb, threads=threads) as connection:
        known = connection.execute(
            "SELECT sequences, images, boxes FROM ingests WHERE name = ? AND sha256 = ?", [source.name, checksum]
        ).fetchone()
        if known is not None:
            log.info("%s: is in %s already, unchanged", source.name, catalog)
            sequences, images, boxes = known
            return Ingested(sequences, images, boxes, is_new=False)
        connection.execute(
            f"SET VARIABLE superseded = [{', '.join(map(quote_literal, sorted(superseded)))}]::VARCHAR[]"
        )
        with _reported(catalog, source):
            stage(connection, source)
            return _merge(connection, source, checksum)


def build(catalog: Path, sources: Sequence[Source], *, memory_mb: int, threads: int) -> None:
    """Ingest sources one after the other, and take out what others brought that are none of them any more.

    Raises:
        InputError: As `ingest`; what came before is in the catalogue, and unchanged when it is ingested again.
    """
    for source in sources:
        _check_source(source)
    checksums = {source.name: _checksum(source) for source in sources}
    with open_to_write(catalog, memory_mb=memory_mb, threads=threads) as connection:
        known = dict(connection.execute("SELECT name, sha256 FROM ingests").fetchall())
    superseded = {name for name, checksum in known.items() if checksum != checksums.get(name)}
    for source in sources:
        superseded.discard(source.name)
        checksum = checksums[source.name]
        _ingest(catalog, source, checksum, superseded, memory_mb=memory_mb, threads=threads)
    with open_to_write(catalog, memory_mb=memory_mb, threads=threads) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM ingests ORDER BY ingest").fetchall()]
        for name in names:
            if name not in {source.name for source in sources}:
                _remove(connection, name)
    catalog.touch()


def _remove(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Take out what a source brought: an ingest of nothing in its place."""
    connection.execute(read_sql("staging.sql"))
    connection.execute(read_sql("hoist.sql"))
    _prepare_merge(connection, name)
    connection.execute(read_sql("merge.sql"))
    connection.execute("DELETE FROM ingests WHERE name = ?", [name])
    log.info("%s: is no source any more; what it brought is taken out", name)


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a source into the staged tables, check it, and put its properties on the levels where they belong.

    Raises:
        InputError: The source cannot be read.
        InvalidSourceError: It breaks a rule.
    """
    connection.execute(read_sql("staging.sql"))
    READERS[source.format](connection, source)
    if source.adds_to_images:
        connection.execute(f"SET VARIABLE name = {quote_literal(source.name)}")
        connection.execute(read_sql("attach.sql"))
    normalise_classes(connection, source)
    if source.format != "megadb":  # which says itself what belongs together, and in which order
        connection.execute(f"SET VARIABLE gap_seconds = {SEQUENCE_GAP_SECONDS}")
        connection.execute(read_sql("complete.sql"))
    check_staged(connection, source)
    connection.execute(read_sql("hoist.sql"))


@contextmanager
def _reported(catalog: Path, source: Source) -> Iterator[None]:
    """List what is wrong with a source beside the catalogue, where the last list of it lies no more."""
    report = catalog.with_name(f"{quote(source.name, safe=' ')[:MAX_NAME]}.violations.csv")
    report.unlink(missing_ok=True)
    try:
        yield
    except InvalidSourceError as error:
        error.violations.write(report)
        raise InvalidSourceError(source.path, error.violations, report) from None
    except duckdb.OutOfMemoryException as error:
        fix = "Give more: --memory-mb; fewer --threads take less. What is in the catalogue is as it was."
        raise InputError(source.path, "cannot be brought in with the memory that is allowed.", fix=fix) from error
    except duckdb.ConstraintException as error:
        reason = str(error).partition("\n")[0]
        raise InputError(source.path, f"holds what the catalogue cannot: {reason}") from error


def _merge(connection: duckdb.DuckDBPyConnection, source: Source, checksum: str) -> Ingested:
    number = _prepare_merge(connection, source.name)
    connection.execute(read_sql("merge.sql"))
    sequences, images, boxes, splits = (
        connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        for table in ("new_sequences", "numbered_images", "staged_boxes", "staged_splits")
    )
    facts = [source.name, source.format, str(source.path), checksum, sequences, images, boxes, datetime.now(UTC)]
    connection.execute("DELETE FROM ingests WHERE ingest = ?", [number])
    [(said,)] = connection.execute("SELECT any_value(properties) FROM staged_source").fetchall()
    row = [number, *facts, __version__, said]
    connection.execute(f"INSERT INTO ingests VALUES (?{', ?' * (len(row) - 1)})", row)
    log.info("%s: %d sequences, %d images, %d boxes", source.name, sequences, images, boxes)
    return Ingested(sequences, images, boxes, is_new=True, splits=splits)


def _prepare_merge(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Tell `merge.sql` which data sets it touches, and the number of the ingest; gives that."""
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE touched_datasets AS
        SELECT dataset FROM new_sequences
        UNION SELECT dataset FROM staged_datasets
        UNION SELECT dataset FROM sequences JOIN ingests USING (ingest) WHERE name = $name
        UNION SELECT dataset FROM descriptions JOIN ingests USING (ingest) WHERE name = $name
    """,
        {"name": name},
    )
    known = connection.execute("SELECT ingest FROM ingests WHERE name = ?", [name]).fetchone()
    [(following,)] = connection.execute("SELECT coalesce(max(ingest), 0) + 1 FROM ingests").fetchall()
    number = int(following if known is None else known[0])
    connection.execute(f"SET VARIABLE ingest = {number}")
    return number


def _checksum(source: Source) -> str:
    """SHA-256 of everything that an ingest depends on; of where the source lies it does not."""
    options = {**asdict(source), "path": None, "name": None, "tables": sorted(source.tables), "version": __version__}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for path in (source.path, *(path for name, path in sorted(source.tables.items()) if name != "root")):
        if not path.exists():
            raise InputError(path, "no such file.", fix="Check the path.")
        for file in sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(path)}\0{sha256_of_file(file)}\0".encode())
    if source.format == "shards":
        digest.update(shards.fingerprint(source).encode())
    return digest.hexdigest()
