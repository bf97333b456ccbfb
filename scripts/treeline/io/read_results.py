"""Read a file of detector results: MegaDetector results format 1.3 to 1.6, from any program that writes it.

What the format leaves open is settled here (https://lila.science/megadetector-output-format, and the validator of the
megadetector package): a missing list of detections is null, a confidence below 0 is one that repeat-detection removal
has struck out, and fields that the format does not know are kept as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from treeline.errors import InputError
from treeline.io.results import Detection, ImageResult, Results

OLDEST_VERSION = 1.3
MOST_OUTSIDE = 0.01
"""Boxes are rounded and models overshoot: so far, as a share of the image, one may reach beyond it."""

RESULTS_FIELDS = frozenset(Results.__annotations__) - {"info"}
IMAGE_FIELDS = frozenset(ImageResult.__annotations__)
DETECTION_FIELDS = frozenset(Detection.__annotations__)

_RESULTS = TypeAdapter(Results)
_Content = TypeVar("_Content")


def read_results(file: Path) -> Results:
    """Read and check a whole results file; one of 200 MB takes 2.2 GiB of memory.

    Args:
        file: JSON.

    Returns:
        The file's content, with unknown fields. Every image has `detections`, which is None where it failed; every
        category of a detection or classification is among the file's categories, and every number is finite.

    Raises:
        InputError: The file is missing, is no JSON, or is not of the format; names the image and the field.
    """
    return parse_results(file, read_file(file))


def parse_results(file: Path, content: bytes) -> Results:
    """Check results that are in memory, as `read_results` does those of a file.

    Args:
        file: Where they are from.
        content: JSON.
    """
    results = parse_json(file, content, _RESULTS)
    _check_version(file, results)
    _check_categories(file, "detection_categories", results["detection_categories"])
    _check_categories(file, "classification_categories", results.get("classification_categories", {}))
    if (field := _not_finite(results, RESULTS_FIELDS)) is not None:
        raise InputError(file, "holds NaN or infinity, which JSON cannot.", field=field)
    first_place: dict[str, int] = {}
    for number, image in enumerate(results["images"]):
        image.setdefault("detections", None)
        _check_image(file, results, number, image)
        if first_place.setdefault(image["file"], number) != number:
            place = f"images[{number}]"
            raise InputError(file, f"{place}: {image['file']} is there twice.", fix="Give each image one entry.")
    return results


def read_file(file: Path) -> bytes:
    """Read a whole file.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(file, "no such file.", fix="Check the path.") from None
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).") from None


def parse_json(file: Path, content: bytes, schema: TypeAdapter[_Content]) -> _Content:
    """Parse JSON whose types are given.

    Raises:
        InputError: It is no JSON, or has another type somewhere; names the field.
    """
    try:
        return schema.validate_json(content)
    except ValidationError as error:
        _refuse(file, content, error)


def _check_version(file: Path, results: Results) -> None:
    version = results["info"].get("format_version")
    try:
        number = math.nan if isinstance(version, bool) else float(version)  # type: ignore[arg-type]  # None is refused
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(file, f"is {version!r}, which is no version such as '1.6'.", field="info.format_version")
    if number < OLDEST_VERSION:
        fix = "Convert it with the megadetector package."
        raise InputError(file, f"{version} is older than {OLDEST_VERSION}.", field="info.format_version", fix=fix)


def _check_categories(file: Path, field: str, categories: dict[str, str]) -> None:
    for number, name in categories.items():
        try:
            int(number)
        except ValueError:
            raise InputError(file, f"the id {number!r} is no whole number.", field=field) from None
        if not name.strip():
            raise InputError(file, f"the name of {number!r} is blank.", field=field)


def _check_image(file: Path, results: Results, number: int, image: ImageResult) -> None:
    def refuse(place: str, problem: str) -> NoReturn:
        raise InputError(file, f"images[{number}] ({image['file']}): {problem}", field=place)

    if (field := _not_finite(image, IMAGE_FIELDS)) is not None:
        refuse(field, "holds NaN or infinity, which JSON cannot.")
    if image["detections"] is None:
        if image.get("failure") is None:
            refuse("detections", "has neither detections nor a failure.")
        return
    kinds = results.get("classification_categories", {})
    for place, detection in enumerate(image["detections"]):
        if detection["category"] not in results["detection_categories"]:
            refuse(f"detections[{place}].category", f"{detection['category']!r} is not among detection_categories.")
        left, top, width, height = detection["bbox"]
        inside = min(left, top) >= -MOST_OUTSIDE and max(left + width, top + height) <= 1 + MOST_OUTSIDE
        if not inside or min(width, height) < 0:
            refuse(f"detections[{place}].bbox", f"{detection['bbox']} reaches beyond the image, whose sides are 1.")
        for kind, _ in detection.get("classifications") or ():
            if kind not in kinds:
                refuse(f"detections[{place}].classifications", f"{kind!r} is not among classification_categories.")
        if (field := _not_finite(detection, DETECTION_FIELDS)) is not None:
            refuse(f"detections[{place}].{field}", "holds NaN or infinity, which JSON cannot.")


def _not_finite(content: Any, known: Collection[str]) -> str | None:
    """The first field beside those that the schema has checked which holds a number that is not finite."""
    return next((field for field in content if field not in known and not _is_finite(content[field])), None)


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list) else True


def _refuse(file: Path, content: bytes, error: ValidationError) -> NoReturn:
    """Say where the first problem is, with the name of the image that it is in."""
    problem = error.errors(include_url=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        raise InputError(file, f"is no JSON: {problem['ctx']['error']}.") from None
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).removeprefix(".")
    place = place or "the whole file"
    raise InputError(file, f"{_image_at(content, problem['loc'])}{problem['msg']}.", field=place) from None


def _image_at(content: bytes, place: tuple[Any, ...]) -> str:
    if len(place) < 2 or place[0] != "images":
        return ""
    image = json.loads(content)["images"][place[1]]
    name = cast(dict[str, Any], image).get("file", image.get("file_name")) if isinstance(image, dict) else None
    return "" if name is None else f"image {name!r}: "
