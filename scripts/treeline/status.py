"""What is done, what is left and what failed.

Everything is read from the output folder: a target that is there is done, a log that ends in an error without its
target is a failure, and the rows of each stage's tables show that nothing was lost between two stages. Whether a
target is older than its inputs is for `snakemake -n` to say.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb

from treeline.config import Settings, Stage
from treeline.errors import InputError
from treeline.io.database import connect
from treeline.io.folders import Folders
from treeline.io.manifest import Shard, read_ignored, read_manifest
from treeline.paths import Paths, shard_folder
from treeline.settings import paths_of

LOG_TAIL_BYTES = 4096
QUERY_MEMORY_MIB = 1024
FAILURE_LINE = re.compile(rb"^[0-9-]{10} [0-9:,]{12} (ERROR|CRITICAL) ", re.MULTILINE)
"""As `treeline.logs` writes it; what a message says does not count."""


@dataclass
class StageStatus:
    """How far one stage is.

    Args:
        stage: Its name.
        unit: What one piece of its work is.
        folders: Where its pieces' targets are looked for.
        known: Whether all of its pieces are known; those of most stages are only when there are batches.
        done: Pieces whose targets are there.
        left: Pieces that are still to be made, failed ones included.
        failed: Logs of the pieces whose last job ended in an error.
        rows_in: Rows that the finished pieces took.
        rows_out: What became of them; the values add up to `rows_in`.
    """

    stage: Stage
    unit: str
    folders: Folders
    known: bool = True
    done: int = 0
    left: int = 0
    failed: list[Path] = field(default_factory=list)
    rows_in: int = 0
    rows_out: Counter[str] = field(default_factory=Counter)

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.known and not self.left

    def count(self, *targets: Path, log: Path) -> bool:
        """Count one piece as done or left; whether it is done."""
        if all(self.folders.has(target) for target in targets):
            self.done += 1
            return True
        self.left += 1
        if _ends_in_error(log) and log not in self.failed:
            self.failed.append(log)
        return False


@dataclass(frozen=True)
class Output:
    """An output folder with what its configuration says of it.

    Args:
        settings: The configuration.
        paths: Where everything lies.
        shards: All shards, None before there are batches.
        folders: Where files are looked for.
        counts_rows: Whether the rows of all tables of shards are counted, which takes a look into each.
    """

    settings: Settings
    paths: Paths
    shards: list[Shard] | None
    folders: Folders = field(default_factory=Folders)
    counts_rows: bool = True

    def new_status(self, stage: Stage, unit: str) -> StageStatus:
        """The status of a stage that has a piece a shard, before any is counted."""
        return StageStatus(stage, unit, self.folders, known=self.shards is not None)

    def shard_targets(self, shard: Shard) -> list[Path]:
        """What the download of a shard makes."""
        return [self.shard_file(shard, name) for name in ("completed", "successes.parquet", "errors.parquet")]

    def is_downloaded(self, shard: Shard) -> bool:
        """Whether a shard's download is done."""
        return all(self.folders.has(target) for target in self.shard_targets(shard))

    def shard_file(self, shard: Shard, name: str) -> Path:
        """A file of a downloaded shard."""
        return self.paths.shard(shard.server, shard.partition) / name

    def shard_log(self, stage: str, shard: Shard) -> Path:
        """A shard's log in a stage's folder of logs."""
        return self.paths.logs / stage / f"{shard_folder(shard.server, shard.partition)}.log"


def open_output(settings: Settings) -> Output:
    """Read which shards there are.

    Raises:
        InputError: The manifest or the table of ignored servers cannot be read.
    """
    paths = paths_of(settings)
    if not paths.manifest.exists():
        return Output(settings, paths, None)
    ignored = read_ignored(paths.ignored)
    return Output(settings, paths, [shard for shard in read_manifest(paths.manifest) if shard.server not in ignored])


def query_tables(query: str, files: Iterable[Path]) -> list[tuple[Any, ...]]:
    """Ask a question of the files that exist; no rows where none does.

    Args:
        query: Its one parameter is the list of files.
        files: Parquet files.

    Raises:
        InputError: A table cannot be read.
    """
    existing = [str(file) for file in files if file.exists()]
    if not existing:
        return []
    with connect(Path(gettempdir()), memory_mb=QUERY_MEMORY_MIB, threads=os.cpu_count() or 1) as connection:
        try:
            return connection.execute(query, [existing]).fetchall()
        except duckdb.Error as error:
            problem = f"{len(existing)} table(s) cannot be read: {error}"
            raise InputError(existing[0], problem, fix="Delete the damaged one and rerun its stage.") from error


def _ends_in_error(log: Path) -> bool:
    """Whether the last lines of a log report an error."""
    if not log.exists():
        return False
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return FAILURE_LINE.search(file.read()) is not None
