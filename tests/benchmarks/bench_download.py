"""The download stage against img2dataset, on the same URLs: CPU time, memory, and the quality of what is stored."""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from tests.benchmarks import peers
from tests.benchmarks.corpus import SIZE_CLASSES, class_of, file_of, make_urls
from tests.benchmarks.measure import Check, Cost, Row, measure_commands
from treeline.schemas import URL_COLUMNS

IMAGE_SIZE = 256
JPEG_QUALITY = 95
IMAGES_PER_CLASS_TO_JUDGE = 20
ROWS_OF_A_LARGE_BATCH = 10_000
RUNS = 2
LEAST_SPEEDUP = 2.0
MOST_PEAK_MB = 600

Format = Literal["jpeg", "original"]
TASKS: dict[Format, str] = {"jpeg": f"longest side {IMAGE_SIZE}, JPEG {JPEG_QUALITY}", "original": "as served"}
Quality = dict[str, float]
"""Mean PSNR in dB by size class."""


class FailureError(Exception):
    """A run stored fewer images than there are URLs: nothing can be compared."""


@dataclass(frozen=True)
class Bench:
    """What the runs share.

    Args:
        folder: For what they write.
        corpus: Folder of the served images.
        server: The server's base URL.
        img2dataset: Its program; None where there is none.
    """

    folder: Path
    corpus: Path
    server: str
    img2dataset: Path | None


def measure(bench: Bench, count: int) -> tuple[list[Row], list[Check]]:
    """Run both on `count` URLs, for each task with one process and with two.

    Returns:
        The rows of the table, and the aims.

    Raises:
        FailureError: A run did not store every image.
        CommandError: A run failed.
    """
    urls = make_urls(bench.server, count)
    rows, checks = [], []
    for image_format, task in TASKS.items():
        judged = _urls_to_judge(urls) if image_format == "jpeg" else set()
        for processes in (1, 2):
            label = f"{task}, {processes} process" + "es" * (processes > 1)
            cost, quality, remark = _measure_one(bench, _run_treeline, urls, processes, image_format, judged)
            rows.append(Row(f"treeline download, {label}", count, cost, remark))
            if processes == 1:
                checks.append(check_memory(rows[-1]))
            if bench.img2dataset is not None:
                cost, peer_quality, remark = _measure_one(
                    bench, _run_img2dataset, urls, processes, image_format, judged
                )
                rows.append(Row(f"img2dataset, {label}", count, cost, remark))
                if image_format == "jpeg":
                    checks += [_check_speed(*rows[-2:]), _check_quality(label, quality, peer_quality)]
    return rows, checks


def measure_large_batch(bench: Bench) -> tuple[list[Row], list[Check]]:
    """Download one batch of 10,000 images, 150 KB each on average, as they are: a shard of the default size."""
    urls = make_urls(bench.server, ROWS_OF_A_LARGE_BATCH, SIZE_CLASSES[:2])
    cost, _, remark = _measure_one(bench, _run_treeline, urls, 1, "original", set())
    row = Row(f"treeline download, as served, one batch of {len(urls):,}", len(urls), cost, remark)
    return [row], [check_memory(row)]


def treeline_shard(bench: Bench, urls: Sequence[str], image_format: Format, name: str) -> tuple[Path, list[str]]:
    """Write a batch of URLs.

    Returns:
        The folder of its shard to be, and the command that downloads it.
    """
    folder = bench.folder / name
    batch = folder / "urls.parquet"
    folder.mkdir(parents=True)
    _write_batch(batch, urls)
    parameters = {
        "image_size": IMAGE_SIZE,
        "image_format": image_format,
        "jpeg_quality": JPEG_QUALITY,
        "default_rate_limit": 1e6,
        "max_concurrency": peers.CONCURRENCY,
        "allow_private_addresses": True,
    }
    command = [sys.executable, "-m", "treeline", "download", "shard", "--batch", str(batch)]
    command += ["--output", str(folder / "shard"), "--spool", str(folder / "spool")]
    return folder / "shard", [*command, "--parameters", json.dumps(parameters)]


Run = Callable[[Bench, Sequence[str], int, Format, Set[str]], tuple[Cost, int, dict[str, bytes]]]
"""Gives the cost, the number of images, and the images of the wanted URLs."""


def _run_treeline(
    bench: Bench, urls: Sequence[str], processes: int, image_format: Format, wanted: Set[str]
) -> tuple[Cost, int, dict[str, bytes]]:
    shards, commands = zip(
        *(treeline_shard(bench, urls[part::processes], image_format, f"part-{part}") for part in range(processes)),
        strict=True,
    )
    cost = measure_commands(commands, bench.folder / "treeline.log")
    files = [shard / "successes.parquet" for shard in shards]
    stored = sum(pq.read_metadata(file).num_rows for file in files)
    return cost, stored, _read_images(files, "identifier", "image", wanted)


