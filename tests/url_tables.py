"""Tables of URLs for the tests of the stage urls, and readers of what it makes of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from treeline.urls.partition import partition_urls


def write_csv(target: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    rows = list(rows)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def plain_rows(count: int, servers: int = 3, start: int = 0) -> list[dict[str, str]]:
    return [
        {"identifier": f"http://server{number % servers}.org/{number}.jpg", "source_id": f"s{number}"}
        for number in range(start, start + count)
    ]


def run(pattern: Path | str, folder: Path, initializer: str = "plain", **options: Any) -> Path:
    partition_urls(str(pattern), folder, initializer, **options)
    return folder


def batch_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("server_name=*/partition_id=*/urls.parquet"))


def batch_rows(folder: Path) -> list[dict[str, Any]]:
    return [row for file in batch_files(folder) for row in pq.ParquetFile(file).read().to_pylist()]


def rejected_rows(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "rejected.parquet").to_pylist()


def reasons(folder: Path) -> dict[str | None, str]:
    """The reason of each rejected row by its source_id."""
    return {row["source_id"]: row["reason"] for row in rejected_rows(folder)}


def manifest(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "manifest.parquet").to_pylist()


def removed_rows(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "removed.parquet").to_pylist()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by its path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def times(folder: Path) -> dict[str, int]:
    """Every batch file's time of change by its path."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in batch_files(folder)}
