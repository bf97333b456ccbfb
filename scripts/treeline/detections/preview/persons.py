"""Which boxes show persons, and how to make them unrecognisable.

The pixels are averaged away in what is written, so that nothing in the page brings them back. A person that the
detector did not find stays as it is.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import cv2

from treeline.io.images import Pixels
from treeline.io.results import Detection, ImageResult, Results

Persons = Literal["show", "blur", "withhold"]

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height as shares of the image."""

PERSON_NAMES = frozenset({"person", "human", "people", "homo sapiens"})
"""What detectors and classifiers call a person, in lower case."""

MARGIN = 0.1
"""How far the blur goes beyond a box on each side, as a share of the box's: heads and hands stick out."""

CELLS = 6
"""A box's longer side is averaged into so many cells at most, of which no face can be told."""

CELL_PIXELS = 4
"""Least width and height of a cell, so that small boxes lose as much."""


def knows_persons(results: Results) -> bool:
    """Whether any category of the results is that of persons."""
    names = (*results["detection_categories"].values(), *results.get("classification_categories", {}).values())
    return any(map(_means_person, names))


def person_boxes(image: ImageResult, results: Results, threshold: float) -> list[Box]:
    """The boxes that show a person, by their category or the first of their classifications.

    Args:
        image: Its entry.
        results: The content of the file of the entry.
        threshold: Lowest confidence; a detection that is struck out counts with the confidence that it had.
    """
    return [
        (box[0], box[1], box[2], box[3])
        for detection in image.get("detections") or ()
        if abs(detection["conf"]) >= threshold and _shows_person(detection, results)
        for box in [detection["bbox"]]
    ]


def blur(pixels: Pixels, boxes: list[Box]) -> None:
    """Make what is in the boxes unrecognisable, in place."""
    height, width = pixels.shape[:2]
    for left, top, box_width, box_height in boxes:
        first_column = max(0, math.floor((left - MARGIN * box_width) * width))
        last_column = min(width, math.ceil((left + (1 + MARGIN) * box_width) * width))
        first_row = max(0, math.floor((top - MARGIN * box_height) * height))
        last_row = min(height, math.ceil((top + (1 + MARGIN) * box_height) * height))
        region = pixels[first_row:last_row, first_column:last_column]
        if region.size:
            region[:] = _average_away(region)


def _average_away(region: Pixels) -> Pixels:
    height, width = region.shape[:2]
    cell = max(CELL_PIXELS, max(height, width) / CELLS)
    cells = max(1, int(width / cell)), max(1, int(height / cell))
    few = cv2.resize(region, cells, interpolation=cv2.INTER_AREA)
    return cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR).astype(region.dtype)


def _shows_person(detection: Detection, results: Results) -> bool:
    if _means_person(results["detection_categories"][detection["category"]]):
        return True
    first = (detection.get("classifications") or ())[:1]
    return any(_means_person(results["classification_categories"][number]) for number, _ in first)


def _means_person(name: str) -> bool:
    return name.strip().lower() in PERSON_NAMES
