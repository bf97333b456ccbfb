"""Find boxes that recur at one camera."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from treeline.detections.locations import LocationRule, locate
from treeline.detections.repeats.boxes import group_boxes
from treeline.detections.repeats.candidates import Candidate, Candidates, write_candidates
from treeline.io.read_results import read_results
from treeline.io.results import Results

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RepeatParameters:
    """What makes a detection a repeat; the defaults are those of the megadetector package.

    Args:
        iou: Least intersection over union of two boxes that are the same.
        occurrences: Least number of detections that are the same.
        min_confidence: Detections below are left alone.
        max_confidence: Detections above are left alone.
        max_area: Boxes above, as a share of the image, are left alone: they are often animals close by.
    """

    iou: float = 0.9
    occurrences: int = 20
    min_confidence: float = 0.1
    max_confidence: float = 1.0
    max_area: float = 0.2


class Found(NamedTuple):
    """A detection that may be a repeat; they sort in the order that they are taken in."""

    location: str
    category: str
    file: str
    negative_confidence: float
    bbox: tuple[float, ...]


def find_repeats(results: Path, target: Path, parameters: RepeatParameters, rule: LocationRule) -> int:
    """Write the boxes that recur.

    Args:
        results: Detector results. The order of its images and detections does not matter.
        target: JSON of `candidates.Candidates`.
        parameters: What makes a repeat.
        rule: How the location of an image is told; it must be known for each image with detections.

    Returns:
        Number of candidates.

    Raises:
        InputError: The results cannot be read, or a location is unknown.
    """
    content = read_results(results)
    found = sorted(_find_eligible(results, content, parameters, rule))
    candidates = list(_group(found, parameters))
    candidates.sort(key=lambda one: (one["location"], -len(one["occurrences"]), one["category"], one["bbox"]))
    for number, candidate in enumerate(candidates, start=1):
        candidate["number"] = number
    facts = {**asdict(parameters), **rule.facts()}
    write_candidates(target, Candidates(parameters=facts, candidates=candidates))
    occurrences = sum(len(candidate["occurrences"]) for candidate in candidates)
    log.info("%s: %d candidates with %d occurrences", target, len(candidates), occurrences)
    return len(candidates)


def _find_eligible(
    results: Path, content: Results, parameters: RepeatParameters, rule: LocationRule
) -> Iterator[Found]:
    names = content["detection_categories"]
    images = [image for image in content["images"] if image["detections"]]
    locations = locate(results, [image["file"] for image in images], rule)
    frames = 0
    for image, location in zip(images, locations, strict=True):
        for detection in image["detections"] or ():
            confidence, bbox = detection["conf"], detection["bbox"]
            if not parameters.min_confidence <= confidence <= parameters.max_confidence:
                continue
            if not 0 < bbox[2] * bbox[3] <= parameters.max_area:
                continue
            if "frame_number" in detection:
                frames += 1
                continue
            yield Found(location, names[detection["category"]], image["file"], -confidence, tuple(bbox))
    if frames:
        log.info("%s: %d detections of videos are left alone", results, frames)


def _group(found: list[Found], parameters: RepeatParameters) -> Iterator[Candidate]:
    """Group what is alike, one camera and category after the other; `number` is set later."""
    for (location, category), items in groupby(found, key=lambda one: one[:2]):
        detections = list(items)
        if len(detections) < parameters.occurrences:
            continue
        boxes = np.array([one.bbox for one in detections], dtype=np.float64)
        for places in group_boxes(boxes, parameters.iou):
            if len(places) >= parameters.occurrences:
                members = [detections[place] for place in places]
                yield {
                    "number": 0,
                    "location": location,
                    "category": category,
                    "bbox": list(members[0].bbox),
                    "occurrences": [
                        {"file": one.file, "conf": -one.negative_confidence, "bbox": list(one.bbox)} for one in members
                    ],
                }
