"""The download stage against its peers, on the same URLs: CPU time, memory, and the quality of what is stored."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.corpus import SIZE_CLASSES, make_urls
from tests.benchmarks.downloaders import IMAGE_SIZE, JPEG_QUALITY, Downloader, Stored, Treeline
from tests.benchmarks.measure import Check, Cost, Row, measure_commands
from tests.benchmarks.quality import Quality, judge, urls_to_judge
from tests.benchmarks.server import make_certificate, serve

ROUNDS = 3
TLS_SHARE = 4
"""Over HTTPS a peer takes several times as long, and starting it weighs as little on fewer URLs."""

MOST_LOSS_DB = 1.0
MOST_PEAK_MB = 600

ROWS_OF_A_SHARD = 10_000
SPOOL_AND_SHARD = 2.2
"""A shard's images lie on the disk twice while it is put together; and some room for others."""


class FailureError(Exception):
    """A run stored fewer images than there are URLs: nothing can be compared."""


@dataclass(frozen=True)
class Bench:
    """What the runs share.

    Args:
        folder: For what they write.
        corpus: Folder of the served images.
    """

    folder: Path
    corpus: Path


class Task(NamedTuple):
    """What the downloaders are compared at.

    Args:
        name: What the table calls it.
        resize: Whether the images are reduced.
        least_speedup: The aim: so many times as many images a CPU-second as each of these peers, and no other takes
            part.
    """

    name: str
    resize: bool
    least_speedup: Mapping[str, float]


REDUCED = Task(f"longest side {IMAGE_SIZE}", True, {"img2dataset": 2.5, "upstream downloader": 3.0})
AS_SERVED = Task("as served", False, {"img2dataset": 1.2})
REDUCED_OVER_TLS = Task(f"longest side {IMAGE_SIZE}, HTTPS", True, {"img2dataset": 3.0})


class Run(NamedTuple):
    """What a downloader cost, and what it left, in the cheapest of its runs."""

    cost: Cost
    stored: Stored


def measure(bench: Bench, ours: Treeline, peers: Sequence[Downloader], count: int) -> tuple[list[Row], list[Check]]:
    """Run all on `count` URLs: the mix of sizes reduced, as it is served, and reduced over HTTPS.

    Returns:
        The rows of the table, and the aims.

    Raises:
        FailureError: A run did not store every image.
        CommandError: A run failed.
    """
    downloaders = [ours, *peers]
    with serve(bench.corpus) as server:
        urls = make_urls(server, count)
        results = [_compare(bench, downloaders, urls, task) for task in (REDUCED, AS_SERVED)]
    certificate = make_certificate(bench.folder.with_name("tls"))
    with serve(bench.corpus, certificate=certificate) as server:
        urls = make_urls(server, count // TLS_SHARE)
        trust = {"SSL_CERT_FILE": str(certificate.trusted)}
        results.append(_compare(bench, downloaders, urls, REDUCED_OVER_TLS, trust))
    return [row for rows, _ in results for row in rows], [check for _, checks in results for check in checks]


def measure_memory(bench: Bench, ours: Treeline) -> tuple[list[Row], list[Check]]:
    """Download a shard of the default size as it is served, of images of each size; fewer where the disk is small."""
    rows = []
    with serve(bench.corpus) as server:
        for size_class in SIZE_CLASSES:
            urls = make_urls(server, ROWS_OF_A_SHARD, [size_class])
            image_bytes = (bench.corpus / f"{size_class.name}-00.jpg").stat().st_size
            room = shutil.disk_usage(bench.folder.parent).free / (SPOOL_AND_SHARD * image_bytes)
            urls = urls[: int(room)]
            run = _run(bench, ours, urls, resize=False)
            remark = "" if len(urls) == ROWS_OF_A_SHARD else "fewer than 10,000, for lack of disk space"
            label = f"{ours.name}, as served, a shard of {image_bytes / 1000:,.0f} KB images"
            rows.append(Row(label, len(urls), run.cost, remark))
    shutil.rmtree(bench.folder)
    return rows, [check_memory(row) for row in rows]


def check_memory(row: Row) -> Check:
    """Check that a job stayed within its memory."""
    peak_mb = row.cost.peak_mib * 2**20 / 1e6
    return Check(f"{row.run}: at most {MOST_PEAK_MB} MB", f"{peak_mb:.0f} MB", peak_mb <= MOST_PEAK_MB)


def _compare(
    bench: Bench,
    downloaders: Sequence[Downloader],
    urls: Sequence[str],
    task: Task,
    environment: Mapping[str, str] | None = None,
) -> tuple[list[Row], list[Check]]:
    """Run the downloaders in turn, several times: what else the machine does can only add to the least CPU time.

    The first of them is ours.
    """
    ours, *peers = downloaders
    peers = [peer for peer in peers if peer.name in task.least_speedup]
    runs: dict[str, list[Run]] = defaultdict(list)
    for _ in range(ROUNDS):
        for downloader in (ours, *peers):
            runs[downloader.name].append(_run(bench, downloader, urls, resize=task.resize, environment=environment))
    rows, qualities = {}, {}
    for name, of_name in runs.items():
        stored = of_name[0].stored
        cost = Cost(min(run.cost.cpu_seconds for run in of_name), max(run.cost.peak_mib for run in of_name))
        qualities[name] = judge(stored.images, bench.corpus)
        rows[name] = Row(f"{name}, {task.name}", len(urls), cost, _describe(stored, qualities[name]))
    checks = [check_memory(rows[ours.name])]
    checks += [_check_speed(rows[ours.name], rows[peer.name], task.least_speedup[peer.name]) for peer in peers]
    if task.resize and "img2dataset" in rows:
        checks.append(_check_quality(rows[ours.name], qualities[ours.name], qualities["img2dataset"]))
    return list(rows.values()), checks


def _run(
    bench: Bench,
    downloader: Downloader,
    urls: Sequence[str],
    *,
    resize: bool,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run one of them in an empty folder."""
    shutil.rmtree(bench.folder, ignore_errors=True)
    folder = bench.folder / "run"
    folder.mkdir(parents=True)
    command = downloader.prepare(folder, urls, resize=resize)
    log = bench.folder / "log"
    cost = measure_commands([command], log, {**downloader.environment, **(environment or {})})
    stored = downloader.stored(folder, urls_to_judge(urls) if resize else set())
    if stored.count != len(urls):
        raise FailureError(f"{downloader.name}: {stored.count} of {len(urls)} images are there; see {log}")
    return Run(cost, stored)


def _describe(stored: Stored, quality: Quality) -> str:
    decibels = " / ".join(f"{value:.1f}" for value in quality.values())
    return f"PSNR {decibels} dB, " * bool(quality) + f"{stored.size / stored.count / 1000:.0f} KB an image"


def _check_speed(ours: Row, peer: Row, least: float) -> Check:
    speedup = ours.rate / peer.rate
    return Check(
        f"{ours.run}: at least {least:g} x the images a CPU-second of {peer.run}", f"{speedup:.2f} x", speedup >= least
    )


def _check_quality(row: Row, ours: Quality, peer: Quality) -> Check:
    gains = {name: ours[name] - peer[name] for name in ours}
    measured = ", ".join(f"{name} {gain:+.1f} dB" for name, gain in gains.items())
    aim = f"{row.run}: PSNR at most {MOST_LOSS_DB:g} dB below img2dataset's at its default quality, {JPEG_QUALITY}"
    return Check(aim, measured, min(gains.values()) >= -MOST_LOSS_DB)
