"""Small CSV tables: reports, schedules, manifests."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a table with a header line as CSV (RFC 4180, but with line feeds alone)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def csv_rows(file: TextIO, columns: Sequence[str]) -> Callable[[Sequence[object]], object]:
    """Begin a table of names that may hold anything, row by row; numbers are bare, and text is quoted.

    Python's writer leaves a carriage return bare where lines end with line feeds, and readers take it for the end of a
    line.

    Args:
        file: Opened with `newline=""`.
        columns: The header line.

    Returns:
        What takes a row.
    """
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    return writer.writerow


def read_csv_rows(table: Path) -> Iterator[dict[str, str]]:
    """Read a table with a header line row by row; none where it does not exist."""
    if table.exists():
        with table.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
