"""Samples a second of every form of a dataset, against torchvision's `ImageFolder`, and the webdataset library.

Run it as `python -m tests.benchmarks.bench_datasets [--images 4000]`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tests.benchmarks.corpus import SizeClass, make_corpus
from tests.benchmarks.loaders import STATES, WORKERS
from tests.benchmarks.measure import Check
from tests.benchmarks.page import describe, verdicts, write_section
from treeline.config_datasets import EncodingOptions
from treeline.io.datasets.encodings import TARGETS, write_encoding
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import read_samples

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "datasets"
SIDE = 256
ARCHIVES = 4
"""So that two workers of the webdataset library have as much to do."""
CLASSES = ("even", "odd")
FORMS = {
    "imagefolder": EncodingOptions(kind="imagefolder"),
    "hdf5": EncodingOptions(kind="hdf5"),
    "tar": EncodingOptions(kind="tar"),
    "lmdb": EncodingOptions(kind="lmdb"),
    "hdf5, pixels": EncodingOptions(kind="hdf5", pixels=True),
    "numpy": EncodingOptions(kind="numpy"),
    "zarr": EncodingOptions(kind="zarr"),
}
OF_JPEGS = ("imagefolder", "hdf5", "tar", "lmdb")
RAW = "hdf5, pixels"
FOLDER, WEBDATASET, FAST_WEBDATASET = "ImageFolder + Pillow", "webdataset", "webdataset + simplejpeg"
AT_LEAST_RAW, AT_LEAST_JPEG = 10.0, 2.0


class Result(NamedTuple):
    """What was measured of one way to read.

    Args:
        size: Bytes on disk.
        rates: Samples a second by state, one for each number of workers.
    """

    size: int
    rates: dict[str, list[int]]


def main() -> int:
    """Measure all, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_datasets")
    parser.add_argument("--images", type=int, default=4000, help="JPEGs of 256 x 256 pixels")
    images = parser.parse_args().images
    results = dict(_measure(images))
    checks = list(_checks(results))
    command = f"python -m tests.benchmarks.bench_datasets --images {images}"
    write_section("datasets", [*describe(command), *_table(results), "", *verdicts(checks)])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def _measure(images: int) -> Iterator[tuple[str, Result]]:
    metadata = _make_dataset(images)
    for name, options in FORMS.items():
        shards = {"shard_samples": -(-images // ARCHIVES)}
        write_encoding(metadata, read_samples(metadata), _path(name), options.model_copy(update=shards))
    yield FOLDER, _run("torchvision", _path("imagefolder"), images)
    yield WEBDATASET, _run("webdataset", _path("tar"), images)
    yield FAST_WEBDATASET, _run("webdataset-simplejpeg", _path("tar"), images)
    for name in FORMS:
        yield name, _run("encoded", _path(name), images)


def _make_dataset(images: int) -> Metadata:
    folder = SCRATCH / f"corpus-{images}"
    make_corpus(folder, [SizeClass("photo", SIDE, SIDE, images)])
    index = pd.DataFrame({"image_path": sorted(path.name for path in folder.iterdir())})
    index.insert(0, "id", range(images))
    index["label_idx"] = index["id"] % len(CLASSES)
    index["label"] = [CLASSES[number] for number in index["label_idx"]]
    return Metadata("benchmark", "multiclass", CLASSES, {"index": index}, images=(str(folder),))


def _path(name: str) -> Path:
    return SCRATCH / name.replace(", ", "-") / TARGETS[FORMS[name].kind]


def _run(loader: str, path: Path, samples: int) -> Result:
    """In a process of its own, so that nobody's open files and memory are another's."""
    command = [sys.executable, "-m", "tests.benchmarks.loaders", loader, str(path), str(samples)]
    rates = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    files = [path] if path.is_file() else path.rglob("*")
    return Result(sum(file.stat().st_size for file in files if file.is_file()), rates)


def _checks(results: dict[str, Result]) -> Iterator[Check]:
    plain = results[FOLDER].rates["warm"][0]
    for name, least in {RAW: AT_LEAST_RAW, **dict.fromkeys(OF_JPEGS, AT_LEAST_JPEG)}.items():
        ratio = results[name].rates["warm"][0] / plain
        yield Check(f"{name}, warm, no workers: at least {least:g} x {FOLDER}", f"{ratio:.1f} x", ratio >= least)
    for name in FORMS:
        # With workers, what takes the time is the way of the tensors from one process to the other, whoever made them.
        for rival, workers in ((WEBDATASET, WORKERS), (FAST_WEBDATASET, (0,))):
            ratios = [
                results[name].rates[state][number] / results[rival].rates[state][number]
                for state in ("warm", "cold")
                for number in workers
            ]
            aim = f"{name}: not slower than {rival}, warm or cold, {'any' if len(workers) > 1 else 'no'} workers"
            yield Check(aim, f"{min(ratios):.2f} to {max(ratios):.2f} x", min(ratios) >= 1)


def _table(results: dict[str, Result]) -> list[str]:
    columns = [f"{state}, {workers} workers" for state in STATES for workers in WORKERS]
    header = [f"| samples a second | MB | {' | '.join(columns)} |", "|---|--:|" + "--:|" * len(columns)]
    return header + [
        f"| {name} | {result.size / 1e6:,.0f} | "
        + " | ".join(f"{rate:,}" for state in STATES for rate in result.rates[state])
        + " |"
        for name, result in results.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
