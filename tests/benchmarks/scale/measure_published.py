"""Rows of docs/benchmarks.md, which other benchmarks have written."""

from __future__ import annotations

import re
from pathlib import Path

from tests.benchmarks.page import PAGE
from tests.benchmarks.scale.costs import Row

LOOKUP = "lookup: scan, join, batches"
DUPLICATES = "duplicates, 2000 shards"
INGEST = "catalog ingest, COCO Camera Traps"
QUERY = "query annotated_sequences"
REPORT = "treeline report measure"
COLUMNS = 6
MIB_AFTER = re.compile(r"(\d+) MiB after")


def copy_published(_folder: Path, _size: int) -> list[Row]:
    """Copy what the stages that look at the whole collection have cost.

    Raises:
        KeyError: The page has no such row, or several.
    """
    return [published(run) for run in (LOOKUP, DUPLICATES, INGEST, QUERY, REPORT)]


def published(run: str) -> Row:
    """The row of a run in a table of the columns run, items, CPU seconds, items a CPU-second, peak MiB, remark.

    Raises:
        KeyError: There is none, or several.
    """
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    found = [row for row in rows if row[0] == run and len(row) == COLUMNS]
    if len(found) != 1:
        raise KeyError(f"{PAGE} has {len(found)} rows of the run {run!r}")
    items, cpu_seconds, _, peak_mib = (float(cell.replace(",", "")) for cell in found[0][1:-1])
    size = MIB_AFTER.search(found[0][-1])
    return {
        "run": run,
        "rows": int(items),
        "cpu_seconds": cpu_seconds,
        "peak_mib": round(peak_mib),
        "mib_of_files": int(size[1]) if size else 0,
    }
