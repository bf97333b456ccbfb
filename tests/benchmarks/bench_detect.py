"""The detect stage against the megadetector package's own batch command: same images, checkpoint, threshold and cores.

Run it as `python -m tests.benchmarks.bench_detect`. The package reads a folder with a process a core, which is its
fastest way (its queue of images was tried, too); Treeline reads the same images from an archive a core, as Snakemake
runs it. Both run in turn from start to finished JSON, limited to the same cores. The times are medians.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from resources.detector.scenes import scene
from tests.benchmarks.measure import Check, Cost, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section
from tests.scenes import CHECKPOINT
from tests.shards import encode
from treeline.detections.repeats.boxes import intersection_over_union
from treeline.io.tar import tar_writer

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "detect"
COLLECTIONS = ((640, 480, 3000), (2048, 1536, 800))
"""Width, height and number of images."""
CORES = (1, 2)
ROUNDS = 3
THRESHOLD = 0.005
LEAST_SPEEDUP = 1.3
BOX_TOLERANCE, CONFIDENCE_TOLERANCE = 0.001, 0.005
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
PACKAGE = "megadetector.detection.run_detector_batch"
SUPPRESSED_FROM = 0.45
"""Intersection over union from which the package lets only the more confident of two boxes stand."""

Detection = dict[str, Any]
Detections = dict[str, list[Detection]]


@dataclass
class Timing:
    """Seconds and costs of the rounds of one command."""

    seconds: list[float] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)

    def row(self, run: str, images: int) -> Row:
        """The line of the table."""
        cost = self.costs[self.seconds.index(sorted(self.seconds)[len(self.seconds) // 2])]
        return Row(run, images, cost, f"{self.median:.1f} s, {images / self.median:.0f} images/s")


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    rows, checks = [], []
    for width, height, count in COLLECTIONS:
        shutil.rmtree(SCRATCH, ignore_errors=True)
        _draw(width, height, count)
        for cores in CORES:
            more_rows, more_checks = _compare(f"{width} x {height}, cores: {cores}", count, cores)
            rows += more_rows
            checks += more_checks
    write_section("detect", [*describe("python -m tests.benchmarks.bench_detect"), *table(rows), "", *verdicts(checks)])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def _draw(width: int, height: int, count: int) -> None:
    """Write the images into a folder, and into as many archives as the most cores."""
    random = np.random.default_rng(0)
    folder = SCRATCH / "images"
    folder.mkdir(parents=True)
    for number in range(count):
        data = encode(Image.fromarray(scene(random, width, height)[0]), "JPEG", quality=90)
        (folder / f"{number:05}.jpg").write_bytes(data)
    for cores in CORES:
        for part in range(cores):
            with tar_writer(SCRATCH / f"{part}-of-{cores}.tar") as tar:
                for path in sorted(folder.iterdir())[part::cores]:
                    tar.add(path.name, path.read_bytes())


def _compare(collection: str, count: int, cores: int) -> tuple[list[Row], list[Check]]:
    package, treeline = Timing(), Timing()
    with _limited_to(cores):
        for _ in range(ROUNDS):
            _time(package, lambda: [_package(cores)])
            _time(treeline, lambda: [_treeline(part, cores) for part in range(cores)])
    speedup = package.median / treeline.median
    differing, tied = _compare_results(_read("package.json"), *(_read(f"{n}-of-{cores}.json") for n in range(cores)))
    found = f"{differing} of {count} images differ, {tied} more where boxes tie"
    return [package.row(f"megadetector, {collection}", count), treeline.row(f"treeline, {collection}", count)], [
        Check(f"{collection}: at least {LEAST_SPEEDUP} x the package", f"{speedup:.2f} x", speedup >= LEAST_SPEEDUP),
        Check(f"{collection}: equal results", found, differing == 0),
    ]


def _time(timing: Timing, commands: Callable[[], Sequence[Sequence[str]]]) -> None:
    for state in SCRATCH.glob("*.partial"):
        shutil.rmtree(state)
    started = perf_counter()
    timing.costs.append(measure_commands(commands(), SCRATCH / "log", ONE_THREAD))
    timing.seconds.append(perf_counter() - started)


def _package(cores: int) -> list[str]:
    files = [str(CHECKPOINT), str(SCRATCH / "images"), str(SCRATCH / "package.json")]
    options = ["--output_relative_filenames", "--threshold", str(THRESHOLD), "--ncores", str(cores)]
    return [sys.executable, "-m", PACKAGE, *files, *options]


def _treeline(part: int, cores: int) -> list[str]:
    archive, results = SCRATCH / f"{part}-of-{cores}.tar", SCRATCH / f"{part}-of-{cores}.json"
    command = [
        sys.executable,
        "-m",
        "treeline",
        "detect",
        "shard",
        "--archive",
        str(archive),
        "--results",
        str(results),
    ]
    return [*command, "--model", str(CHECKPOINT), "--threshold", str(THRESHOLD)]


@contextmanager
def _limited_to(cores: int) -> Iterator[None]:
    """Limit this process, and all that it starts, to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _read(name: str) -> Detections:
    images = json.loads((SCRATCH / name).read_text(encoding="utf-8"))["images"]
    return {image["file"]: image["detections"] for image in images}


def _compare_results(package: Detections, *parts: Detections) -> tuple[int, int]:
    """Count the images whose detections differ, and those that differ only by boxes that tie.

    Where two boxes of equal confidence overlap, the last digit of a sum decides which of them stands, and that depends
    on how many images the model sees at once.
    """
    ours = {name: detections for part in parts for name, detections in part.items()}
    equal = sum(_match(found, ours[name], _is_alike) for name, found in package.items())
    equal_or_tied = sum(_match(found, ours[name], _ties_with) for name, found in package.items())
    return len(package) - equal_or_tied, equal_or_tied - equal


def _match(some: list[Detection], others: list[Detection], matches: Callable[[Detection, Detection], bool]) -> bool:
    """Whether each detection has its like among the others; one that is hardly above the threshold need not."""
    return all(
        one["conf"] < THRESHOLD + CONFIDENCE_TOLERANCE or any(matches(one, other) for other in theirs)
        for mine, theirs in ((some, others), (others, some))
        for one in mine
    )


def _is_alike(one: Detection, other: Detection) -> bool:
    apart = np.abs(np.subtract(one["bbox"], other["bbox"])).max()
    return _is_as_confident(one, other) and bool(apart <= BOX_TOLERANCE)


def _ties_with(one: Detection, other: Detection) -> bool:
    overlap = intersection_over_union(one["bbox"], other["bbox"])
    return _is_alike(one, other) or (_is_as_confident(one, other) and overlap >= SUPPRESSED_FROM)


def _is_as_confident(one: Detection, other: Detection) -> bool:
    return one["category"] == other["category"] and abs(one["conf"] - other["conf"]) <= CONFIDENCE_TOLERANCE


if __name__ == "__main__":
    sys.exit(main())
