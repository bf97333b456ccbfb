"""What an image costs with the default settings, in bytes and CPU time, and what a shard costs in memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.benchmarks.corpus import SIZE_CLASSES, make_corpus, make_urls
from tests.benchmarks.downloaders import Treeline, successes_of
from tests.benchmarks.measure import measure_commands
from tests.benchmarks.run import SCRATCH
from tests.benchmarks.scale.costs import Row
from tests.benchmarks.server import serve
from treeline.config_download import DownloaderParameters

MISSING_EVERY = 10


def measure_images(folder: Path, images: int) -> list[Row]:
    """Download a shard of photos of all sizes as the default configuration does, and decode it.

    One URL more for every ten images is of nothing, and ends as an error.
    """
    make_corpus(SCRATCH / "corpus")
    defaults = DownloaderParameters()
    parameters = {"image_size": defaults.image_size, "jpeg_quality": defaults.jpeg_quality}
    requests = folder / "requests.parquet"
    with serve(SCRATCH / "corpus") as server:
        missing = [f"{server}/missing-{number:06d}.jpg" for number in range(images // MISSING_EVERY)]
        urls = make_urls(server, images) + missing
        command = Treeline(parameters, ["--requests", str(requests)]).prepare(folder, urls, resize=True)
        download = measure_commands([command], folder / "log")
        (folder / "one").mkdir()
        start = measure_commands([Treeline().prepare(folder / "one", urls[:1], resize=True)], folder / "log")
    successes, archive = successes_of(folder), folder / "shard.tar"
    decoding = measure_commands([_decode(successes, archive)], folder / "log")
    errors = successes.with_name("errors.parquet")
    image_bytes = _image_bytes(successes)
    return [
        {
            "image_bytes": round(image_bytes / images),
            "success_bytes": round((successes.stat().st_size - image_bytes) / images),
            "error_bytes": round(errors.stat().st_size / len(missing)),
            "request_bytes": round(requests.stat().st_size / len(urls)),
            "decoded_bytes": round((_size_with_index(archive) - image_bytes) / images),
            "start_cpu_seconds": round(start.cpu_seconds, 2),
            "download_cpu_ms": round(1000 * (download.cpu_seconds - start.cpu_seconds) / images, 2),
            "decode_cpu_ms": round(1000 * decoding.cpu_seconds / images, 2),
        }
    ]


def measure_memory(folder: Path, images: int) -> list[Row]:
    """Download a shard of small photos as they are served, and decode it: memory by the number of rows."""
    make_corpus(SCRATCH / "corpus")
    with serve(SCRATCH / "corpus") as server:
        command = Treeline().prepare(folder, make_urls(server, images, SIZE_CLASSES[:1]), resize=False)
        download = measure_commands([command], folder / "log")
    decoding = measure_commands([_decode(successes_of(folder), folder / "shard.tar")], folder / "log")
    return [{"download_peak_mib": round(download.peak_mib), "decode_peak_mib": round(decoding.peak_mib)}]


def _decode(successes: Path, archive: Path) -> list[str]:
    files = {"successes": successes, "archive": archive, "undecodable": archive.with_suffix(".csv")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    return [sys.executable, "-m", "treeline", "decode", "shard", *options]


def _image_bytes(successes: Path) -> int:
    """Bytes of the images themselves."""
    batches = pq.ParquetFile(successes).iter_batches(256, columns=["image"])
    return sum(pc.sum(pc.binary_length(batch["image"])).as_py() for batch in batches)


def _size_with_index(archive: Path) -> int:
    return archive.stat().st_size + archive.with_name(f"{archive.name}.index.csv").stat().st_size