def _run_img2dataset(
    bench: Bench, urls: Sequence[str], processes: int, image_format: Format, wanted: Set[str]
) -> tuple[Cost, int, dict[str, bytes]]:
    assert bench.img2dataset is not None
    table, output = bench.folder / "urls.parquet", bench.folder / "img2dataset"
    _write_batch(table, urls)
    command = peers.img2dataset_command(
        bench.img2dataset,
        table,
        output,
        processes=processes,
        rows_per_shard=-(-len(urls) // processes),
        resize=image_format == "jpeg",
    )
    cost = measure_commands([command], bench.folder / "img2dataset.log", peers.ENVIRONMENT)
    files = list(output.glob("*.parquet"))
    stored = sum(
        pc.sum(pc.equal(pq.read_table(file, columns=["status"])["status"], "success")).as_py() for file in files
    )
    return cost, stored, _read_images(files, "url", "jpg", wanted)


def _measure_one(
    bench: Bench, run: Run, urls: Sequence[str], processes: int, image_format: Format, judged: Set[str]
) -> tuple[Cost, Quality, str]:
    """Run one of them in an empty folder, twice: what else the machine does can only add to the lesser CPU time.

    Returns:
        Its cost, the quality of what it stored, and that in words.
    """
    costs = []
    for _ in range(RUNS):
        shutil.rmtree(bench.folder, ignore_errors=True)
        bench.folder.mkdir(parents=True)
        cost, stored, images = run(bench, urls, processes, image_format, judged)
        if stored != len(urls):
            raise FailureError(
                f"{run.__name__}: {stored} of {len(urls)} images are there; see the log in {bench.folder}"
            )
        costs.append(cost)
    cost = Cost(min(cost.cpu_seconds for cost in costs), max(cost.peak_mib for cost in costs))
    if image_format == "original":
        return cost, {}, ""
    quality = _quality(images, bench.corpus)
    kilobytes = sum(map(len, images.values())) / len(images) / 1000
    decibels = " / ".join(f"{quality[size_class.name]:.1f}" for size_class in SIZE_CLASSES)
    return cost, quality, f"PSNR {decibels} dB, {kilobytes:.0f} KB an image"


def _read_images(files: Iterable[Path], url: str, image: str, wanted: Set[str]) -> dict[str, bytes]:
    """Read the images of the wanted URLs; nothing at all where none is wanted."""
    images: dict[str, bytes] = {}
    for file in files if wanted else ():
        for batch in pq.ParquetFile(file).iter_batches(64, columns=[url, image]):
            rows = zip(batch[url].to_pylist(), batch[image], strict=True)
            images.update({address: stored.as_py() for address, stored in rows if address in wanted})
    return images


def _write_batch(target: Path, urls: Sequence[str]) -> None:
    columns = {name: pa.nulls(len(urls), pa.string()) for name in URL_COLUMNS}
    columns |= {"uuid": pa.array([f"image-{number:06d}" for number in range(len(urls))]), "identifier": pa.array(urls)}
    pq.write_table(pa.table(columns), target)


def _urls_to_judge(urls: Sequence[str]) -> set[str]:
    by_class: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        by_class[class_of(url)].append(url)
    return {url for members in by_class.values() for url in members[:IMAGES_PER_CLASS_TO_JUDGE]}


def _quality(images: dict[str, bytes], corpus: Path) -> Quality:
    """Compare stored images with a Lanczos reduction, by Pillow, of the whole original."""
    decibels: dict[str, list[float]] = defaultdict(list)
    for url, data in images.items():
        stored = Image.open(BytesIO(data)).convert("RGB")
        original = Image.open(corpus / file_of(url)).convert("RGB")
        ideal = original.resize(stored.size, Image.Resampling.LANCZOS)
        error = np.asarray(stored, np.float64) - np.asarray(ideal, np.float64)
        decibels[class_of(url)].append(10 * np.log10(255**2 / np.mean(error**2)))
    return {name: float(np.mean(values)) for name, values in decibels.items()}


def check_memory(row: Row) -> Check:
    """Check that a shard's job stayed within its memory."""
    peak_mb = row.cost.peak_mib * 2**20 / 1e6
    return Check(f"{row.run}: at most {MOST_PEAK_MB} MB", f"{peak_mb:.0f} MB", peak_mb <= MOST_PEAK_MB)


def _check_speed(ours: Row, peer: Row) -> Check:
    speedup = ours.rate / peer.rate
    aim = f"{ours.run}: at least {LEAST_SPEEDUP:g} x img2dataset's images a CPU-second"
    return Check(aim, f"{speedup:.2f} x", speedup >= LEAST_SPEEDUP)


def _check_quality(label: str, ours: Quality, peer: Quality) -> Check:
    gains = {size_class.name: ours[size_class.name] - peer[size_class.name] for size_class in SIZE_CLASSES}
    measured = ", ".join(f"{name} {gain:+.1f} dB" for name, gain in gains.items())
    return Check(f"treeline download, {label}: PSNR at least img2dataset's", measured, min(gains.values()) >= 0)
