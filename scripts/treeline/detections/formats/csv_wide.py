"""CSV with a row an image, for spreadsheets: how many detections of each category, and how sure the best is.

It is read by people; there is no way back from it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from treeline.io.atomic import atomic_path
from treeline.io.results import ImageResult, Results


def write_csv_wide(results: Results, target: Path) -> None:
    """Write a row for each image: `count_<category>` and `max_confidence_<category>` for every category.

    Detections that are struck out are not counted. Of an image that failed there are no counts; without detections of
    a category its count is 0 and its confidence empty.

    Args:
        results: With categories by name.
        target: CSV, RFC 4180.
    """
    categories = sorted(results["detection_categories"])
    columns = ["file", "failure", "image_width", "image_height", "datetime"]
    columns += [f"{column}_{category}" for category in categories for column in ("count", "max_confidence")]
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for image in results["images"]:
            facts = (image.get(field) for field in ("failure", "width", "height", "datetime"))
            writer.writerow([image["file"], *facts, *_cells(image, categories)])


def _cells(image: ImageResult, categories: Sequence[str]) -> Iterator[object]:
    for category in categories:
        if image["detections"] is None:
            yield from ("", "")
            continue
        confidences = [
            found["conf"] for found in image["detections"] if found["category"] == category and found["conf"] >= 0
        ]
        yield len(confidences)
        yield max(confidences, default="")
