"""All that is measured, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.benchmarks.scale.costs import Row, keep
from tests.benchmarks.scale.measure_calls import measure_calls
from tests.benchmarks.scale.measure_files import measure_files
from tests.benchmarks.scale.measure_published import copy_published
from tests.benchmarks.scale.measure_rows import measure_images, measure_memory
from tests.benchmarks.scale.measure_snakemake import measure_hand_over, measure_job_start, measure_plans
from tests.benchmarks.scale.measure_tables import measure_folder, measure_tables
from tests.benchmarks.scale.measure_urls import measure_partition


class Piece(NamedTuple):
    """Something that is measured.

    Args:
        measure: Measures it in an empty folder, at a size.
        size: What the size is called, in the rows.
        sizes: That take a few minutes together.
        how: How it is measured.
    """

    measure: Callable[[Path, int], list[Row]]
    size: str
    sizes: Sequence[int]
    how: str


PIECES = {
    "calls": Piece(
        measure_calls,
        "images",
        (1000,),
        "strace of what a job starts, on a shard of so many photos: names that are looked for, opened, or changed "
        "(made, renamed, removed), of results and of programs with their libraries",
    ),
    "files": Piece(
        measure_files,
        "batch_size",
        (40,),
        "two runs of urls, download, decode and detect on the demo, with a batch a server, and with batches of this "
        "size: what each further shard adds",
    ),
    "folder": Piece(
        measure_folder,
        "files",
        (10_000, 100_000),
        "so many empty files in one folder of ext4: making each, listing each, looking at each of 10,000 of them",
    ),
    "hand-over": Piece(
        measure_hand_over,
        "shards",
        (1000, 5000),
        "Snakemake with profiles/slurm, and programs of Slurm's names that say of each job that it is done, while all "
        "decode jobs are ready: CPU time of Snakemake itself for 300 of them",
    ),
    "images": Piece(
        measure_images,
        "images",
        (2000,),
        "a shard of photos of three sizes (benchmarks.md) with the default settings, and its archive: bytes and CPU "
        "time of an image; of the tables, without the images themselves",
    ),
    "job-start": Piece(
        measure_job_start,
        "shards",
        (1000, 5000),
        "what the Snakemake of a cluster job does before the command, for the first and the last shard of the longest "
        "lane",
    ),
    "memory": Piece(
        measure_memory,
        "images",
        (2000, 10_000),
        "the download of a shard of so many small photos as they are served, and its archive: peak of all processes",
    ),
    "partition": Piece(
        measure_partition,
        "rows",
        (500_000, 2_000_000),
        "treeline urls partition, on 545 servers, in a quarter of the memory that its rule has",
    ),
    "plans": Piece(
        measure_plans,
        "shards",
        (1000, 5000),
        "snakemake --dry-run of urls to detect with the real Snakefile, on files that hold nothing",
    ),
    "published": Piece(
        copy_published,
        "version",
        (1,),
        "not measured here, but copied from benchmarks.md, which says how",
    ),
    "tables": Piece(
        measure_tables,
        "shards",
        (1000, 5000),
        "commands that look at all shards, on the same files",
    ),
}


def measure(names: Sequence[str], sizes: Sequence[int] = ()) -> None:
    """Measure pieces, print each row, and keep it in docs/scale/costs.json beside those of other sizes.

    Args:
        names: Of the pieces.
        sizes: At which they are measured; none for each piece's own.
    """
    for name in names:
        piece = PIECES[name]
        for size in sizes or piece.sizes:
            with TemporaryDirectory(prefix=f"treeline-{name}-") as folder:
                rows = [{piece.size: size, **row} for row in piece.measure(Path(folder), size)]
            for row in rows:
                print(name, *(f"{key}={value}" for key, value in row.items()), flush=True)
            keep(name, rows, piece.size, f"python -m tests.benchmarks.scale measure {name}")
