"""Say in a line what a file of results holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from treeline.detections.categories import name_categories
from treeline.io.read_results import read_results


def describe(file: Path) -> str:
    """Read and check a file of results, and count what it holds.

    Returns:
        One line: version, images, those that failed, detections by category, those that are struck out.

    Raises:
        InputError: The file is not of the format.
    """
    results = read_results(file)
    name_categories(results)
    failed = sum(image["detections"] is None for image in results["images"])
    beside = sum(bool(image["detections"]) and image.get("failure") is not None for image in results["images"])
    detections = [found for image in results["images"] for found in image["detections"] or ()]
    struck_out = sum(found["conf"] < 0 for found in detections)
    counts = sorted(Counter(found["category"] for found in detections).items())
    parts = [
        f"format {results['info']['format_version']}",
        f"{len(results['images'])} images, {failed} of them failed",
        f"{len(detections)} detections" + "".join(f", {count} {name}" for name, count in counts),
        f"{struck_out} struck out" if struck_out else "",
        f"{beside} images with a failure beside detections" if beside else "",
    ]
    return "; ".join(filter(None, parts))
