"""The catalogue: how long each named query takes, how large the database is, and how fast it is filled.

Run it as `python -m tests.benchmarks.bench_catalog [--images 10000000] [--ingested 1000000]`. One database is filled by
SQL (`catalog.sql`); each query is asked of all of it by the command, start included, which prints the first rows and
counts them; then the page to look around is asked (`bench_browse`). Others are filled from MegaDB JSON and from
Camtrap DP by `treeline catalog ingest`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from tests.benchmarks.bench_browse import browse
from tests.benchmarks.camtrap import write_large_package, zip_package
from tests.benchmarks.measure import MEBIBYTE, Check, Cost, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from treeline.catalog.database import open_to_write
from treeline.catalog.queries import all_queries

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "catalog"
CATALOG = SCRATCH / "catalog.duckdb"
FILL = Path(__file__).with_name("catalog.sql")
MEMORY_MB, THREADS = 2048, 2
MOST_SECONDS = 2.0
DEPLOYMENTS = 2000
IMAGES_OF_A_SEQUENCE, SEQUENCES_OF_A_LOCATION = 4, 200
PARAMETERS: dict[str, list[str]] = {
    "images": ["--class", "species_5", "--split", "val"],
    "public_images": ["--class", "species_5", "--longer-than", "2"],
    "images_with_boxes": ["--dataset", "dataset_3"],
    "annotated_images": ["--dataset", "dataset_3"],
}
"""Of the queries that need some, and of those that are asked for a data set; the others are asked of all."""

WHOLE = ("annotated_images", "annotated_sequences", "classification_rows")
"""Queries that are also written to a file, whole: these may take longer."""


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_catalog")
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--ingested", type=int, default=1_000_000, help="images of the MegaDB JSON, and of Camtrap DP")
    given = parser.parse_args()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    _fill(given.images)
    size = f"{CATALOG.stat().st_size / MEBIBYTE:,.0f} MiB"
    rows, checks = _ask(given.images)
    rows += [_export(name, given.images) for name in WHOLE]
    rows += browse(CATALOG, given.images, MEMORY_MB, THREADS)
    rows += [_ingest(given.ingested), *_ingest_camtrap_dp(given.ingested)]
    most = max(row.cost.peak_mib for row in rows)
    checks.append(Check(f"under {MEMORY_MB} MiB", f"{most:,.0f} MiB", most < MEMORY_MB))
    command = f"python -m tests.benchmarks.bench_catalog --images {given.images} --ingested {given.ingested}"
    counted = f"{given.images:,} images in {given.images * 3 // 10:,} sequences, 12 boxes for 10 images: {size}."
    write_section("catalog", [*describe(command), counted, "", *table(rows), "", *verdicts(checks)])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def _fill(images: int) -> None:
    with open_to_write(CATALOG, memory_mb=MEMORY_MB, threads=THREADS) as connection:
        connection.execute(f"SET VARIABLE images = {images:d}; SET VARIABLE sequences = {images * 3 // 10:d}")
        connection.execute(FILL.read_text(encoding="utf-8"))


def _ask(images: int) -> tuple[list[Row], list[Check]]:
    rows, checks = [], []
    for query in all_queries():
        arguments = [query.name, *PARAMETERS.get(query.name, [])]
        cost, seconds = _run(["query", *arguments, "--catalog", str(CATALOG)])
        answer = (SCRATCH / "log").read_text(encoding="utf-8").splitlines()[-1]
        found = answer.partition(";")[0]
        asked = " ".join(arguments)
        rows.append(Row(f"query {asked}", images, cost, f"{seconds:.2f} s; {found}"))
        checks.append(Check(f"{asked}: under {MOST_SECONDS:g} s", f"{seconds:.2f} s", seconds < MOST_SECONDS))
    return rows, checks


def _export(name: str, images: int) -> Row:
    target = SCRATCH / f"{name}.parquet"
    cost, seconds = _run(["query", name, "--catalog", str(CATALOG), "--out", str(target)])
    size = target.stat().st_size / MEBIBYTE
    return Row(f"query {name}, all to Parquet", images, cost, f"{seconds:.1f} s; {size:,.0f} MiB")


def _ingest(images: int) -> Row:
    source = SCRATCH / "sequences.json"
    _write_sequences(source, images)
    size = source.stat().st_size / MEBIBYTE
    catalog = SCRATCH / "ingested.duckdb"
    options = ["--format", "megadb", "--memory-mb", str(MEMORY_MB), "--threads", str(THREADS)]
    cost, seconds = _run(["catalog", "ingest", str(catalog), str(source), *options])
    remark = f"{seconds:.1f} s; {size:,.0f} MiB of JSON, {catalog.stat().st_size / MEBIBYTE:,.0f} MiB after"
    return Row("catalog ingest, MegaDB JSON", images, cost, remark)


def _ingest_camtrap_dp(images: int) -> list[Row]:
    """A package as a folder, and the same zipped."""
    folder = write_large_package(SCRATCH / "package", images, DEPLOYMENTS)
    archive = zip_package(folder)
    rows = []
    for source in (folder, archive):
        catalog = SCRATCH / "camtrap.duckdb"
        catalog.unlink(missing_ok=True)
        options = ["--format", "camtrap-dp", "--memory-mb", str(MEMORY_MB), "--threads", str(THREADS)]
        cost, seconds = _run(["catalog", "ingest", str(catalog), str(source), *options])
        remark = f"{seconds:.1f} s; {catalog.stat().st_size / MEBIBYTE:,.0f} MiB after"
        rows.append(Row(f"catalog ingest, Camtrap DP{' zipped' * (source == archive)}", images, cost, remark))
    return rows


def _run(arguments: Sequence[str]) -> tuple[Cost, float]:
    started = perf_counter()
    cost = measure_commands([[sys.executable, "-m", "treeline", *arguments]], SCRATCH / "log")
    return cost, perf_counter() - started


def _write_sequences(target: Path, images: int) -> None:
    """Write a list of sequences; two images of five have boxes, one is confirmed empty, two were not looked at."""
    random = np.random.default_rng(0)
    with target.open("w", encoding="utf-8") as file:
        for number in range(images // IMAGES_OF_A_SEQUENCE):
            file.write(",\n" if number else "[\n")
            boxes = random.uniform(0.01, 0.5, (IMAGES_OF_A_SEQUENCE, 4)).round(4).tolist()
            looked_at = random.integers(5, size=IMAGES_OF_A_SEQUENCE).tolist()
            json.dump(_sequence(number, boxes, looked_at), file)
        file.write("\n]\n")


def _sequence(number: int, boxes: list[list[float]], looked_at: list[int]) -> dict[str, object]:
    images = []
    for frame, (box, look) in enumerate(zip(boxes, looked_at, strict=True)):
        image: dict[str, object] = {
            "file": f"{number}/{frame}.jpg",
            "frame_num": frame,
            "datetime": f"2020-01-{number % 28 + 1:02d} {number % 24:02d}:{number % 60:02d}:{frame:02d}",
        }
        if look < 3:
            image["bbox"] = [{"category": "animal", "bbox": box}] * (3 if look < 2 else 0)
        images.append(image)
    return {
        "dataset": "generated",
        "seq_id": f"sequence_{number}",
        "location": f"location_{number // SEQUENCES_OF_A_LOCATION}",
        "class": [f"species {number % 300}"],
        "rights_holder": "Somebody",
        "images": images,
    }


if __name__ == "__main__":
    sys.exit(main())
