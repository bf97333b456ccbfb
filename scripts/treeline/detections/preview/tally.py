"""Count all images and detections of a collection, for every threshold that the page's slider can take."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

STEPS = 200
"""Thresholds that are counted for: 0, 0.005, ... 1. The slider takes every second, the others are halves of those."""

BINS = 50
"""Of the histogram, from 0 to 1; a confidence of 1 is in the last."""

_THRESHOLDS = np.arange(STEPS + 1) / STEPS
_EDGES = np.arange(BINS + 1) / BINS


class Tally:
    """Counts over images that it is shown; struck-out detections (confidence below 0) are not counted."""

    def __init__(self) -> None:
        self.images = 0
        self.failed = 0
        self.withheld = 0
        self._confidences: dict[str, Counts] = defaultdict(lambda: np.zeros(BINS, np.int64))
        self._reaching: dict[str, Counts] = defaultdict(lambda: np.zeros(STEPS + 1, np.int64))
        self._any_reaching = np.zeros(STEPS + 1, np.int64)

    def add(self, confidences: dict[str, list[float]], highest: list[dict[str, float]]) -> None:
        """Count the images that were looked at of one results file.

        Args:
            confidences: Of all detections, by category.
            highest: For each image, the highest confidence by category.
        """
        for name, values in confidences.items():
            self._confidences[name] += np.histogram([value for value in values if value >= 0], _EDGES)[0]
        by_category: dict[str, list[float]] = defaultdict(list)
        for of_image in highest:
            for name, confidence in of_image.items():
                by_category[name].append(confidence)
        for name, values in by_category.items():
            self._reaching[name] += _count_reaching(values)
        self._any_reaching += _count_reaching([max(of_image.values()) for of_image in highest if of_image])

    def as_data(self, categories: list[str]) -> dict[str, object]:
        """The counts as the page takes them, the categories in the order that is given."""
        return {
            "images": self.images,
            "failed": self.failed,
            "withheld": self.withheld,
            "histogram": [self._confidences[name].tolist() for name in categories],
            "reaching": [self._reaching[name].tolist() for name in categories],
            "anyReaching": self._any_reaching.tolist(),
        }


def _count_reaching(values: list[float]) -> Counts:
    """How many values are at or above each threshold."""
    return len(values) - np.searchsorted(np.sort(values), _THRESHOLDS, side="left").astype(np.int64)
