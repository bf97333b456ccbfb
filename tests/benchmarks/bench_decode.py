"""The decode stage against reading and writing the same bytes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.benchmarks.bench_download import AS_SERVED, REDUCED, Bench, check_memory
from tests.benchmarks.corpus import make_urls
from tests.benchmarks.downloaders import Treeline, successes_of
from tests.benchmarks.measure import Check, Row, measure_commands
from tests.benchmarks.server import serve

# Read as plainly as pyarrow reads, write as plainly as Python writes, and as safely: forced to disk.
COPY = """
import os, sys
import pyarrow.parquet as pq

with open(sys.argv[2], "wb") as target:
    shard = pq.ParquetFile(sys.argv[1], buffer_size=1024**2, pre_buffer=False)
    for batch in shard.iter_batches(32, columns=["image"], use_threads=False):
        for image in batch["image"]:
            target.write(image.as_buffer())
    os.fsync(target.fileno())
"""


def measure(bench: Bench, count: int) -> tuple[list[Row], list[Check]]:
    """Download shards, then decode each and copy its images' bytes; only the latter two are measured."""
    rows, checks = [], []
    for task in (REDUCED, AS_SERVED):
        shutil.rmtree(bench.folder, ignore_errors=True)
        bench.folder.mkdir(parents=True)
        with serve(bench.corpus) as server:
            command = Treeline().prepare(bench.folder, make_urls(server, count), resize=task.resize)
            measure_commands([command], bench.folder / "download.log")
        copied, decoded = _measure_shard(successes_of(bench.folder), bench.folder, task.name, count)
        rows += [copied, decoded]
        checks.append(check_memory(decoded))
    return rows, checks


def _measure_shard(successes: Path, folder: Path, task: str, images: int) -> tuple[Row, Row]:
    target, log = folder / "copy", folder / "decode.log"
    copying = measure_commands([[sys.executable, "-c", COPY, str(successes), str(target)]], log)
    arguments = [
        "--successes",
        successes,
        "--archive",
        folder / "decoded.tar",
        "--undecodable",
        folder / "rejected.csv",
    ]
    command = [sys.executable, "-m", "treeline", "decode", "shard", *map(str, arguments)]
    decoding = measure_commands([command], log)
    size = f"{target.stat().st_size / 1e6:.0f} MB"
    ratio = decoding.cpu_seconds / copying.cpu_seconds
    return (
        Row(f"read and write the images' bytes, {task}", images, copying, size),
        Row(f"treeline decode, {task}", images, decoding, f"{size}, {ratio:.1f} x the CPU of read and write"),
    )
