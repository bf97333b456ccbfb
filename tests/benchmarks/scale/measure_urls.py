"""What the stage urls costs, and what it leaves: CPU time, memory, spilled and written bytes, by the number of rows."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq

from tests.benchmarks.bench_urls import BATCH_ROWS, make_table
from tests.benchmarks.measure import measure_commands
from tests.benchmarks.scale.costs import Row

MEMORY_MB = 1024
THREADS = 2
LOOK_SECONDS = 0.2


def measure_partition(folder: Path, rows: int) -> list[Row]:
    """Partition a table by the rule's command, in a quarter of the rule's memory, and again with nothing to do."""
    table, urls = folder / "urls.csv", folder / "urls"
    make_table(table, rows)
    command = [sys.executable, "-m", "treeline", "urls", "partition", "--input", str(table)]
    command += ["--output-folder", str(urls), "--batch-size", str(BATCH_ROWS)]
    command += ["--memory-mb", str(MEMORY_MB), "--threads", str(THREADS)]
    results = []
    for run in ("first", "nothing to do"):
        with _SpillWatcher(urls) as spill:
            cost = measure_commands([command], folder / "log")
        results.append(
            {
                "run": run,
                "memory_mb": MEMORY_MB,
                "cpu_seconds": round(cost.cpu_seconds, 1),
                "peak_mib": round(cost.peak_mib),
                "spilled_bytes": spill.most_bytes,
                **_left(table, urls),
            }
        )
    return results


def _left(table: Path, urls: Path) -> Row:
    manifest = urls / "manifest.parquet"
    return {
        "input_bytes": table.stat().st_size,
        "batches": pq.read_metadata(manifest).num_rows,
        "batch_bytes": sum(file.stat().st_size for file in urls.glob("*/*/urls.parquet")),
        "manifest_bytes": manifest.stat().st_size,
    }


class _SpillWatcher(threading.Thread):
    """Looks at the size of hidden folders, which hold what does not fit into memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self._ended = folder, threading.Event()
        self.most_bytes = 0

    def __enter__(self) -> _SpillWatcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.most_bytes = max(self.most_bytes, sum(map(_size, self._folder.glob(".*/**/*"))))


def _size(file: Path) -> int:
    """Bytes on the disk; 0 if it is gone meanwhile."""
    try:
        return file.stat().st_blocks * 512
    except FileNotFoundError:
        return 0
