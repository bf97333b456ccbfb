"""Pages of docs/ whose results the benchmarks write themselves."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.measure import Check, Row

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("pyarrow", "duckdb", "opencv-python", "simplejpeg", "pillow", "httpx", "httpx-aiohttp", "aiohttp")


def write_section(name: str, lines: Iterable[str], page: Path = PAGE) -> None:
    """Print a section's results, and write them in place of the last ones.

    Args:
        name: Of the section, as its two marks in the page say it.
        lines: Markdown.
        page: docs/benchmarks.md, or another.
    """
    text = "\n".join(lines)
    print(text)
    begin, end = f"<!-- {name}: written by the benchmark -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def describe(command: str, packages: Iterable[str] = PACKAGES) -> list[str]:
    """Say what was run, on which machine, with which versions."""
    memory_gib = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return [
        f"`{command}`",
        f"on {os.cpu_count()} cores ({platform.machine()}) with {memory_gib:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}.",
        "",
    ]


def table(rows: Sequence[Row]) -> list[str]:
    """The table of all runs."""
    header = ["| run | images or rows | CPU s | a CPU-second | peak MiB | |", "|---|--:|--:|--:|--:|---|"]
    return header + [
        f"| {row.run} | {row.items:,} | {row.cost.cpu_seconds:.1f} | {row.rate:,.0f} | {row.cost.peak_mib:,.0f} "
        f"| {row.remark} |"
        for row in rows
    ]


def verdicts(checks: Sequence[Check]) -> list[str]:
    """A line for each aim."""
    return [f"- {'PASS' if check.is_met else 'FAIL'} {check.aim}: {check.measured}" for check in checks]
