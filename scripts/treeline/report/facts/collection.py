"""The output folder as the facts see it: its shards with what became of them, and a database to ask of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from treeline.errors import InputError
from treeline.io.database import connect, database_memory
from treeline.io.manifest import Shard, read_manifest
from treeline.io.names import decode_server_name
from treeline.io.parquet import METADATA_PREFIX
from treeline.paths import Paths
from treeline.status import Output

Rows: TypeAlias = list[dict[str, object]]
"""Rows of a table of `treeline.report.tables`."""

UNKNOWN = -1
"""A whole number that is not known."""

OWN_LOGS = ("report/", "benchmarks/report/")
"""What the report's own jobs leave below the logs, of which it does not tell: they grow with each report."""

BATCH_ROWS = 1_000_000

State = Literal["downloaded", "ignored", "left"]

RERUN = "Delete it and rerun its stage."


class Outcome(NamedTuple):
    """A shard and what became of its rows.

    Args:
        shard: The batch.
        state: `downloaded`, `ignored` (its server is not to be asked), or `left` to download.
        images: Rows of `successes.parquet`.
        errors: Rows of `errors.parquet`.
        image_format: `image_format` with which it was downloaded; empty where the file does not say.
        image_bytes: Bytes that the images take in it.
        treeline_version: Of the Treeline that wrote it; empty where the file does not say.
    """

    shard: Shard
    state: State
    images: int = 0
    errors: int = 0
    image_format: str = ""
    image_bytes: int = 0
    treeline_version: str = ""

    @property
    def server(self) -> str:
        """host[:port]."""
        return decode_server_name(self.shard.server)


@dataclass(frozen=True)
class Collection:
    """An output folder that has a manifest.

    Args:
        output: The folder with its configuration.
        config: The configuration's file.
        connection: A database within the limits of the job.
    """

    output: Output
    config: Path
    connection: duckdb.DuckDBPyConnection

    @property
    def paths(self) -> Paths:
        """Where everything lies."""
        return self.output.paths

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """All shards of the manifest, in its order.

        Raises:
            InputError: A table of a finished shard is damaged, or does not account for the rows of its batch.
        """
        asked = {shard.id for shard in self.output.shards or ()}
        # One after the other: in threads, what is freed of 20,000 footers stays with each thread, 1.1 GiB of it.
        return [self._outcome(shard, shard.id in asked) for shard in read_manifest(self.paths.manifest)]

    @property
    def downloaded(self) -> list[Outcome]:
        """The finished shards."""
        return [outcome for outcome in self.outcomes if outcome.state == "downloaded"]

    def has(self, file: Path | str) -> bool:
        """Whether a file is there."""
        return self.output.folders.has(Path(file))

    def files(self, name: str) -> list[Path]:
        """A file of every finished shard."""
        return [self.output.shard_file(outcome.shard, name) for outcome in self.downloaded]

    def ask(self, query: str, files: Iterable[Path]) -> list[dict[str, Any]]:
        """Ask a question of the Parquet files that exist.

        Args:
            query: Its one parameter is the list of files.
            files: All have the columns that it asks for.

        Returns:
            The rows of the answer, by column; none where there is no file.

        Raises:
            InputError: A file cannot be read; names it.
        """
        existing = [str(file) for file in files if file.exists()]
        if not existing:
            return []
        try:
            return self.rows(query, [existing])
        except duckdb.Error as error:
            raise self._at_fault(query, existing, error) from error

    def stream(self, query: str, files: Iterable[Path]) -> Iterator[pa.RecordBatch]:
        """As `ask`, where the answer has many rows: some at a time, in its order."""
        existing = [str(file) for file in files if file.exists()]
        if not existing:
            return
        try:
            yield from self.connection.sql(query, params=[existing]).to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            raise self._at_fault(query, existing, error) from error

    def number(self, query: str, files: Iterable[Path]) -> int:
        """As `ask`, where the answer is one whole number; 0 where there is no file."""
        return int(sum(count or 0 for row in self.ask(query, files) for count in row.values()))

    def rows(self, query: str, parameters: object = None) -> list[dict[str, Any]]:
        """Rows of the answer to a question of the database's own tables, by column."""
        answer = self.connection.execute(query, parameters)
        names = [name for name, *_ in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def _outcome(self, shard: Shard, is_asked: bool) -> Outcome:
        if not is_asked:
            return Outcome(shard, "ignored")
        if not self.output.is_downloaded(shard):
            return Outcome(shard, "left")
        images, errors = (self.output.shard_file(shard, name) for name in ("successes.parquet", "errors.parquet"))
        successes = read_footer(images)
        outcome = Outcome(
            shard,
            "downloaded",
            successes.num_rows,
            read_footer(errors).num_rows,
            str(json.loads(_stored(successes, "parameters") or "{}").get("image_format", "")),
            _column_bytes(successes, "image"),
            _stored(successes, "version"),
        )
        if outcome.images + outcome.errors != shard.rows:
            problem = f"has {outcome.images} rows, and errors.parquet {outcome.errors}, but the batch {shard.rows}."
            raise InputError(images, problem, fix="Delete both and rerun the stage download.")
        return outcome

    def _at_fault(self, query: str, files: Sequence[str], error: duckdb.Error) -> InputError:
        """Find the file that cannot be read: of many, the database does not always name it.

        Of a single file it may answer without reading it, by its statistics.
        """
        for file in files:
            try:
                self.connection.execute(query, [[file]]).fetchall()
                _read_through(file)
            except (duckdb.Error, pa.ArrowException, OSError) as own:
                return InputError(file, f"cannot be read: {first_line(own)}.", fix=RERUN)
        return InputError(files[0], f"{len(files)} tables cannot be read: {first_line(error)}.", fix=RERUN)


@contextmanager
def open_collection(output: Output, config: Path, *, memory_mb: int, threads: int) -> Iterator[Collection]:
    """Open an output folder for questions.

    Args:
        output: What there is.
        config: The configuration's file.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        InputError: There is no manifest.
    """
    if output.shards is None:
        fix = "Nothing has been made yet: run snakemake, or check path_to_output."
        raise InputError(output.paths.manifest, "no such file.", fix=fix)
    with connect(output.paths.reports, memory_mb=database_memory(memory_mb), threads=threads) as connection:
        yield Collection(output, config, connection)


def read_footer(file: Path) -> pq.FileMetaData:
    """What a Parquet file says of itself.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(file, f"cannot be read: {first_line(error)}", fix=RERUN) from error


def _read_through(file: str) -> None:
    """Read all columns of a Parquet file but the images."""
    with pq.ParquetFile(file) as opened:
        columns = [name for name in opened.schema_arrow.names if name != "image"]
        for _ in opened.iter_batches(columns=columns, use_threads=False):
            pass


def first_line(error: Exception) -> str:
    """What an error says, without what follows."""
    return str(error).partition("\n")[0]


def _stored(footer: pq.FileMetaData, key: str) -> str:
    """A fact that `treeline.io.parquet.parquet_writer` has put into a file; empty where it has not."""
    metadata: dict[bytes, bytes] = footer.metadata or {}
    return metadata.get(f"{METADATA_PREFIX}{key}".encode(), b"").decode()


def _column_bytes(footer: pq.FileMetaData, name: str) -> int:
    places = [place for place in range(footer.num_columns) if footer.schema.column(place).path == name]
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    return sum(group.column(place).total_compressed_size for group in groups for place in places)
