"""Measure Treeline, its peers and its yardsticks in one run, print the table, and write it into docs/benchmarks.md.

Run it as `make benchmark`. Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.benchmarks import bench_decode, bench_download, bench_lookup_extract, bench_pace, bench_urls
from tests.benchmarks.bench_download import Bench
from tests.benchmarks.corpus import make_corpus
from tests.benchmarks.downloaders import Treeline
from tests.benchmarks.measure import Check, Cost, Row
from tests.benchmarks.page import describe, table, verdicts, write_section
from tests.benchmarks.peers import Img2dataset, Upstream, available

SCRATCH = Path(__file__).parents[2] / ".benchmarks"
DECODED_IMAGES = 2000


def main() -> int:
    """Run everything; gives the exit code."""
    arguments = _parse_arguments()
    rows, checks = _measure_images(arguments.urls, arguments.upstream)
    rows += [*_rows_of_urls(arguments.rows), *_rows_of_lookup_and_extract()]
    command = f"python -m tests.benchmarks.run --urls {arguments.urls} --rows {arguments.rows}"
    command += " --upstream CHECKOUT" * (arguments.upstream is not None)
    write_section("results", [*describe(command), *table(rows), "", *verdicts(checks)])
    return 0 if all(check.is_met for check in checks) else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.run")
    parser.add_argument("--urls", type=int, default=10_000, help="URLs that are downloaded in each comparison")
    parser.add_argument("--rows", type=int, default=500_000, help="rows of the table for the stage urls")
    parser.add_argument("--upstream", type=Path, help="checkout of Imageomics/distributed-downloader")
    return parser.parse_args()


def _measure_images(urls: int, upstream: Path | None) -> tuple[list[Row], list[Check]]:
    """Measure download and decode, on images that servers of our own serve."""
    make_corpus(SCRATCH / "corpus")
    ours = Treeline()
    peers = available([Img2dataset(SCRATCH / "img2dataset"), Upstream(SCRATCH / "upstream", upstream)])
    bench = Bench(SCRATCH / "runs", SCRATCH / "corpus")
    rows, checks = [], []
    for more_rows, more_checks in (
        bench_download.measure(bench, ours, peers, urls),
        bench_download.measure_memory(bench, ours),
        bench_pace.measure(bench),
        bench_decode.measure(bench, DECODED_IMAGES),
    ):
        rows += more_rows
        checks += more_checks
    shutil.rmtree(bench.folder)
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


if __name__ == "__main__":
    sys.exit(main())
