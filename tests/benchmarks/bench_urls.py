"""The stage urls against what no such stage can do without: DuckDB reading the table and writing it partitioned.

Both get the same rows, threads and memory limit, and run in a process of their own, whose peak memory is measured.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from treeline.io.database import connect, quote_literal

ROWS = 2_000_000
SERVERS = 545
BATCH_ROWS = 10_000
THREADS = 2
MEMORY_MB = 1024

Row = dict[str, str | float]


def measure(rows: int = ROWS) -> list[Row]:
    """Time the stage, a rerun that finds nothing to do, and the yardstick; seconds, MiB and files of each."""
    results = []
    with TemporaryDirectory(prefix="bench-urls-") as name:
        folder = Path(name)
        make_table(folder / "urls.csv", rows)
        for label, run, output in (
            ("duckdb: read + partitioned write", write_partitioned, folder / "yardstick"),
            ("treeline urls", partition, folder / "urls"),
            ("treeline urls, nothing to do", partition, folder / "urls"),
        ):
            seconds, cpu_seconds, peak_mb = in_own_process(run, folder / "urls.csv", output)
            files = sum(1 for file in output.rglob("*.parquet"))
            results.append(
                {"run": label, "rows": rows, "s": seconds, "CPU s": cpu_seconds, "peak MiB": peak_mb, "files": files}
            )
    return results


def make_table(target: Path, rows: int) -> None:
    """Write a table of URLs whose servers are skewed steeply: the first of 545 has a third of the rows."""
    duckdb.sql(
        f"""
        COPY (
            SELECT
                md5(i::VARCHAR) AS uuid, 'occurrence-' || i AS source_id, 'Photo number ' || i AS title,
                'https://images' || server || '.example.org/photos/' || i || '/original.jpeg' AS identifier,
                'http://creativecommons.org/licenses/by-nc/4.0/' AS license, 'Owner ' || i % 5000 AS source,
                'Species ' || i % 30000 AS species
            FROM (
                SELECT i, floor({SERVERS} * pow((hash(i) % 1000003) / 1000003, 6))::INTEGER AS server
                FROM range({rows}) numbers(i)
            )
        ) TO {quote_literal(str(target))}
        """
    )


def write_partitioned(table: Path, output: Path) -> None:
    """Read and write the table with DuckDB alone, in the same batches."""
    with connect(output.parent, memory_mb=MEMORY_MB, threads=THREADS) as connection:
        connection.execute(
            f"""
            COPY (
                SELECT
                    *, (row_number() OVER (PARTITION BY server_name ORDER BY uuid) - 1) // {BATCH_ROWS} AS partition_id
                FROM (SELECT *, split_part(identifier, '/', 3) AS server_name FROM {quote_literal(str(table))})
            ) TO {quote_literal(str(output))}
            (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (server_name, partition_id))
            """
        )


def partition(table: Path, output: Path) -> None:
    """Run the stage as its rule does."""
    command = f"urls partition --batch-size {BATCH_ROWS} --memory-mb {MEMORY_MB} --threads {THREADS}".split()
    files = ["--input", str(table), "--output-folder", str(output)]
    subprocess.run([sys.executable, "-m", "treeline", *command, *files], check=True, capture_output=True)


def in_own_process(run: Callable[[Path, Path], None], table: Path, output: Path) -> tuple[float, float, float]:
    """Run a function in a new process; give its seconds, CPU seconds, and peak memory in MiB, children included."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(timed, (run, table, output))


def timed(run: Callable[[Path, Path], None], table: Path, output: Path) -> tuple[float, float, float]:
    start = time.perf_counter()
    run(table, output)
    seconds = time.perf_counter() - start
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return round(seconds, 1), round(cpu_seconds, 1), round(max(usage.ru_maxrss for usage in usages) / 1024)


if __name__ == "__main__":
    for row in measure():
        print(*(f"{key}: {value}" for key, value in row.items()), sep="  ")
