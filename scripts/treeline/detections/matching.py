"""Which detections are right: matched with true boxes by pycocotools, or with labels of whole images.

pycocotools is the reference: which of several boxes a detection takes, what becomes of crowds, and how many detections
of an image count (100 of a category) are its rules.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from treeline.detections.scores import Scored
from treeline.detections.truth import TrueImage

MOST_DETECTIONS = 100
CHUNK_IMAGES = 5000
"""Matched at once: pycocotools keeps kilobytes of each image."""

OVERLAPS = 10
"""Intersection over union from 0.50 to 0.95 in steps of 0.05."""


@dataclass(frozen=True)
class Pair:
    """An image's truth, and what was found in it.

    Args:
        file: Its name.
        truth: What is really there.
        found: Category, confidence (0 to 1) and box (left, top, width, height as shares of the image).
        size: Height and width in pixels that the true boxes are of.
    """

    file: str
    truth: TrueImage
    found: list[tuple[str, float, list[float]]]
    size: tuple[float, float] | None


def match_boxes(pairs: Sequence[Pair], categories: Sequence[str]) -> dict[str, Scored]:
    """Match detections with true boxes, at ten overlaps.

    Args:
        pairs: Images; each has a size.
        categories: What to look at.

    Returns:
        By category; positions of images are those in `pairs`.
    """
    parts: dict[str, list[Scored]] = {category: [] for category in categories}
    for start in range(0, len(pairs), CHUNK_IMAGES):
        for category, scored in _match_chunk(pairs[start : start + CHUNK_IMAGES], categories, start).items():
            parts[category].append(scored)
    return {category: _joined(chunks) for category, chunks in parts.items()}


def match_labels(pairs: Sequence[Pair], categories: Sequence[str]) -> dict[str, Scored]:
    """Match images with their labels: the highest confidence of a category is right where the image has the label.

    Args:
        pairs: Images.
        categories: What to look at.

    Returns:
        By category, as one overlap; positions of images are those in `pairs`.
    """
    highest: dict[str, list[tuple[int, float, bool]]] = {category: [] for category in categories}
    for position, pair in enumerate(pairs):
        best: dict[str, float] = {}
        for category, confidence, _ in pair.found:
            best[category] = max(confidence, best.get(category, 0))
        for category in best.keys() & highest.keys():
            highest[category].append((position, best[category], category in pair.truth.labels))
    return {
        category: Scored(
            np.array([position for position, _, _ in rows], np.int64),
            np.array([confidence for _, confidence, _ in rows], np.float64),
            np.array([[correct for _, _, correct in rows]], np.bool_),
            np.zeros((1, len(rows)), np.bool_),
            np.array([category in pair.truth.labels for pair in pairs], np.int64),
        )
        for category, rows in highest.items()
    }


def _match_chunk(pairs: Sequence[Pair], categories: Sequence[str], start: int) -> dict[str, Scored]:
    numbers = {category: number for number, category in enumerate(categories, start=1)}
    with redirect_stdout(io.StringIO()):  # it prints what it does
        evaluation = COCOeval(
            _coco(_true(pairs, numbers), pairs, numbers), _coco(_found(pairs, numbers), pairs, numbers), "bbox"
        )
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, np.inf]], ["all"]
        evaluation.params.maxDets = [MOST_DETECTIONS]
        evaluation.evaluate()
    matched = evaluation.evalImgs  # by category, then by image
    return {
        category: _scored(matched[(number - 1) * len(pairs) : number * len(pairs)], start)
        for category, number in numbers.items()
    }


def _scored(matched: Sequence[dict[str, Any] | None], start: int) -> Scored:
    """Take over what pycocotools says of a category in each image; it says None of one without truth and detection."""
    said = [(position, image) for position, image in enumerate(matched, start=start) if image is not None]
    lengths = [len(image["dtScores"]) for _, image in said]
    flags = np.zeros((OVERLAPS, 0))
    truths = np.zeros(len(matched), np.int64)
    for position, image in said:
        truths[position - start] = np.count_nonzero(image["gtIgnore"] == 0)
    return Scored(
        np.repeat(np.array([position for position, _ in said], np.int64), lengths),
        np.array([score for _, image in said for score in image["dtScores"]], np.float64),
        np.concatenate([flags, *(image["dtMatches"] for _, image in said)], axis=1) > 0,
        np.concatenate([flags, *(image["dtIgnore"] for _, image in said)], axis=1).astype(np.bool_),
        truths,
    )


def _joined(chunks: Sequence[Scored]) -> Scored:
    return Scored(
        np.concatenate([chunk.images for chunk in chunks]),
        np.concatenate([chunk.confidences for chunk in chunks]),
        np.concatenate([chunk.correct for chunk in chunks], axis=1),
        np.concatenate([chunk.ignored for chunk in chunks], axis=1),
        np.concatenate([chunk.truths for chunk in chunks]),
    )


def _true(pairs: Sequence[Pair], numbers: dict[str, int]) -> list[dict[str, Any]]:
    return [
        _annotation(position, numbers[true.category], true.box, iscrowd=int(true.crowd))
        for position, pair in enumerate(pairs)
        for true in pair.truth.boxes
    ]


def _found(pairs: Sequence[Pair], numbers: dict[str, int]) -> list[dict[str, Any]]:
    found = []
    for position, pair in enumerate(pairs):
        assert pair.size is not None  # as the caller has promised
        height, width = pair.size
        for category, confidence, (left, top, box_width, box_height) in pair.found:
            if category in numbers:
                box = [left * width, top * height, box_width * width, box_height * height]
                found.append(_annotation(position, numbers[category], box, score=confidence, iscrowd=0))
    return found


def _annotation(image: int, category: int, box: list[float], **more: float) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], **more}


def _coco(annotations: list[dict[str, Any]], pairs: Sequence[Pair], numbers: dict[str, int]) -> COCO:
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number  # not from 0, which pycocotools takes for no match
    coco = COCO()
    coco.dataset = {
        "images": [{"id": position} for position in range(len(pairs))],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco
