"""Read detector results (MegaDetector results format 1.3 to 1.6), an image at a time.

Boxes get the detector's confidence, and their images stay unannotated: nobody has looked. An image that the catalogue
has already, from another source of the same data set, gets the boxes; any other becomes an image of its own. One that
failed, or that repeat-detection removal has emptied, has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import duckdb
from pydantic import TypeAdapter, ValidationError

from treeline.catalog.json_stream import as_json, others, read_objects
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager
from treeline.errors import InputError
from treeline.io.read_results import MOST_OUTSIDE
from treeline.io.results import Detection, ImageResult
from treeline.io.tables import read_table

KNOWN_OF_IMAGE = frozenset(ImageResult.__annotations__) - {"failure"} | {"max_detection_conf"}
KNOWN_OF_DETECTION = frozenset(Detection.__annotations__) - {"frame_number"}
CATEGORIES = {"human": "person", "car": "vehicle"}
"""What other detectors call the categories of boxes."""

_EXIF_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) ")
_IMAGE = TypeAdapter(ImageResult)


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a results file.

    Raises:
        InputError: It is not of the format, or names no data set; names the image and the field.
    """
    dataset = source.required_dataset
    categories = _names(source, "detection_categories")
    classes = _names(source, "classification_categories")
    location_of = _locations(source)
    with Stager(connection) as stager:
        for item, entry in enumerate(read_objects(source.path, "images.item"), start=1):
            image = _checked(source, item, entry)
            stager.add(
                "staged_images",
                item=item,
                dataset=dataset,
                location=location_of(image["file"]),
                file=image["file"],
                datetime=_EXIF_DATE.sub(r"\1-\2-\3 ", image.get("datetime") or "") or None,
                width=image.get("width"),
                height=image.get("height"),
                annotated=False,
                properties=others(entry, KNOWN_OF_IMAGE),
            )
            for place, detection in enumerate(image.get("detections") or ()):
                _stage_box(stager, source, item, place, detection, categories, classes)


def _stage_box(
    stager: Stager,
    source: Source,
    item: int,
    place: int,
    detection: Detection,
    categories: dict[str, str],
    classes: dict[str, str],
) -> None:
    try:
        category = categories[detection["category"]]
        ranked = [(classes[number], confidence) for number, confidence in detection.get("classifications") or ()]
    except KeyError as error:
        problem = f"images[{item - 1}].detections[{place}]: the file has no category {error}."
        raise InputError(source.path, problem, field="categories") from None
    x_min, y_min, width, height = detection["bbox"]
    is_inside = min(x_min, y_min) >= -MOST_OUTSIDE and max(x_min + width, y_min + height) <= 1 + MOST_OUTSIDE
    if not is_inside or min(width, height) < 0:
        problem = f"images[{item - 1}].detections[{place}]: {detection['bbox']} reaches beyond the image."
        raise InputError(source.path, problem, field="bbox", fix="Its sides are 1: left, top, width, height.")
    more = dict(detection) | ({"classifications": ranked} if ranked else {})
    stager.add(
        "staged_boxes",
        item=item,
        box=place,
        category=CATEGORIES.get(category, category),
        **{"class": ranked[0][0] if ranked else None},
        x_min=min(max(x_min, 0.0), 1.0),
        y_min=min(max(y_min, 0.0), 1.0),
        width=max(min(width, 1.0 - max(x_min, 0.0)), 0.0),
        height=max(min(height, 1.0 - max(y_min, 0.0)), 0.0),
        confidence=detection["conf"],
        properties=others(more, KNOWN_OF_DETECTION - {"classifications"} if ranked else KNOWN_OF_DETECTION),
    )


def _names(source: Source, field: str) -> dict[str, str]:
    """The names of a file's categories by their numbers."""
    found = next(read_objects(source.path, field), {})
    if not all(isinstance(name, str) for name in found.values()):
        raise InputError(source.path, "expected an object of numbers and names.", field=field)
    return found


def _checked(source: Source, item: int, entry: dict[str, Any]) -> ImageResult:
    try:
        return _IMAGE.validate_json(as_json(entry))  # strictly: a list of Python is no tuple
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, (f"images[{item - 1}]", *problem["loc"])))
        name = entry.get("file")
        raise InputError(source.path, f"image {name!r}: {problem['msg']}.", field=place) from None


def _locations(source: Source) -> Callable[[str], str | None]:
    """How an image's location is told: by a table of file and location, or by its folder."""
    if table := source.tables.get("locations"):
        rows = read_table(table, {"file": "VARCHAR", "location": "VARCHAR"})
        locations = dict(zip(rows["file"].to_pylist(), rows["location"].to_pylist(), strict=True))
        return lambda file: None if (found := locations.get(file)) is None else as_json(found)
    return lambda file: as_json(folder) if (folder := str(PurePosixPath(file).parent)) != "." else None
