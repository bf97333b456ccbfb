"""Credits of collections of two sizes: what does not fit into the memory that they are given is spilled.

Run it as `python -m tests.benchmarks.bench_credits`. 50 sources with 2,000 creators each, six kinds of licences, shards
of 10,000 rows. What is asked for are all images, by their uuids and shards, as table and as text.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import yaml

from tests.benchmarks.measure import Check, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from treeline.io.parquet import write_table
from treeline.schemas import MANIFEST

ROWS_OF_A_SHARD = 10_000
SOURCES, CREATORS_OF_A_SOURCE = 50, 2000
LICENSES = (
    "http://creativecommons.org/licenses/by/4.0/legalcode",
    "CC BY-NC",
    "CC0 1.0",
    "all rights reserved",
    "",
    "©",
)
MEMORY_MB = 1024


def write_collection(folder: Path, images: int) -> Path:
    """Write the batches of a collection, a configuration, and a table that names all images; gives the table."""
    shards = images // ROWS_OF_A_SHARD
    batch = f"""
        SELECT
            md5(concat(?, '-', i)) AS uuid, concat('https://example.org/', md5(concat(?, i)), '.jpg') AS identifier,
            {[*LICENSES]}[(hash(i) % {len(LICENSES)} + 1)::INTEGER] AS license,
            concat('Source ', ? % {SOURCES}) AS source, concat('Photo of Quercus robur, number ', i) AS title,
            concat('Person ', ? % {SOURCES}, '-', hash(i) % {CREATORS_OF_A_SOURCE}) AS creator
        FROM range({ROWS_OF_A_SHARD}) AS rows (i)
    """
    asked = []
    with duckdb.connect() as connection:
        for number in range(shards):
            shard = f"server_name=s{number % SOURCES}.org/partition_id={number // SOURCES}"
            rows = connection.sql(batch, params=[number] * 4).to_arrow_table()
            write_table(folder / "results/urls" / shard / "urls.parquet", rows)
            paths = [f"images/{shard}/successes.parquet"] * len(rows)
            asked.append(pa.table({"uuid": rows["uuid"], "path": paths}))
    names = [f"s{number % SOURCES}.org" for number in range(shards)]
    facts = [names, [number // SOURCES for number in range(shards)], [ROWS_OF_A_SHARD] * shards, ["-"] * shards]
    write_table(folder / "results/urls/manifest.parquet", pa.table(facts, schema=MANIFEST))
    write_table(folder / "all.parquet", pa.concat_tables(asked))
    settings = {"path_to_input": str(folder / "all.parquet"), "path_to_output": str(folder / "results")}
    (folder / "config.yaml").write_text(yaml.safe_dump({**settings, "stages": ["urls"]}))
    return folder / "all.parquet"


def measure(sizes: list[int]) -> tuple[list[Row], list[Check]]:
    """Write the credits of a collection of each size."""
    rows, checks = [], []
    for images in sizes:
        with TemporaryDirectory(prefix="bench-credits-") as name:
            folder = Path(name)
            subset = write_collection(folder, images)
            outputs = ["--out", str(folder / "credits.csv"), "--out", str(folder / "credits.md")]
            options = ["--config", str(folder / "config.yaml"), "--memory-mb", str(MEMORY_MB)]
            command = [sys.executable, "-m", "treeline", "credits", str(subset), *outputs, *options]
            started = time.perf_counter()
            cost = measure_commands([command], folder / "log")
            rows.append(Row("treeline credits", images, cost, f"{time.perf_counter() - started:.0f} s"))
            peak = cost.peak_mib
            checks.append(Check(f"{images:,} images in {MEMORY_MB} MiB", f"{peak:,.0f} MiB", peak < MEMORY_MB))
    return rows, checks


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_credits")
    parser.add_argument("--images", type=int, nargs="+", default=[1_000_000, 16_000_000])
    rows, checks = measure(parser.parse_args().images)
    description = describe("python -m tests.benchmarks.bench_credits")
    write_section("credits", [*description, *table(rows), "", *verdicts(checks)])
    return 0 if all(check.is_met for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
