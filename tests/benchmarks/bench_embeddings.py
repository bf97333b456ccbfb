"""A million embeddings: find the ten that are most similar to one.

Run it as `python -m tests.benchmarks.bench_embeddings`; with `--quick` it takes 50,000 and only prints. The embeddings
are of 512 numbers, as those of ResNet-18, in files of 10,000, as the stage writes them. The yardstick is NumPy with the
same files, in one array. Each runs on one thread, start included.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from tests.benchmarks.measure import Check, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from treeline.io.parquet import parquet_writer
from treeline.models.embeddings.shard import MODEL_SHA256, ROW_GROUP_ROWS

ROWS, QUICK_ROWS = 1_000_000, 50_000
ROWS_OF_A_FILE = 10_000
DIMENSIONS = 512
MEMORY_MB = 1024
MOST_SECONDS_A_MILLION = 60.0
ASKED = "image-0000000"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

BY_NUMPY = f"""
import json, sys
from pathlib import Path
import numpy as np
import pyarrow.parquet as pq
folder, target = sys.argv[1:]
uuids, parts = [], []
for file in sorted(Path(folder).glob("*.parquet")):
    rows = pq.read_table(file, columns=["uuid", "embedding"], use_threads=False)
    uuids += rows["uuid"].to_pylist()
    parts += [chunk.flatten().to_numpy().reshape(-1, {DIMENSIONS}) for chunk in rows["embedding"].chunks]
vectors = np.concatenate(parts).astype(np.float32)
cosines = vectors @ vectors[uuids.index("{ASKED}")] / np.linalg.norm(vectors, axis=1)
best = [uuids[place] for place in np.argsort(-cosines)[:11] if uuids[place] != "{ASKED}"]
Path(target).write_text(json.dumps([{{"uuid": uuid}} for uuid in best]))
"""


def write_collection(folder: Path, rows: int, seed: int = 0) -> None:
    """Write embeddings as those of a network after its last activation: half of the numbers are 0."""
    random = np.random.default_rng(seed)
    schema = pa.schema([("uuid", pa.string()), ("embedding", pa.list_(pa.float16(), DIMENSIONS))])
    for first in range(0, rows, ROWS_OF_A_FILE):
        with parquet_writer(folder / f"partition_id={first:07}.parquet", schema, {MODEL_SHA256: "0" * 64}) as writer:
            for start in range(first, min(first + ROWS_OF_A_FILE, rows), ROW_GROUP_ROWS):
                stop = min(start + ROW_GROUP_ROWS, first + ROWS_OF_A_FILE, rows)
                numbers = random.standard_normal((stop - start) * DIMENSIONS, np.float32).clip(0).astype(np.float16)
                embeddings = pa.FixedSizeListArray.from_arrays(pa.array(numbers), DIMENSIONS)
                uuids = pa.array([f"image-{number:07}" for number in range(start, stop)])
                writer.write_table(pa.table([uuids, embeddings], schema=schema))


def measure(rows: int) -> tuple[list[Row], list[Check]]:
    """Measure the command and its yardstick on one collection."""
    with TemporaryDirectory(prefix="bench-embeddings-") as name:
        folder = Path(name)
        collection, log = folder / "embeddings", folder / "log"
        write_collection(collection, rows)
        mib = sum(file.stat().st_size for file in collection.iterdir()) / 2**20
        similar = ["-m", "treeline", "models", "similar", str(collection), "--id", ASKED]
        commands = {
            "models similar": [*similar, "--memory-mb", str(MEMORY_MB), "--output", str(folder / "similar.json")],
            "NumPy": ["-c", BY_NUMPY, str(collection), str(folder / "numpy.json")],
        }
        measured, found = [], []
        for run, arguments in commands.items():
            started = time.perf_counter()
            cost = measure_commands([[sys.executable, *arguments]], log, ONE_THREAD)
            seconds = time.perf_counter() - started
            measured.append((Row(run, rows, cost, f"{seconds:.1f} s, {mib:,.0f} MiB of files"), seconds))
        for file in ("similar.json", "numpy.json"):
            found.append([row["uuid"] for row in json.loads((folder / file).read_text(encoding="utf-8"))])
    (ours, seconds), _ = measured
    most = MOST_SECONDS_A_MILLION * rows / ROWS + 10
    checks = [
        Check(f"{rows:,} x {DIMENSIONS}: under {most:.0f} s", f"{seconds:.1f} s", seconds < most),
        Check(f"within {MEMORY_MB} MiB", f"{ours.cost.peak_mib:,.0f} MiB", ours.cost.peak_mib < MEMORY_MB),
        Check("the same ten as NumPy", "the same" if found[0] == found[1] else "others", found[0] == found[1]),
    ]
    return [row for row, _ in measured], checks


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_embeddings")
    parser.add_argument("--quick", action="store_true", help=f"take {QUICK_ROWS:,} embeddings, and only print")
    is_quick = parser.parse_args().quick
    rows, checks = measure(QUICK_ROWS if is_quick else ROWS)
    lines = [*describe("python -m tests.benchmarks.bench_embeddings"), *table(rows), "", *verdicts(checks)]
    if is_quick:
        print(*lines, sep="\n")
    else:
        write_section("embeddings", lines)
    return 0 if all(check.is_met for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
