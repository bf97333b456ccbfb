"""A million detections: find repeats, strike them out, smooth the sequences.

Run it as `python -m tests.benchmarks.bench_repeats`. Half of the detections are of things that
stand still, with boxes that tremble; the other half are animals anywhere. They are spread over 500 cameras, and then
all at one: nothing may depend on a camera's having few. Each command runs as typed, start and JSON included.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.benchmarks.measure import Check, Row, measure_commands
from tests.benchmarks.page import describe, table, verdicts, write_section

DETECTIONS_OF_AN_IMAGE = 2
STILL_THINGS_OF_A_CAMERA = 20
TREMBLE = 0.002
CAMERAS = (500, 1)
MOST_SECONDS = 60.0
IMAGES_OF_A_SEQUENCE = 5
SECONDS_BETWEEN_IMAGES, SECONDS_BETWEEN_SEQUENCES = 10, 3600
SPECIES = {"0": "cow", "1": "deer", "2": "other"}


def write_results_of_cameras(target: Path, detections: int, cameras: int, seed: int = 0) -> None:
    """Write results with `DETECTIONS_OF_AN_IMAGE` detections an image, the first of a still thing."""
    random = np.random.default_rng(seed)
    images = detections // DETECTIONS_OF_AN_IMAGE
    still = random.uniform((0, 0, 0.02, 0.02), (0.6, 0.6, 0.35, 0.35), (cameras, STILL_THINGS_OF_A_CAMERA, 4))
    camera, thing = np.arange(images) % cameras, random.integers(STILL_THINGS_OF_A_CAMERA, size=images)
    trembling = still[camera, thing] * (1 + random.normal(0, TREMBLE, (images, 4)))
    passing = random.uniform((0, 0, 0.02, 0.02), (0.6, 0.6, 0.38, 0.38), (images, 4))
    boxes = np.stack([trembling, passing], axis=1).round(4).tolist()
    confidences = random.uniform(0.1, 1, (images, DETECTIONS_OF_AN_IMAGE)).round(3).tolist()
    species = random.choice(list(SPECIES), p=(0.9, 0.07, 0.03), size=(images, DETECTIONS_OF_AN_IMAGE)).tolist()
    with target.open("w", encoding="utf-8") as file:
        head = {"info": {"format_version": "1.6"}, "detection_categories": {"1": "animal"}}
        file.write(json.dumps({**head, "classification_categories": SPECIES})[:-1] + ', "images": [\n')
        entries = _images(camera.tolist(), confidences, boxes, species, cameras)
        file.write(",\n".join(entries))
        file.write("\n]}\n")


def _images(
    camera: list[int],
    confidences: list[list[float]],
    boxes: list[list[list[float]]],
    species: list[list[str]],
    cameras: int,
) -> Iterator[str]:
    for number, of_image in enumerate(zip(camera, confidences, boxes, species, strict=True)):
        location, *columns = of_image
        found = ", ".join(
            f'{{"category": "1", "conf": {confidence}, "bbox": {box}, "classifications": [["{name}", 0.8]]}}'
            for confidence, box, name in zip(*columns, strict=True)
        )
        sequence, place = divmod(number // cameras, IMAGES_OF_A_SEQUENCE)
        seconds = SECONDS_BETWEEN_SEQUENCES * sequence + SECONDS_BETWEEN_IMAGES * place
        taken = (datetime(2000, 1, 1) + timedelta(seconds=seconds)).strftime("%Y:%m:%d %H:%M:%S")
        file = f"camera{location}/{number}.jpg"
        yield f'{{"file": "{file}", "datetime": "{taken}", "detections": [{found}]}}'


def measure(detections: int) -> tuple[list[Row], list[Check]]:
    """Measure each command on each collection."""
    rows, checks = [], []
    for cameras in CAMERAS:
        with TemporaryDirectory(prefix="bench-repeats-") as name:
            folder = Path(name)
            results, candidates, log = folder / "results.json", folder / "candidates.json", folder / "log"
            write_results_of_cameras(results, detections, cameras)
            for words, arguments in (
                (("repeats", "find"), (results, "--output", candidates)),
                (("repeats", "remove"), (results, "--candidates", candidates, "--output", folder / "filtered.json")),
                (("smooth",), (results, "--output", folder / "smoothed.json")),
            ):
                started = time.perf_counter()
                command = [sys.executable, "-m", "treeline", "detections", *words, *map(str, arguments)]
                cost = measure_commands([command], log)
                seconds = time.perf_counter() - started
                said = log.read_text(encoding="utf-8").splitlines()[-1].rpartition(": ")[2]
                run = f"{' '.join(words)}, {cameras} camera{'s' if cameras > 1 else ''}"
                rows.append(Row(run, detections, cost, f"{seconds:.1f} s; {said}"))
                checks.append(Check(f"{run}: under {MOST_SECONDS:g} s", f"{seconds:.1f} s", seconds < MOST_SECONDS))
    return rows, checks


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_repeats")
    parser.add_argument("--detections", type=int, default=1_000_000)
    rows, checks = measure(parser.parse_args().detections)
    description = describe("python -m tests.benchmarks.bench_repeats")
    write_section("repeats", [*description, *table(rows), "", *verdicts(checks)])
    return 0 if all(check.is_met for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
