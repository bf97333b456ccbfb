"""A JSON file of 5 GB into the catalogue: its memory, which is not to hang on the file's size.

Run it as `python -m tests.benchmarks.bench_catalog_json [--images 16000000]`: 16 million images are 5.1 GB of COCO
Camera Traps.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import TextIO

from tests.benchmarks.measure import MEBIBYTE, Check, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "catalog-json"
MEMORY_MB, THREADS = 2048, 2
CATEGORIES, FRAMES, LOCATIONS = 300, 4, 5000
AT_ONCE = 100_000


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_catalog_json")
    parser.add_argument("--images", type=int, default=16_000_000)
    images = parser.parse_args().images
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    source, catalog = SCRATCH / "cct.json", SCRATCH / "catalog.duckdb"
    with source.open("w", encoding="utf-8", buffering=1 << 22) as file:
        _write(file, images)
    options = ["--dataset", "generated", "--memory-mb", str(MEMORY_MB), "--threads", str(THREADS)]
    ingest = ["catalog", "ingest", str(catalog), str(source), "--format", "coco-camera-traps", *options]
    started = perf_counter()
    cost = measure_commands([[sys.executable, "-m", "treeline", *ingest]], SCRATCH / "log")
    minutes = (perf_counter() - started) / 60
    sizes = f"{source.stat().st_size / 1e9:.2f} GB of JSON, {catalog.stat().st_size / MEBIBYTE:,.0f} MiB after"
    row = Row("catalog ingest, COCO Camera Traps", images, cost, f"{minutes:.1f} min; {sizes}")
    check = Check(f"under {MEMORY_MB} MiB", f"{cost.peak_mib:,.0f} MiB", cost.peak_mib < MEMORY_MB)
    command = f"python -m tests.benchmarks.bench_catalog_json --images {images}"
    write_section("catalog json", [*describe(command), *table([row]), "", *verdicts([check])])
    shutil.rmtree(SCRATCH)
    return 0 if check.is_met else 1


def _write(file: TextIO, images: int) -> None:
    names = ("empty", *(f"species_{number}" for number in range(1, CATEGORIES)))
    categories = ",".join(f'{{"id":{number},"name":"{name}"}}' for number, name in enumerate(names))
    file.write(f'{{"info":{{"version":"1.0","description":"generated"}},"categories":[{categories}],\n"images":[')
    file.writelines(_joined(images, _image))
    file.write('],\n"annotations":[')
    file.writelines(_joined(images, _annotation))
    file.write("]}")


def _joined(images: int, write: Callable[[int], str]) -> Iterator[str]:
    for first in range(0, images, AT_ONCE):
        yield ",\n" * bool(first) + ",\n".join(map(write, range(first, min(first + AT_ONCE, images))))


def _image(number: int) -> str:
    sequence = number // FRAMES
    location, second = f"site_{sequence % LOCATIONS:04d}", sequence % 60
    day = f"2025-{sequence // 2419200 % 12 + 1:02d}-{sequence // 86400 % 28 + 1:02d}"
    time = f"{day} {sequence // 3600 % 24:02d}:{sequence // 60 % 60:02d}:{second:02d}"
    return (
        f'{{"id":"image_{number:09d}","file_name":"{location}/2025/{number:09d}.jpg","width":2048,"height":1536,'
        f'"location":"{location}","seq_id":"seq_{sequence:08d}","seq_num_frames":{FRAMES},'
        f'"frame_num":{number % FRAMES},"datetime":"{time}","rights_holder":"Generated"}}'
    )


def _annotation(number: int) -> str:
    """Two images of five have a box, if they are not empty."""
    category = number // FRAMES % CATEGORIES
    annotation = f'{{"id":"a_{number:09d}","image_id":"image_{number:09d}","category_id":{category}'
    if number % 5 >= 2 or not category:
        return annotation + "}"
    return annotation + f',"bbox":[{number % 900}.5,{number % 700}.25,{200 + number % 100},{150 + number % 90}]}}'


if __name__ == "__main__":
    sys.exit(main())
