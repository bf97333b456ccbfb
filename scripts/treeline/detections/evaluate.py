"""Compare detector results with ground truth."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from treeline.detections.locations import UNKNOWN, location_of
from treeline.detections.matching import Pair, match_boxes, match_labels
from treeline.detections.scores import Counts, Scored
from treeline.detections.thresholds import Thresholds
from treeline.detections.truth import EMPTY, IGNORE, Truth, read_truth
from treeline.errors import InputError
from treeline.io.read_results import read_results
from treeline.io.results import ImageResult, Results

log = logging.getLogger(__name__)

By = Literal["box", "image"]

ALL = ""
"""Category and location of the measures that are of all of them."""

SHAPE_TOLERANCE = 0.02


@dataclass(frozen=True)
class Measure:
    """How good the detections of one category at one location are.

    Args:
        location: Or `ALL`.
        category: Its name; or `ALL`: counts are summed then, and average precisions averaged over the categories.
        images: Number of images at the location.
        truths: Number of boxes, or of labelled images, that are really there.
        average_precision: From 0 to 1, over overlaps of 0.50 to 0.95; None where there is nothing to find.
        average_precision_50: The same at an overlap of 0.50; as the other where images are compared.
        counts: What the threshold gives, at an overlap of 0.50.
    """

    location: str
    category: str
    images: int
    truths: int
    average_precision: float | None
    average_precision_50: float | None
    counts: Counts


@dataclass
class Evaluation:
    """What a comparison has found.

    Args:
        by: What was compared: boxes, or labels of images.
        categories: Their names, in alphabetical order.
        thresholds: From which confidence on detections count.
        images: Number of images compared.
        failed: How many of them the detector could not look at: nothing was found in them.
        ignored: Number of images that a label has left out.
        without_results: Number of images of the truth that are not in the results, and so are left out.
        without_truth: Number of images of the results that are not in the truth, and so are left out.
        other_shape: Number of images whose shape in the truth is not that in the results.
        not_evaluated: Number of detections of each category that the truth does not know.
        measures: Of all, then of each category; then the same for each location, if there are several.
        scored: By category.
    """

    by: By
    categories: list[str]
    thresholds: Thresholds
    images: int
    failed: int
    ignored: int
    without_results: int
    without_truth: int
    other_shape: int
    not_evaluated: dict[str, int]
    measures: list[Measure] = field(default_factory=list)
    scored: dict[str, Scored] = field(default_factory=dict)


def evaluate(
    results_file: Path,
    truth_file: Path,
    *,
    by: By | None,
    labels: Mapping[str, str],
    locations: Mapping[str, str] | None,
    thresholds: Thresholds,
) -> Evaluation:
    """Compare results with ground truth, image by image of those that are in both.

    Args:
        results_file: Detector results.
        truth_file: As for `read_truth`.
        by: What to compare; None compares boxes where the truth has any.
        labels: What the truth's labels count as, as for `read_truth`.
        locations: By file name; None for those that the truth gives, or else the folders.
        thresholds: From which confidence on detections count.

    Raises:
        InputError: A file is refused, they have no image in common, or a label is no category of the results.
    """
    results = read_results(results_file)
    thresholds.check(results_file, results)
    truth = read_truth(truth_file, labels)
    categories = _categories(truth, results)
    found = {image["file"]: image for image in results["images"]}
    common = [name for name in truth.images if name in found]
    if not common:
        fix = f"The truth has {next(iter(truth.images))}, the results have {next(iter(found), 'no image')}."
        raise InputError(truth_file, f"has no image of {results_file}.", fix=fix)
    pairs = [_pair(name, truth, found[name], results["detection_categories"]) for name in common]
    by = by or ("box" if any(image.boxes for image in truth.images.values()) else "image")
    if by == "box":
        _check_boxes(truth_file, pairs)
    scored = (match_boxes if by == "box" else match_labels)(pairs, categories)
    evaluation = Evaluation(
        by=by,
        categories=categories,
        thresholds=thresholds,
        images=len(pairs),
        failed=sum(found[name]["detections"] is None for name in common),
        ignored=truth.ignored,
        without_results=len(truth.images) - len(common),
        without_truth=len(found) - len(common),
        other_shape=sum(_has_other_shape(pair, found[pair.file]) for pair in pairs),
        not_evaluated=_not_evaluated(pairs, categories),
        scored=scored,
    )
    evaluation.measures = _measures(evaluation, [_location(pair, locations) for pair in pairs])
    _warn(evaluation)
    return evaluation


def _categories(truth: Truth, results: Results) -> list[str]:
    """The categories to look at: those of the truth, which the results must know if any image has them."""
    known = set(results["detection_categories"].values())
    for label, count in sorted(truth.labelled().items()):
        if label not in known:
            fix = (
                f"Say what it counts as: --label '{label}=CATEGORY', where CATEGORY is {', '.join(sorted(known))}, "
                f"{EMPTY} or {IGNORE}; --label '*=CATEGORY' is for all labels without one of their own."
            )
            raise InputError(
                truth.file, f"{label!r}, a label of {count} images, is no category of the results.", fix=fix
            )
    categories = sorted(truth.categories & known)
    if not categories:
        raise InputError(truth.file, "has no category of the results.", fix=f"They have: {', '.join(sorted(known))}.")
    return categories


def _pair(name: str, truth: Truth, image: ImageResult, categories: Mapping[str, str]) -> Pair:
    found = [
        (categories[detection["category"]], detection["conf"], detection["bbox"])
        for detection in image["detections"] or ()
        if detection["conf"] >= 0
    ]
    true = truth.images[name]
    return Pair(name, true, found, true.size or _size(image))


def _size(image: ImageResult) -> tuple[float, float] | None:
    width, height = image.get("width"), image.get("height")
    return (height, width) if width and height else None


def _check_boxes(truth_file: Path, pairs: list[Pair]) -> None:
    for pair in pairs:
        if pair.truth.unboxed:
            problem = f"{pair.file} has labels without boxes ({', '.join(sorted(pair.truth.unboxed))})."
            raise InputError(truth_file, problem, fix="Compare labels of images: --by image.")
        if pair.size is None:
            problem = f"{pair.file} has no width and height, here or in the results."
            raise InputError(truth_file, problem, field="images", fix="Add them: boxes are in pixels.")


def _has_other_shape(pair: Pair, image: ImageResult) -> bool:
    size = _size(image)
    if pair.size is None or size is None:
        return False
    (height, width), (other_height, other_width) = pair.size, size
    return abs(width * other_height / (height * other_width) - 1) > SHAPE_TOLERANCE


def _not_evaluated(pairs: list[Pair], categories: list[str]) -> dict[str, int]:
    counts = Counter(category for pair in pairs for category, _, _ in pair.found if category not in categories)
    return dict(sorted(counts.items()))


def _location(pair: Pair, locations: Mapping[str, str] | None) -> str:
    if locations is None and pair.truth.location is not None:
        return pair.truth.location
    return location_of(pair.file, locations)


def _measures(evaluation: Evaluation, locations: list[str]) -> list[Measure]:
    measures = _measures_of(evaluation, ALL, np.ones(evaluation.images, np.bool_))
    places = np.array(locations, dtype=object)
    known = sorted(set(locations) - {UNKNOWN})
    if len(set(locations)) > 1:
        for location in known:
            measures += _measures_of(evaluation, location, places == location)
    return measures


def _measures_of(evaluation: Evaluation, location: str, images: np.ndarray) -> list[Measure]:
    count = int(np.count_nonzero(images))
    measures = []
    for category in evaluation.categories:
        scored = evaluation.scored[category].within(images)
        precisions = scored.average_precisions()
        measures.append(
            Measure(
                location,
                category,
                count,
                int(scored.truths.sum()),
                None if precisions is None else float(precisions.mean()),
                None if precisions is None else float(precisions[0]),
                scored.counts(evaluation.thresholds.of(category)),
            )
        )
    return [_of_all(location, count, measures), *measures]


def _of_all(location: str, images: int, measures: list[Measure]) -> Measure:
    return Measure(
        location,
        ALL,
        images,
        sum(measure.truths for measure in measures),
        _mean([measure.average_precision for measure in measures]),
        _mean([measure.average_precision_50 for measure in measures]),
        sum((measure.counts for measure in measures), Counts(0, 0, 0)),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _warn(evaluation: Evaluation) -> None:
    unknown = ", ".join(evaluation.not_evaluated)
    for count, problem in (
        (evaluation.without_results, "images of the truth are not in the results, and are left out"),
        (evaluation.failed, "images could not be looked at: what is in them counts as missed"),
        (evaluation.other_shape, "images have another shape in the truth: are they turned, or cut?"),
        (sum(evaluation.not_evaluated.values()), f"detections are of what the truth does not know: {unknown}"),
    ):
        if count:
            log.warning("%d %s", count, problem)
