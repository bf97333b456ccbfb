"""Take a part of the results: some images by their path, of each the detections that matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias, cast

from treeline.errors import InputError
from treeline.io.read_results import read_results
from treeline.io.results import Detection, Results
from treeline.io.write_results import settle_failure, write_detections

Test: TypeAlias = Callable[[Detection], bool]


@dataclass(frozen=True)
class Selection:
    """Which images and which of their detections to keep; without a word, all.

    Args:
        paths: Patterns such as `camera_1/*`, where `*` stands for any characters, slashes too, `?` for one, and
            `[ab]` for one of some; an image is kept if one fits its whole name.
        categories: Names.
        threshold: Lowest confidence, 0 to 1; detections that are struck out are below it.
        min_size: Smallest box, as a share of the image's area, 0 to 1.
        max_size: Largest box, likewise.
    """

    paths: Sequence[str] = ()
    categories: Sequence[str] = ()
    threshold: float | None = None
    min_size: float | None = None
    max_size: float | None = None


@dataclass
class SubsetReport:
    """What was kept, and why the rest was not: the first reason that applies.

    Args:
        images: Number of images kept.
        detections: Number of detections kept.
        images_left_out: By path.
        detections_left_out: Number by reason.
    """

    images: int = 0
    detections: int = 0
    images_left_out: int = 0
    detections_left_out: Counter[str] = field(default_factory=Counter)


def subset_results(file: Path, target: Path, selection: Selection) -> SubsetReport:
    """Write the selected part of a file of results.

    An image that loses all its detections stays, as one that was looked at; ids and order stay as they are.

    Raises:
        InputError: The file is not of the format, or has no such category.
    """
    results = read_results(file)
    tests = _tests(file, results, selection)
    report = SubsetReport()
    kept = []
    for image in results["images"]:
        settle_failure(cast(dict[str, Any], image))  # or without detections it would be one that failed
        detections = image["detections"]
        if selection.paths and not any(fnmatchcase(image["file"], pattern) for pattern in selection.paths):
            report.images_left_out += 1
            report.detections_left_out["path"] += len(detections or ())
            continue
        if detections is not None:
            reasons = [next((name for name, fails in tests if fails(found)), None) for found in detections]
            report.detections_left_out.update(reason for reason in reasons if reason is not None)
            detections = [found for found, reason in zip(detections, reasons, strict=True) if reason is None]
            report.detections += len(detections)
            image["detections"] = detections
        kept.append(image)
    report.images = len(kept)
    results["images"] = kept
    write_detections(target, results)
    return report


def _tests(file: Path, results: Results, selection: Selection) -> list[tuple[str, Test]]:
    """The reasons to leave a detection out, each with its test, in their order."""
    names = results["detection_categories"]
    for category in selection.categories:
        if category not in names.values():
            known = ", ".join(sorted(set(names.values())))
            raise InputError(file, f"has no category {category!r}, but {known}.", field="detection_categories")
    wanted = {id for id, name in names.items() if name in selection.categories}
    threshold, min_size, max_size = selection.threshold, selection.min_size, selection.max_size
    tests: list[tuple[str, Test]] = []
    if selection.categories:
        tests.append(("category", lambda found: found["category"] not in wanted))
    if threshold is not None:
        tests.append(("confidence", lambda found: found["conf"] < threshold))
    if min_size is not None:
        tests.append(("size", lambda found: _size(found) < min_size))
    if max_size is not None:
        tests.append(("size", lambda found: _size(found) > max_size))
    return tests


def _size(detection: Detection) -> float:
    """Share of the image's area."""
    return detection["bbox"][2] * detection["bbox"][3]
