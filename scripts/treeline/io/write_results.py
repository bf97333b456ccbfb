"""Write a file of detector results that every reader of the format takes, the megadetector package's included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from treeline.io.atomic import atomic_path
from treeline.io.results import Results

SEPARATOR_OF_FAILURES = "; "


def write_detections(target: Path, results: Results) -> None:
    """Write results as a whole or not at all, one image a line.

    What the format does not allow is put right: an image's `failure` beside detections (`settle_failure`), a version
    that is a number, and a `max_detection_conf`, where there is one, of other detections.

    Args:
        target: JSON; its folder is made.
        results: What `read_results` gives; unknown fields are written as they are.
    """
    content = cast(dict[str, Any], results)
    info = {**results["info"], "format_version": str(results["info"]["format_version"])}
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("{\n")
        for field, value in {**content, "info": info}.items():
            if field != "images":
                file.write(f"{as_json(field)}: {as_json(value)},\n")
        file.write('"images": [')
        for number, image in enumerate(content["images"]):
            settle_failure(image)
            if "max_detection_conf" in image:
                image["max_detection_conf"] = _highest(image["detections"])
            file.write((",\n" if number else "\n") + as_json(image))
        file.write("\n]\n}\n")


def _highest(detections: list[dict[str, Any]] | None) -> float | None:
    return None if detections is None else max((detection["conf"] for detection in detections), default=0.0)


def settle_failure(image: dict[str, Any]) -> None:
    """Have an image either fail or hold detections, in place.

    The format forbids a `failure` beside detections, and some programs write it: with an empty list of detections the
    image has failed; with detections the failure goes on as `partial_failure`, a field that the format does not know.
    """
    if image.get("failure") is None or image["detections"] is None:
        return
    if image["detections"]:
        image["partial_failure"] = join_failures(image.pop("failure"), image.get("partial_failure"))
    else:
        image["detections"] = None


def join_failures(*failures: object) -> str:
    """Put failures into one text, each once and in alphabetical order."""
    texts = (str(failure) for failure in failures if failure is not None)
    parts = {part for text in texts for part in text.split(SEPARATOR_OF_FAILURES)}
    return SEPARATOR_OF_FAILURES.join(sorted(parts - {""}))


def as_json(value: object) -> str:
    """Encode a value in one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """Encode a value such that equal values, and no others, have equal texts."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
