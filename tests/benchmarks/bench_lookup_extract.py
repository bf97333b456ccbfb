"""Throughput of lookup and extract, against a plain copy of the same bytes with pyarrow in the same run.

Run it as `python -m tests.benchmarks.bench_lookup_extract`. Images are random bytes of 50 kB, which compress as little
as JPEGs do. The copy and one extraction read and write every image; the other extraction asks for one image in ten.
"""

from __future__ import annotations

import resource
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.tiny_shards import TAXONOMY, paths_below, write_manifest
from treeline.extract.batch import Limits, extract_batch
from treeline.io.parquet import open_shard, parquet_writer
from treeline.lookup.scan import scan_shards
from treeline.lookup.tables import create_lookup_tables
from treeline.paths import Paths
from treeline.schemas import SUCCESSES

SHARDS, ROWS, IMAGE_BYTES = 8, 1024, 50_000
LOOKUP_SHARDS, LOOKUP_ROWS = 40, 10_000
Row = dict[str, str | float]


def make_shards(paths: Paths, shards: int, rows: int, image_bytes: int) -> None:
    """Write shards with row groups of 256 rows, and their manifest."""
    random = np.random.default_rng(0)
    text, sizes = ["-"] * rows, [[480, 720]] * rows
    for partition in range(shards):
        uuids = [str(uuid.UUID(bytes=random.bytes(16))) for _ in range(rows)]
        ids = [str(number % 5000) for number in range(rows)]
        images = [random.bytes(image_bytes) for _ in range(rows)]
        columns = [uuids, ids, text, [True] * rows, text, text, text, text, text, sizes, sizes, images]
        table = pa.table(columns, schema=SUCCESSES)
        with parquet_writer(paths.shard("a.org", partition) / "successes.parquet", SUCCESSES) as writer:
            writer.write_table(table, row_group_size=256)
    write_manifest(paths, [("a.org", partition, rows) for partition in range(shards)])


def copy(paths: Paths, target: Path) -> None:
    """Read and write every row, as plainly as pyarrow can."""
    for partition in range(SHARDS):
        source = paths.shard("a.org", partition) / "successes.parquet"
        with open_shard(source, []) as file, parquet_writer(target / f"{partition}.parquet", SUCCESSES) as writer:
            for batch in file.iter_batches(256, use_threads=False):
                writer.write_batch(batch)


def extract(paths: Paths, lookup: Path) -> None:
    """Extract what a lookup table asks for."""
    out = paths.root / "out"
    reports = (paths.root / "report.csv", paths.root / "missing.csv")
    extract_batch(lookup, paths.root, out, *reports, limits=Limits(1024, 1024**3), memory_mb=512)


def look_up(paths: Paths) -> None:
    """Scan the shards and make one group of half of their images, joined with 5,000 occurrences."""
    scan_shards(
        paths.manifest, paths.ignored, paths.images, paths.lookup_images, root=paths.root, memory_mb=1024, threads=1
    )
    metadata, group = paths.root / "occurrence.csv", paths.root / "half.yaml"
    metadata.write_text("id,kingdom\n" + "".join(f"{number},{'AB'[number % 2]}\n" for number in range(5000)))
    group.write_text("description: half\nwhere: kingdom = 'A'\n")
    create_lookup_tables(
        paths, [group], taxonomy=TAXONOMY, metadata=metadata, detections=None, max_files=100, memory_mb=1024, threads=1
    )


def timed(name: str, images: int, work: Callable[[], None]) -> Row:
    """Measure a piece of work.

    Returns:
        Its name, images, wall-clock and CPU seconds, and the process's peak memory up to its end, in MiB.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    seconds = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = images / seconds["cpu_seconds"]
    return {"work": name, "images": images, **seconds, "images_per_cpu_second": rate, "peak_mib": peak}


def measure() -> list[Row]:
    """Measure lookup on many small images, and extraction and copy on the same large ones; print a table."""
    with tempfile.TemporaryDirectory() as folder:
        many, large = paths_below(Path(folder) / "many"), paths_below(Path(folder) / "large")
        make_shards(many, LOOKUP_SHARDS, LOOKUP_ROWS, 1)
        rows = [timed("lookup: scan, join, batches", LOOKUP_SHARDS * LOOKUP_ROWS, lambda: look_up(many))]

        make_shards(large, SHARDS, ROWS, IMAGE_BYTES)
        look_up(large)
        images = pq.ParquetFile(large.lookup_images).read(["uuid", "path"])
        everything, tenth = large.root / "everything.parquet", large.root / "tenth.parquet"
        pq.write_table(images, everything)
        pq.write_table(images.take(np.arange(0, images.num_rows, 10)), tenth)
        total = SHARDS * ROWS
        rows.append(timed("plain copy of every image", total, lambda: copy(large, Path(folder) / "copy")))
        rows.append(timed("extract: every image", total, lambda: extract(large, everything)))
        rows.append(timed("extract: every tenth image", len(range(0, total, 10)), lambda: extract(large, tenth)))
    print("| work | images | s | CPU s | images / CPU s | peak MiB so far |\n|---|---|---|---|---|---|")
    for row in rows:
        numbers = (row["seconds"], row["cpu_seconds"], row["images_per_cpu_second"], row["peak_mib"])
        print(f"| {row['work']} | {row['images']} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |")
    return rows


if __name__ == "__main__":
    measure()
