"""Smooth results within sequences: one deer among the cows of a minute is a cow that was taken for a deer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from treeline.choices import SEQUENCE_GAP_SECONDS
from treeline.detections.locations import LocationRule, locate
from treeline.detections.sequences import group_into_sequences, parse_datetime
from treeline.detections.smoothing import MajorityRules, Taxon, parse_taxon, smooth_counts
from treeline.detections.steps import record_step
from treeline.errors import InputError
from treeline.io.read_results import read_results
from treeline.io.results import Detection, Results
from treeline.io.write_results import write_detections

log = logging.getLogger(__name__)

STEP = "smoothing"
CATEGORY_BEFORE = "category_before_smoothing"
CLASSIFICATIONS_BEFORE = "classifications_before_smoothing"
CLASSIFIED_CATEGORY = "animal"
PERSON = "person"


@dataclass(frozen=True)
class SmoothParameters:
    """What takes part, and how often a class must occur; the defaults are those of the megadetector package.

    Args:
        gap_seconds: Longest time between two images of a sequence that follow each other.
        detection_threshold: Detections of a lower confidence count for nothing and stay as they are.
        classification_threshold: The same for the best classification of a detection.
        smooth_categories: Smooth the categories of detections too. A person never becomes anything else.
        rules: How often a class must occur. For categories of detections, none is one of `others`.
    """

    gap_seconds: float = SEQUENCE_GAP_SECONDS
    detection_threshold: float = 0.15
    classification_threshold: float = 0.5
    smooth_categories: bool = False
    rules: MajorityRules = field(default_factory=MajorityRules)


@dataclass(frozen=True)
class SmoothReport:
    """Counts of one smoothing.

    Args:
        sequences: Number of sequences, of images with detections.
        images_without_time: Images among them without a readable time: each is a sequence of its own.
        categories_changed: Detections whose category is another one now.
        classifications_changed: Detections whose best classification is another one now.
    """

    sequences: int
    images_without_time: int
    categories_changed: int
    classifications_changed: int


def smooth_results(results: Path, target: Path, parameters: SmoothParameters, rule: LocationRule) -> SmoothReport:
    """Write results whose classifications, and categories where asked for, are smoothed within sequences.

    A detection that changes keeps what it was under `category_before_smoothing` and
    `classifications_before_smoothing`, and its confidences.

    Args:
        results: Detector results; the order of its images does not matter.
        target: Results JSON with all fields of `results`, and the parameters in `info`.
        parameters: What takes part, and when a class gives way.
        rule: How the location of an image is told; it must be known for each image with detections.

    Raises:
        InputError: The results cannot be read, hold nothing to smooth, or a location is unknown.
    """
    content = read_results(results)
    if not content.get("classification_categories") and not parameters.smooth_categories:
        fix = "Give --categories to smooth the categories of detections."
        raise InputError(results, "has no classification_categories: nothing to smooth.", fix=fix)
    images = [image for image in content["images"] if image["detections"]]
    locations = locate(results, [image["file"] for image in images], rule)
    times = [parse_datetime(image.get("datetime")) for image in images]
    sequences = group_into_sequences(locations, times, parameters.gap_seconds)
    classes, taxa = content.get("classification_categories", {}), _taxa(content)
    categories_changed = classifications_changed = 0
    for places in sequences:
        detections = [detection for place in places for detection in images[place]["detections"] or ()]
        taking_part = [one for one in detections if one["conf"] >= parameters.detection_threshold]
        if parameters.smooth_categories:
            categories_changed += _smooth_categories(taking_part, content["detection_categories"], parameters)
        animals = [one for one in taking_part if _is_classified(one, content["detection_categories"])]
        classifications_changed += _smooth_classifications(animals, classes, taxa, parameters)
    report = SmoothReport(len(sequences), times.count(None), categories_changed, classifications_changed)
    record_step(content, STEP, {**asdict(parameters), **rule.facts()}, asdict(report))
    write_detections(target, content)
    changed = f"{classifications_changed} classifications and {categories_changed} categories changed"
    log.info("%s: %d sequences; %s; %d images without a time", target, len(sequences), changed, times.count(None))
    return report


def _smooth_categories(detections: Sequence[Detection], names: Mapping[str, str], parameters: SmoothParameters) -> int:
    counts = Counter(names[one["category"]] for one in detections)
    rules = replace(parameters.rules, others=())
    changes = {old: new for old, new in smooth_counts(counts, {}, rules).items() if old != PERSON}
    numbers, changed = _numbers(names), 0
    for detection in detections:
        new = changes.get(names[detection["category"]])
        if new is not None:
            _keep(detection, CATEGORY_BEFORE, detection["category"])
            detection["category"] = numbers[new]
            changed += 1
    return changed


def _smooth_classifications(
    detections: Sequence[Detection], names: Mapping[str, str], taxa: Mapping[str, Taxon], parameters: SmoothParameters
) -> int:
    best = [(one, max(one["classifications"] or (), key=lambda pair: pair[1])) for one in detections]
    sure = [(one, pair) for one, pair in best if pair[1] >= parameters.classification_threshold]
    changes = smooth_counts(Counter(names[number] for _, (number, _) in sure), taxa, parameters.rules)
    numbers, changed = _numbers(names), 0
    for detection, (number, confidence) in sure:
        new = changes.get(names[number])
        if new is not None:
            before = list(detection["classifications"] or ())
            rest = [pair for pair in before if names[pair[0]] not in (new, names[number])]
            _keep(detection, CLASSIFICATIONS_BEFORE, before)
            detection["classifications"] = [(numbers[new], confidence), *rest]
            changed += 1
    return changed


def _is_classified(detection: Detection, names: Mapping[str, str]) -> bool:
    return names[detection["category"]] == CLASSIFIED_CATEGORY and bool(detection.get("classifications"))


def _keep(detection: Detection, field_name: str, value: object) -> None:
    """Keep what a detection was before it was smoothed for the first time."""
    cast(dict[str, Any], detection).setdefault(field_name, value)


def _numbers(names: Mapping[str, str]) -> dict[str, str]:
    """The number of each name; of several, the first in the order of the alphabet."""
    return {name: number for number, name in sorted(names.items(), reverse=True)}


def _taxa(content: Results) -> dict[str, Taxon]:
    """What each class is; empty where no class is described as a taxon."""
    descriptions = cast(dict[str, Any], content).get("classification_category_descriptions") or {}
    taxa = {
        content.get("classification_categories", {}).get(number, ""): parse_taxon(str(description))
        for number, description in sorted(descriptions.items())
    }
    return taxa if any(taxa.values()) else {}
