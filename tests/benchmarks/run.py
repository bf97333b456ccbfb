"""Measure Treeline, its peer and its yardsticks in one run, print the table, and write it into docs/benchmarks.md.

Run it as `make benchmark`. Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import psutil

from tests.benchmarks import bench_decode, bench_download, bench_lookup_extract, bench_urls, peers
from tests.benchmarks.bench_download import Bench
from tests.benchmarks.corpus import make_corpus, serve
from tests.benchmarks.measure import Check, Cost, Row

ROOT = Path(__file__).parents[2]
SCRATCH = ROOT / ".benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: written by make benchmark -->\n", "<!-- end of results -->\n"
PACKAGES = ("pyarrow", "duckdb", "opencv-python", "simplejpeg", "pillow", "httpx-aiohttp", "aiohttp")


def main() -> int:
    arguments = _parse_arguments()
    rows, checks = _measure_images(arguments.urls)
    rows += [*_rows_of_urls(arguments.rows), *_rows_of_lookup_and_extract()]
    results = "\n".join([*_describe(arguments), "", *_table(rows), "", *_verdicts(checks), ""])
    print(results)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + results + "\n" + END + rest.partition(END)[2], encoding="utf-8")
    return 0 if all(check.is_met for check in checks) else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.run")
    parser.add_argument("--urls", type=int, default=2000, help="URLs that are downloaded in each run")
    parser.add_argument("--rows", type=int, default=500_000, help="rows of the table for the stage urls")
    return parser.parse_args()


def _measure_images(urls: int) -> tuple[list[Row], list[Check]]:
    """Measure download and decode, on images that a server of our own serves."""
    make_corpus(SCRATCH / "corpus")
    img2dataset = peers.install_img2dataset(SCRATCH / "img2dataset")
    runs = SCRATCH / "runs"
    with serve(SCRATCH / "corpus") as server:
        bench = Bench(runs, SCRATCH / "corpus", server, img2dataset)
        rows, checks = [], []
        for more_rows, more_checks in (
            bench_download.measure(bench, urls),
            bench_download.measure_large_batch(bench),
            bench_decode.measure(bench, urls),
        ):
            rows += more_rows
            checks += more_checks
    shutil.rmtree(runs)
    return rows, checks


def _rows_of_urls(rows: int) -> Iterator[Row]:
    results = bench_urls.measure(rows)
    yardstick = float(results[0]["CPU s"])
    for result in results:
        cost = Cost(float(result["CPU s"]), float(result["peak MiB"]))
        remark = f"{cost.cpu_seconds / yardstick:.2f} x the CPU of DuckDB alone" if result != results[0] else ""
        yield Row(str(result["run"]), int(result["rows"]), cost, remark)


def _rows_of_lookup_and_extract() -> Iterator[Row]:
    # In a process of its own: what it reports as peak memory is that of the process.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        results = pool.submit(bench_lookup_extract.measure).result()
    for result in results:
        cost = Cost(float(result["cpu_seconds"]), float(result["peak_mib"]))
        yield Row(str(result["work"]), int(result["images"]), cost)


def _describe(arguments: argparse.Namespace) -> list[str]:
    memory_gib = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return [
        f"`python -m tests.benchmarks.run --urls {arguments.urls} --rows {arguments.rows}`",
        f"on {os.cpu_count()} cores ({platform.machine()}) with {memory_gib:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}; {peers.REQUIREMENT}.",
    ]


def _table(rows: Sequence[Row]) -> list[str]:
    header = ["| run | images or rows | CPU s | a CPU-second | peak MiB | |", "|---|--:|--:|--:|--:|---|"]
    return header + [
        f"| {row.run} | {row.items:,} | {row.cost.cpu_seconds:.1f} | {row.rate:,.0f} | {row.cost.peak_mib:,.0f} "
        f"| {row.remark} |"
        for row in rows
    ]


def _verdicts(checks: Sequence[Check]) -> list[str]:
    return [f"- {'PASS' if check.is_met else 'FAIL'} {check.aim}: {check.measured}" for check in checks]


if __name__ == "__main__":
    sys.exit(main())
