"""From which confidence on a detection counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from treeline.io.result_checks import check_category_names
from treeline.io.results import ImageResult, Results

TYPICAL_THRESHOLD = 0.2
"""Of MDV5, and of unknown models; 0.3 is typical of redwood."""


@dataclass(frozen=True)
class Thresholds:
    """Lowest confidence that counts, from 0 to 1: what removal has struck out (below 0) never does.

    Args:
        default: Of the categories that have none of their own.
        by_category: By a category's name.
    """

    default: float = TYPICAL_THRESHOLD
    by_category: Mapping[str, float] = field(default_factory=dict)

    def of(self, category: str) -> float:
        """The threshold of a category, by its name."""
        return self.by_category.get(category, self.default)

    def check(self, file: Path, results: Results) -> None:
        """Refuse a threshold for a category that the results do not know: it would have no effect.

        Raises:
            InputError: Names the category.
        """
        check_category_names(file, results, self.by_category)


def highest_confidences(image: ImageResult, categories: Mapping[str, str]) -> dict[str, float]:
    """The highest confidence of each category in an image, struck-out detections aside.

    Args:
        image: What was found; may have failed.
        categories: The results' names of category numbers.

    Returns:
        By the category's name; categories of which nothing was found are absent.
    """
    highest: dict[str, float] = {}
    for detection in image.get("detections") or ():
        name = categories[detection["category"]]
        if detection["conf"] >= highest.get(name, 0):
            highest[name] = detection["conf"]
    return highest
