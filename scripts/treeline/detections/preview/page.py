"""Write what the page shows as `data.js`: a script, because a page that is opened from a disk may fetch nothing."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, TypedDict

from treeline.detections.preview.parts import Part
from treeline.io.results import ImageResult, Results

NO_CLASS = -1


class Shown(TypedDict):
    """An image of the page.

    Args:
        id: Its pictures are `images/<id>.jpg` and `thumbnails/<id>.jpg`.
        file: As in the results.
        server: Host[:port] that it comes from, or empty.
        location: See `location_of`.
        time: `YYYY:MM:DD HH:MM:SS`, or empty.
        width: Pixels of the original, upright; 0 where there is no picture.
        height: Pixels, likewise.
        failure: Why the detector did not look at it, or empty.
        problem: Why there is no picture, or empty.
        boxes: By falling confidence: number of the category, confidence, left, top, width, height, number of the
            class or -1, confidence of the class.
        credits: Title, source, licence, address, as far as they are known.
    """

    id: str
    file: str
    server: str
    location: str
    time: str
    width: int
    height: int
    failure: str
    problem: str
    boxes: list[list[float]]
    credits: dict[str, str]


class Numbering:
    """Numbers names in the order that they come in."""

    def __init__(self, names: list[str] | None = None) -> None:
        self._numbers = {name: number for number, name in enumerate(names or [])}

    def number(self, name: str) -> int:
        """The number of a name."""
        return self._numbers.setdefault(name, len(self._numbers))

    @property
    def names(self) -> list[str]:
        """The names by number."""
        return list(self._numbers)


def describe(
    identity: str, part: Part, image: ImageResult, results: Results, categories: Numbering, classes: Numbering
) -> Shown:
    """What the page needs to know of an image, its picture aside."""
    is_failed = image.get("detections") is None
    return {
        "id": identity,
        "file": image["file"],
        "server": part.server,
        "location": location_of(image),
        "time": image.get("datetime") or "",
        "width": 0,
        "height": 0,
        "failure": str(image.get("failure") or "failed") if is_failed else "",
        "problem": "",
        "boxes": _boxes(image, results, categories, classes),
        "credits": {},
    }


def location_of(image: ImageResult) -> str:
    """Where a camera stands, by the entry's `location` or else its file's folder; empty where there is neither."""
    given: Any = image.get("location")
    if isinstance(given, str | int):
        return str(given)
    folder = PurePosixPath(image["file"]).parent
    return "" if folder == PurePosixPath(".") else str(folder)


def script(data: dict[str, object]) -> str:
    """The text of `data.js`; ASCII alone, so that no server can get its encoding wrong."""
    return f"window.PREVIEW = {json.dumps(data, separators=(',', ':'))};\n"


def _boxes(image: ImageResult, results: Results, categories: Numbering, classes: Numbering) -> list[list[float]]:
    boxes: list[list[float]] = []
    for detection in image.get("detections") or ():
        category = categories.number(results["detection_categories"][detection["category"]])
        classifications = detection.get("classifications") or ()
        best: list[float] = [NO_CLASS, 0]
        for number, confidence in classifications[:1]:
            best = [classes.number(results["classification_categories"][number]), confidence]
        boxes.append([category, detection["conf"], *detection["bbox"], *best])
    return sorted(boxes, key=lambda box: -box[1])
