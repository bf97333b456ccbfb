"""Files of a run, held against what the reference says of them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pyarrow.parquet as pq

from treeline.reference.files_page import STAGES
from treeline.reference.table import FileTable

TABLES = [table for tables in STAGES.values() for table in tables]


def undescribed(results: Path) -> list[str]:
    """Every Parquet and CSV file under a run's results that the reference does not describe as it is."""
    files = (file for ending in ("parquet", "csv") for file in sorted(results.rglob(f"*.{ending}")))
    visible = (file for file in files if not any(part.startswith(".") for part in file.relative_to(results).parts))
    return [problem for file in visible for problem in _problems(file, str(file.relative_to(results)))]


def _problems(file: Path, name: str) -> list[str]:
    described = [table for table in TABLES if _pattern(table.path).fullmatch(name)]
    if not described:
        return [f"{name}: no table of the reference is called so"]
    [table] = described
    if table.columns is None or _fits(_columns(file), table):
        return []
    return [f"{name}: has {_columns(file)}, and not {list(table.columns)} as {table.path}"]


def _pattern(path: str) -> re.Pattern[str]:
    """`S`, `N` and `<name>` for any server, number and name."""
    parts = re.split(r"(<\w+>|(?<==)S|\bN\b)", path)
    patterns = {"S": r"[^/]+", "N": r"\d+"}
    return re.compile("".join(patterns.get(p) or (r"[^/]+" if p.startswith("<") else re.escape(p)) for p in parts))


def _columns(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        return list(pq.read_schema(file).names)
    with file.open(newline="", encoding="utf-8") as lines:
        return next(csv.reader(lines))


def _fits(found: list[str], table: FileTable) -> bool:
    promised = [name for name in table.columns or () if name != "container_sas_key"]  # in the database alone
    if table.has_more:
        return [name for name in found if name in promised] == promised
    return found == promised
