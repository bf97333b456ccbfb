"""Measure the tiny detector on scenes that it has not seen, and record the figures with its SHA-256.

    .venv/bin/python resources/detector/measure_tiny_detector.py [CHECKPOINT]

Prints a table and writes it as JSON beside the checkpoint. Takes about a minute. Images go through
MegaDetector's own loader, as JPEG files would, larger than those of the training and from another seed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from megadetector.detection.run_detector import load_detector
from numpy.typing import NDArray
from PIL import Image
from scenes import CATEGORIES, SceneObject, scene

from treeline.io.atomic import write_bytes

CHECKPOINT = Path(__file__).with_name("tiny_detector.pt")

SEED = 99
SCENES = 200
WIDTH, HEIGHT = 1024, 768
JPEG_QUALITY = 80
LOWEST_CONFIDENCE = 0.005
CONFIDENCE = 0.2
"""At and above this a detection counts, for precision and recall."""
OVERLAP = 0.5
"""Intersection over union from which a detection has found an object."""


@dataclass(frozen=True)
class Detection:
    """One detection: the box is left, top, right, bottom in pixels."""

    category: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass
class Tally:
    """What became of one category: the number of objects, and for each detection its confidence and whether it hit."""

    objects: int = 0
    detections: list[tuple[float, bool]] = field(default_factory=list)

    def figures(self) -> Figures:
        """Sum up; precision of no detections and recall of no objects are 0."""
        ranked = sorted(self.detections, key=lambda detection: -detection[0])
        counted = [hit for confidence, hit in ranked if confidence >= CONFIDENCE]
        return Figures(
            objects=self.objects,
            precision=round(sum(counted) / max(1, len(counted)), 3),
            recall=round(sum(counted) / max(1, self.objects), 3),
            average_precision=round(_average_precision([hit for _, hit in ranked], self.objects), 4),
        )


@dataclass(frozen=True)
class Figures:
    """One row of the table; precision and recall at `CONFIDENCE`, average precision over all confidences."""

    objects: int
    precision: float
    recall: float
    average_precision: float


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description="Measure the tiny detector on unseen synthetic scenes.")
    parser.add_argument("checkpoint", type=Path, nargs="?", default=CHECKPOINT, help="file to measure")
    checkpoint: Path = parser.parse_args().checkpoint
    record = measure(checkpoint)
    write_bytes(checkpoint.with_suffix(".json"), (json.dumps(record, indent=2) + "\n").encode())
    print("| category | objects | precision | recall | average precision |\n|---|---|---|---|---|")
    for category, row in record["categories"].items():
        print(f"| {category} | " + " | ".join(str(value) for value in row.values()) + " |")
    print(f"\nmean average precision {record['mean_average_precision']}")
    print(f"empty scenes without a detection {record['clean_empty_scenes']} of {record['empty_scenes']}")


def measure(checkpoint: Path) -> dict[str, Any]:
    """Detect on every scene and compare with what was drawn."""
    tallies = {category: Tally() for category in CATEGORIES}
    empty = clean = 0
    for objects, detections in _detected_scenes(checkpoint):
        _match(objects, detections, tallies)
        if not objects:
            empty += 1
            clean += all(detection.confidence < CONFIDENCE for detection in detections)
    figures = {category: tally.figures() for category, tally in tallies.items()}
    return {
        "file": checkpoint.name,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "scenes": SCENES,
        "confidence": CONFIDENCE,
        "overlap": OVERLAP,
        "categories": {category: asdict(row) for category, row in figures.items()},
        "mean_average_precision": round(float(np.mean([row.average_precision for row in figures.values()])), 4),
        "empty_scenes": empty,
        "clean_empty_scenes": clean,
    }


def _detected_scenes(checkpoint: Path) -> Iterator[tuple[list[SceneObject], list[Detection]]]:
    """Yield what each scene shows, and what the detector says of it, the surest first."""
    detector = load_detector(str(checkpoint), force_cpu=True)
    rng = np.random.default_rng(SEED)
    for number in range(SCENES):
        pixels, objects = scene(rng, WIDTH, HEIGHT)
        result = detector.generate_detections_one_image(
            _through_jpeg(pixels), str(number), detection_threshold=LOWEST_CONFIDENCE
        )
        detections = [_detection(entry) for entry in result["detections"]]
        yield objects, sorted(detections, key=lambda detection: -detection.confidence)


def _through_jpeg(pixels: NDArray[np.uint8]) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return Image.open(file).convert("RGB")


def _detection(entry: dict[str, Any]) -> Detection:
    """Read one detection of the results format: categories count from 1, boxes are shares of the image."""
    left, top, width, height = entry["bbox"]
    box = (left * WIDTH, top * HEIGHT, (left + width) * WIDTH, (top + height) * HEIGHT)
    return Detection(CATEGORIES[int(entry["category"]) - 1], entry["conf"], box)


def _match(objects: list[SceneObject], detections: list[Detection], tallies: dict[str, Tally]) -> None:
    """Give each detection the object of its category that it overlaps best, each object to one detection at most."""
    for one in objects:
        tallies[one.category].objects += 1
    free = list(objects)
    for detection in detections:
        rivals = [one for one in free if one.category == detection.category]
        best = max(rivals, key=lambda one: _overlap(detection, one), default=None)
        hit = best is not None and _overlap(detection, best) >= OVERLAP
        if best is not None and hit:
            free.remove(best)
        tallies[detection.category].detections.append((detection.confidence, hit))


def _overlap(detection: Detection, one: SceneObject) -> float:
    """Intersection over union."""
    left, top, right, bottom = detection.box
    width = min(right, one.right) - max(left, one.left)
    height = min(bottom, one.bottom) - max(top, one.top)
    if width <= 0 or height <= 0:
        return 0.0
    union = (right - left) * (bottom - top) + (one.right - one.left) * (one.bottom - one.top) - width * height
    return width * height / union


def _average_precision(hits: list[bool], objects: int) -> float:
    """Area under the precision envelope over recall, of detections ordered by falling confidence."""
    found = np.cumsum(hits)
    recall = found / max(1, objects)
    precision = found / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * envelope))


if __name__ == "__main__":
    main()
