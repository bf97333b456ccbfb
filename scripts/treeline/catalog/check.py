"""Check MegaDB JSON without taking it in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import gettempdir

from treeline.catalog.megadb_checks import Checker, json_files
from treeline.catalog.violations import Violations
from treeline.io.database import connect


def check(
    path: Path, *, is_strict: bool = True, now: datetime | None = None, memory_mb: int = 1024, threads: int = 2
) -> Violations:
    """Check a file of sequences, data sets or splits, or all files of a folder; streaming, whatever its size.

    Args:
        path: JSON, or a folder with `.json` files.
        is_strict: Apply Treeline's rules too, not MegaDB's alone.
        now: When keys are looked at; None for now.
        memory_mb: Memory for the names that must be unique, in MiB; beyond it they go to the disk.
        threads: Number of threads.

    Raises:
        InputError: There is no such file, or no JSON in the folder.
    """
    violations = Violations()
    files = json_files(path)
    with connect(Path(gettempdir()), memory_mb=memory_mb, threads=threads) as connection:
        checker = Checker(connection, violations, is_strict=is_strict, now=now)
        for file in files:
            for _ in checker.read(file):
                pass  # the good ones: nothing is to be done with them
        checker.finish()
    return violations
