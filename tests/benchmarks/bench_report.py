"""The report of a collection as large as TreeOfLife in shards and servers: what it costs, and how large the page is.

    python -m tests.benchmarks.bench_report [--servers 545] [--shards 20000] [--rows 1000]

Every shard has its own tables of made-up images, errors and requests, and its logs; the detector has seen one box in
each image. Prints the table, and writes it into docs/benchmarks.md. Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.batches import encoded, photo
from tests.benchmarks.collection import RATE_LIMIT, Collection, make_collection
from tests.benchmarks.measure import Check, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from treeline.io.manifest import ShardId
from treeline.io.names import decode_server_name
from treeline.schemas import DETECTIONS, ERRORS, MANIFEST, REQUESTS, SUCCESSES, URL_COLUMNS

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "report"
MEMORY_MB = 4096
MOST_PAGE_BYTES = 5_000_000
ERROR_SHARE = 0.05
LICENSES = ("CC0", "https://creativecommons.org/licenses/by/4.0/", "CC BY-NC 4.0", "Not provided")
CODES = ((404, "HTTP 404 Not Found"), (-1, "ConnectTimeout: no complete answer within 30 s"), (-2, "the body is empty"))
PHOTO = encoded(photo())
EPOCH = 1_790_000_000
FORMAT = {"treeline.parameters": '{"image_format": "jpeg"}', "treeline.version": "0.1.0"}
COSTS = "2026-11-26 17:56:06,811 INFO treeline.costs: took 1.74 s, 0.50 s of CPU time, at most 125 MiB of memory\n"
SHARD_LOG = r"{}/server_name=(?P<server_name>[^/]+)/partition_id=(?P<partition_id>\d+)\.log$"


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_report")
    parser.add_argument("--servers", type=int, default=545)
    parser.add_argument("--shards", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=1000, help="URLs of a shard")
    given = parser.parse_args()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    collection = make_collection(SCRATCH / "collection", given.servers, given.shards)
    _fill(collection, given.rows)
    config = collection.folder / "config.yaml"
    rows = [
        _run("treeline report measure", given, "measure", "--config", config),
        _run("treeline report page", given, "page", collection.paths.report_tables),
    ]
    page = collection.paths.report_page.stat().st_size
    checks = [
        Check(f"under {MEMORY_MB} MiB", f"{row.cost.peak_mib:,.0f} MiB", row.cost.peak_mib < MEMORY_MB) for row in rows
    ]
    most = f"a page of at most {MOST_PAGE_BYTES / 1e6:.0f} MB"
    checks.append(Check(most, f"{page / 1e6:.2f} MB", page <= MOST_PAGE_BYTES))
    command = f"python -m tests.benchmarks.bench_report --shards {given.shards} --rows {given.rows}"
    write_section("report", [*describe(command), *table(rows), "", *verdicts(checks)])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def _run(name: str, given: argparse.Namespace, *arguments: object) -> Row:
    command = [sys.executable, "-m", "treeline", "report", *map(str, arguments)]
    started = perf_counter()
    cost = measure_commands([command], SCRATCH / "log")
    return Row(name, given.shards * given.rows, cost, f"{perf_counter() - started:,.0f} s")


def _fill(collection: Collection, rows: int) -> None:
    """Make what the stages leave, all done."""
    collection.paths.detections.mkdir(parents=True)
    random = np.random.default_rng(614)
    manifest = pq.read_table(collection.paths.manifest)
    counts = pa.array([rows] * len(manifest), pa.int64())
    manifest = manifest.set_column(MANIFEST.get_field_index("rows"), MANIFEST.field("rows"), counts)
    pq.write_table(manifest, collection.paths.manifest)
    with pq.ParquetWriter(collection.paths.detections_table, DETECTIONS, compression="zstd") as detections:
        for shard in collection.shards:
            detections.write_table(_fill_shard(collection, shard, rows, random))
    noted = [
        {"rule": f"{rule}_shard", "log": SHARD_LOG.format(folder), "benchmark": None}
        | {"memory_mib": 1000, "minutes": 30, "threads": 1}
        for rule, folder in (("download", "current"), ("decode", "decode"), ("detect", "detect"))
    ]
    (collection.paths.logs / "rules.json").write_text(json.dumps(noted))


def _fill_shard(collection: Collection, shard: ShardId, rows: int, random: np.random.Generator) -> pa.Table:
    """Write the tables and logs of a shard; gives its detections."""
    paths, server = collection.paths, decode_server_name(shard.server)
    images = rows - round(rows * ERROR_SHARE)
    uuids, hashes = list(_hexadecimal(images, random)), list(_hexadecimal(images, random))
    urls = [f"https://{server}/{uuid}.jpg" for uuid in uuids]
    sizes = random.integers(200, 4000, (images, 2)).tolist()
    licenses = random.choice(LICENSES, images).tolist()
    text = ["a museum"] * images
    facts = [uuids, uuids, urls, [True] * images, licenses, text, text]
    columns = [*facts, hashes, hashes, sizes, sizes, [PHOTO] * images]
    folder = paths.shard(*shard)
    _write(folder / "successes.parquet", pa.table(columns, schema=SUCCESSES.with_metadata(FORMAT)), row_group_size=256)
    codes = [CODES[number % len(CODES)] for number in range(rows - images)]
    failed = [f"e{number}" for number in range(rows - images)]
    batch = [pa.array(column) for column in (uuids, urls, uuids, licenses, text, text)]
    _write(paths.batch(*shard), pa.table(batch, names=URL_COLUMNS))
    errors = [failed, [f"https://{server}/{name}" for name in failed], [1] * len(failed), *zip(*codes, strict=True)]
    _write(folder / "errors.parquet", pa.table([pa.array(column) for column in errors], schema=ERRORS))
    (folder / "completed").touch()
    start = EPOCH + shard.partition * rows / RATE_LIMIT * 2
    _write(paths.requests(*shard), _requests(server, [*uuids, *failed], start, random))
    for stage in ("current", "decode", "detect"):
        _put(paths.logs / stage / f"server_name={shard.server}/partition_id={shard.partition}.log", COSTS)
    archive = paths.decoded_shard(*shard, archive="tar")
    _put(archive, "")
    _put(paths.undecodable(*shard), "uuid,reason\n")
    _put(paths.detections_shard(*shard), "")
    return _detections(server, shard.partition, uuids, random)


def _hexadecimal(count: int, random: np.random.Generator) -> Iterator[str]:
    """Random texts of 32 digits."""
    digits = random.bytes(16 * count).hex()
    return (digits[32 * number : 32 * number + 32] for number in range(count))


def _requests(server: str, uuids: list[str], start: float, random: np.random.Generator) -> pa.Table:
    """Requests at the server's limit."""
    count = len(uuids)
    times = ((start + np.arange(count) * 1.03 / RATE_LIMIT) * 1e6).astype(np.int64)
    columns = {
        "time": pa.array(times).cast(REQUESTS.field("time").type),
        "server": [server] * count,
        "uuid": uuids,
        "purpose": ["image"] * count,
        "attempt": [1] * count,
        "status": random.choice([200, 404], count, p=[1 - ERROR_SHARE, ERROR_SHARE]),
        "bytes": random.integers(10_000, 500_000, count),
        "latency_ms": random.random(count),
        "seconds": random.random(count),
        "rate_limit": [float(RATE_LIMIT)] * count,
        "etag": [None] * count,
        "last_modified": [None] * count,
    }
    return pa.table({name: pa.array(values) for name, values in columns.items()}).cast(REQUESTS)


def _detections(server: str, partition: int, uuids: list[str], random: np.random.Generator) -> pa.Table:
    """One box an image."""
    count = len(uuids)
    constant = {"server_name": server, "partition_id": partition, "failure": None, "model": "m", "model_sha256": "x"}
    numbers = {name: random.random(count) for name in ("confidence", "x_min", "y_min", "box_width", "box_height")}
    columns = {
        **{name: [value] * count for name, value in constant.items()},
        **numbers,
        "uuid": uuids,
        "file": [f"{uuid}.jpg" for uuid in uuids],
        "category": random.choice(["animal", "person", "vehicle"], count).tolist(),
        "image_width": [640] * count,
        "image_height": [480] * count,
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in DETECTIONS], schema=DETECTIONS)


def _write(target: Path, rows: pa.Table, row_group_size: int | None = None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # it may be a link of an empty one
    pq.write_table(rows, target, compression="zstd", row_group_size=row_group_size)


def _put(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
