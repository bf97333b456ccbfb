"""Read a file of detector results: MegaDetector results format 1.3 to 1.6, from any program that writes it.

What the format leaves open is settled here (https://lila.science/megadetector-output-format, and the validator of the
megadetector package): a missing list of detections is null, a confidence below 0 is one that repeat-detection removal
has struck out, and fields that the format does not know are kept as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from treeline.detect.results import ImageResult, Results
from treeline.errors import InputError

OLDEST_VERSION = 1.3
MOST_OUTSIDE = 0.01
"""Boxes are rounded and models overshoot: so far, as a share of the image, one may reach beyond it."""

_RESULTS = TypeAdapter(Results)


def read_results(file: Path) -> Results:
    """Read and check a whole results file.

    Args:
        file: JSON.

    Returns:
        The file's content, with unknown fields. Every image has `detections`, which is None where it failed; every
        category of a detection or classification is among the file's categories, and every number is finite.

    Raises:
        InputError: The file is missing, is no JSON, or is not of the format; names the image and the field.
    """
    try:
        content = file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(file, "no such file.", fix="Check the path.") from None
    try:
        results = _RESULTS.validate_json(content)
    except ValidationError as error:
        _refuse(file, content, error)
    _check_version(file, results)
    first_place: dict[str, int] = {}
    for number, image in enumerate(results["images"]):
        image.setdefault("detections", None)
        _check_image(file, results, number, image)
        if first_place.setdefault(image["file"], number) != number:
            place = f"images[{number}]"
            raise InputError(file, f"{place}: {image['file']} is there twice.", fix="Give each image one entry.")
    return results


def _check_version(file: Path, results: Results) -> None:
    version = results["info"].get("format_version")
    try:
        number = float(version)  # type: ignore[arg-type]  # None is refused like any other value
    except (TypeError, ValueError):
        raise InputError(
            file, f"is {version!r}, which is no version such as '1.6'.", field="info.format_version"
        ) from None
    if number < OLDEST_VERSION:
        fix = "Convert it with the megadetector package."
        raise InputError(file, f"{version} is older than {OLDEST_VERSION}.", field="info.format_version", fix=fix)


def _check_image(file: Path, results: Results, number: int, image: ImageResult) -> None:
    """Check what a schema of types cannot say."""

    def refuse(place: str, problem: str) -> NoReturn:
        raise InputError(file, f"images[{number}] ({image['file']}): {problem}", field=place)

    if image["detections"] is None:
        if image.get("failure") is None:
            refuse("detections", "has neither detections nor a failure.")
        return
    for place, detection in enumerate(image["detections"]):
        if detection["category"] not in results["detection_categories"]:
            refuse(f"detections[{place}].category", f"{detection['category']!r} is not among detection_categories.")
        left, top, width, height = detection["bbox"]
        inside = min(left, top) >= -MOST_OUTSIDE and max(left + width, top + height) <= 1 + MOST_OUTSIDE
        if not inside or min(width, height) < 0:
            refuse(f"detections[{place}].bbox", f"{detection['bbox']} reaches beyond the image, whose sides are 1.")
        for category, _ in detection.get("classifications") or ():
            if category not in results.get("classification_categories", {}):
                refuse(f"detections[{place}].classifications", f"{category!r} is not among classification_categories.")


def _refuse(file: Path, content: bytes, error: ValidationError) -> NoReturn:
    """Say where the first problem is, with the name of the image that it is in."""
    problem = error.errors(include_url=False)[0]
    if problem["type"] == "json_invalid":
        raise InputError(file, f"is no JSON: {problem['ctx']['error']}.") from None
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).removeprefix(".")
    place = place or "the whole file"
    raise InputError(file, f"{_image_at(content, problem['loc'])}{problem['msg']}.", field=place) from None


def _image_at(content: bytes, place: tuple[Any, ...]) -> str:
    if len(place) < 2 or place[0] != "images":
        return ""
    image = json.loads(content)["images"][place[1]]
    return f"image {image['file']!r}: " if isinstance(image, dict) and "file" in image else ""
