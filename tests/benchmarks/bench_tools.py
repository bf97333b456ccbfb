"""Duplicates in 20 million images, and images that look alike among a million.

Run it as `python -m tests.benchmarks.bench_tools`. The commands are those of the rules, on shards of 10,000 rows
without images; a hundredth of the hashes repeats, or comes near to, another one.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.measure import Check, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from tests.tiny_shards import paths_below, write_manifest
from treeline.paths import Paths

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "tools"
ROWS_OF_SHARD = 10_000
DUPLICATES_AMONG, LOOK_ALIKES_AMONG = 20_000_000, 1_000_000
ONE_IN = 100
FLIPPED_BITS = 12
MOST_SECONDS_FOR_DUPLICATES, MOST_SECONDS_FOR_LOOK_ALIKES = 60.0, 300.0
MEMORY_MB = 4096


def main() -> int:
    """Measure both, and write the section; gives the exit code."""
    rows, checks = [], []
    for name, count, most_seconds, command in (
        ("duplicates", DUPLICATES_AMONG, MOST_SECONDS_FOR_DUPLICATES, _duplicates),
        ("near-duplicates", LOOK_ALIKES_AMONG, MOST_SECONDS_FOR_LOOK_ALIKES, _look_alikes),
    ):
        shutil.rmtree(SCRATCH, ignore_errors=True)
        paths = paths_below(SCRATCH)
        arguments, expected = command(paths, count)
        started = perf_counter()
        cost = measure_commands([[sys.executable, "-m", "treeline", "tools", name, *arguments]], SCRATCH / "log")
        seconds = perf_counter() - started
        found = pq.read_metadata(SCRATCH / "found.parquet").num_rows
        rows.append(Row(f"{name}, {count // ROWS_OF_SHARD} shards", count, cost, f"{seconds:.1f} s; {found:,} found"))
        aims = ((f"under {most_seconds:g} s", seconds < most_seconds, f"{seconds:.1f} s"),)
        aims += ((f"under {MEMORY_MB} MiB", cost.peak_mib < MEMORY_MB, f"{cost.peak_mib:,.0f} MiB"),)
        aims += ((f"all {expected:,} are found", found == expected, f"{found:,}"),)
        checks += [Check(f"{name} of {count:,}: {aim}", measured, is_met) for aim, is_met, measured in aims]
    write_section("tools", [*describe("python -m tests.benchmarks.bench_tools"), *table(rows), "", *verdicts(checks)])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def _duplicates(paths: Paths, count: int) -> tuple[list[str], int]:
    random = np.random.default_rng(0)
    repeated, previous = 0, [""]
    for partition in range(count // ROWS_OF_SHARD):
        hashes = random.bytes(16 * ROWS_OF_SHARD)
        texts = [hashes[start : start + 16].hex() for start in range(0, len(hashes), 16)]
        if partition:
            texts[::ONE_IN] = previous[::ONE_IN]
            repeated += len(texts[::ONE_IN])
        previous = texts
        _write(paths.shard("a.org", partition) / "successes.parquet", partition, hashsum_original=texts)
    return [*_common(paths, count), "--images", str(paths.images)], repeated


def _look_alikes(paths: Paths, count: int) -> tuple[list[str], int]:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (count, 32), np.uint8)
    later = np.arange(ONE_IN, count, ONE_IN)
    hashes[later] = hashes[later - 1]
    for bit in range(FLIPPED_BITS):
        hashes[later, 2 * bit] ^= np.uint8(1 << (bit % 8))
    for partition in range(count // ROWS_OF_SHARD):
        rows = hashes[partition * ROWS_OF_SHARD : (partition + 1) * ROWS_OF_SHARD]
        texts = [row.tobytes().hex() for row in rows]
        target = paths.findings("near_duplicates", "a.org", partition)
        _write(target, partition, hash_pdq=texts, quality=[100] * ROWS_OF_SHARD)
    findings = paths.tool("near_duplicates") / "findings"
    return [*_common(paths, count), "--findings", str(findings)], len(later)


def _common(paths: Paths, count: int) -> Iterator[str]:
    write_manifest(paths, [("a.org", partition, ROWS_OF_SHARD) for partition in range(count // ROWS_OF_SHARD)])
    options = {"manifest": paths.manifest, "ignored": paths.ignored, "verdicts": paths.root / "verdicts"}
    options |= {"output": SCRATCH / "found.parquet", "memory-mb": MEMORY_MB, "threads": 2}
    for name, value in options.items():
        yield from (f"--{name}", str(value))


def _write(target: Path, partition: int, **columns: list[str] | list[int]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    uuids = [f"{partition:08d}-{row:027d}" for row in range(ROWS_OF_SHARD)]
    pq.write_table(pa.table({"uuid": uuids, **columns}), target, compression="zstd")


if __name__ == "__main__":
    sys.exit(main())
