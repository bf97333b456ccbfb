"""Analysis of many photos against a plain loop of Pillow and NumPy, and its memory as they become more.

Run it as `python -m tests.benchmarks.bench_analyze`. The loop reads each photo and takes its size, its brightness, and
the moments and the histogram of each channel; `treeline analyze measure` does that and all the rest, its start and its
tables included. The photos are some hundred of 500 x 375 pixels, again and again, as files that all differ.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from tests.benchmarks.corpus import SIZE_CLASSES, make_corpus
from tests.benchmarks.measure import Check, Cost, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from treeline.io.datasets.metadata import Metadata, write_metadata

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "analyze"
CORPUS = SCRATCH.parent / "corpus"
CLASSES = ("deer", "fox", "nothing")
TIMES_THE_LOOP = 2.0
MOST_GROWTH = 1.1
"""Of memory, from a tenth of the images to all."""


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_analyze")
    parser.add_argument("--images", type=int, default=100_000, help="Photos to analyse.")
    parser.add_argument("--loop-images", type=int, default=5_000, help="Photos that the loop reads.")
    parser.add_argument("--loop", type=Path, help="Run the loop over this folder, and nothing else.")
    arguments = parser.parse_args()
    if arguments.loop:
        plain_loop(arguments.loop)
        return 0
    make_corpus(CORPUS)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    rows, checks = measure(arguments.images, arguments.loop_images)
    description = describe("python -m tests.benchmarks.bench_analyze")
    write_section("analyze", [*description, *table(rows), "", *verdicts(checks)])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def measure(images: int, loop_images: int) -> tuple[list[Row], list[Check]]:
    """Measure the loop, the analysis with and without processes of its own, and its memory."""
    folder = make_dataset(loop_images).parent / "photos"
    command = [sys.executable, "-m", "tests.benchmarks.bench_analyze", "--loop", str(folder)]
    loop = Row("Pillow and NumPy, one process", loop_images, measure_commands([command], SCRATCH / "log"))
    rows, checks = [loop], []
    dataset = make_dataset(images)
    for workers in (0, 2):
        run = f"treeline analyze measure --workers {workers}"
        row = Row(run, images, analyse(dataset, workers))
        times = row.rate / loop.rate
        rows.append(row)
        checks.append(Check(f"{run}: {TIMES_THE_LOOP:g} times the loop", f"{times:.1f} times", times >= TIMES_THE_LOOP))
    tenth = images // 10
    rows.append(Row("treeline analyze measure --workers 0", tenth, analyse(make_dataset(tenth), 0)))
    few, many = rows[-1].cost.peak_mib, rows[1].cost.peak_mib
    aim = f"memory at ten times the images: at most {MOST_GROWTH:g} times"
    checks.append(Check(aim, f"{many / few:.2f} times", many <= MOST_GROWTH * few))
    return rows, checks


def analyse(dataset: Path, workers: int) -> Cost:
    """Run the command as typed."""
    options = ["--output", str(SCRATCH / "analysis"), "--workers", str(workers)]
    command = [sys.executable, "-m", "treeline", "analyze", "measure", str(dataset), *options]
    return measure_commands([command], SCRATCH / "log")


def make_dataset(images: int) -> Path:
    """Make a dataset's `metadata.h5` of so many photos, in three classes and splits; its photos beside it."""
    folder = SCRATCH / f"dataset-{images}"
    photos = folder / "photos"
    if not photos.exists():
        photos.mkdir(parents=True)
        name, files = SIZE_CLASSES[0].name, sorted(CORPUS.glob(f"{SIZE_CLASSES[0].name}*"))
        contents = [file.read_bytes() for file in files]
        for number in range(images):
            # What stands behind the end of an image is not looked at, and makes no two the same file.
            (photos / f"{name}-{number:07}.jpg").write_bytes(contents[number % len(files)] + number.to_bytes(8, "big"))
    numbers = np.arange(images)
    index = pd.DataFrame({"id": numbers, "image_path": sorted(path.name for path in photos.iterdir())})
    index["split"] = np.array(["train", "val", "test"])[numbers % 3]
    index["label_idx"] = numbers % len(CLASSES)
    index["label"] = np.array(CLASSES, object)[index["label_idx"]]
    times = pd.Timestamp("2025-01-01") + pd.to_timedelta(numbers % 10_000, unit="h")
    tables = {"index": index, "temporal": pd.DataFrame({"id": numbers, "time_of_capture": times})}
    write_metadata(Metadata("photos", "multiclass", CLASSES, tables, images=(str(photos),)), folder / "metadata.h5")
    return folder / "metadata.h5"


def plain_loop(folder: Path) -> None:
    """Do what is usually done: one image after the other, with Pillow and NumPy."""
    facts = []
    counts = np.zeros((3, 256), np.int64)
    for path in sorted(folder.iterdir()):
        with Image.open(path) as file:
            image = file.convert("RGB")
        pixels = np.asarray(image)
        height, width, _ = pixels.shape
        brightness = np.asarray(image.convert("L")).mean()
        moments = [_moments(pixels[..., channel]) for channel in range(3)]
        for channel in range(3):
            counts[channel] += np.bincount(pixels[..., channel].ravel(), minlength=256)
        facts.append((width, height, path.stat().st_size, brightness, *moments))
    print(f"{len(facts)} images, {counts.sum()} values")


def _moments(channel: npt.NDArray[np.uint8]) -> tuple[float, ...]:
    values = channel.astype(np.float64)
    mean = values.mean()
    difference = values - mean
    square = difference * difference
    variance = square.mean()
    skewness = (square * difference).mean() / variance**1.5
    kurtosis = (square * square).mean() / variance**2 - 3
    return float(values.min()), float(values.max()), float(mean), float(variance), float(skewness), float(kurtosis)


if __name__ == "__main__":
    sys.exit(main())
