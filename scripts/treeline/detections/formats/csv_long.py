"""CSV with a row a detection, and one for each image without any.

The columns are those of Treeline's own table of detections, as far as a file of results has them. What has no column
of its own stands in `image_fields` and `detection_fields` as JSON objects, so that the way back loses no field of an
image; what a results file says of itself, `info`, is not in a table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, cast

from treeline.detections.formats.labels import CERTAIN, new_results
from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.results import Results
from treeline.io.write_results import as_json

Fields: TypeAlias = dict[str, Any]

IMAGE_COLUMNS = {"failure": "failure", "image_width": "width", "image_height": "height", "datetime": "datetime"}
"""Columns of fields of an image beside `file`."""

BOX_COLUMNS = ("x_min", "y_min", "box_width", "box_height")
COLUMNS = (
    "file",
    *IMAGE_COLUMNS,
    "category",
    "confidence",
    *BOX_COLUMNS,
    "frame_number",
    "classification",
    "classification_confidence",
    "image_fields",
    "detection_fields",
)
FAILURE_WITHOUT_TEXT = "unknown failure"
OWN_OF_IMAGE = frozenset({"file", "detections", *IMAGE_COLUMNS.values()})
OWN_OF_DETECTION = frozenset({"category", "conf", "bbox", "frame_number"})


def write_csv_long(results: Results, target: Path) -> None:
    """Write results as a CSV of `COLUMNS`.

    Boxes are shares of the image, from its upper left corner. `classification` is the likeliest one; all of them are
    in `detection_fields`.

    Args:
        results: With categories by name.
        target: CSV, RFC 4180.
    """
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for image in cast(list[Fields], results["images"]):
            writer.writerows(_to_rows(image))


def read_csv_long(source: Path) -> Results:
    """Read a CSV of `COLUMNS`, or of some of them: `file` is needed, and of a detection its category and box.

    Returns:
        Results with categories by name, not yet checked; a detection without confidence is certain.

    Raises:
        InputError: It is no such table; names the row and the column.
    """
    images: dict[str, Fields] = {}
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            csv.field_size_limit(2**31 - 1)
            table = csv.DictReader(file, strict=True)
            if "file" not in (table.fieldnames or ()):
                raise InputError(source, "the column is missing.", field="file")
            for number, row in enumerate(table, start=1):
                _add_row(images, _Row(source, number, row))
    except FileNotFoundError:
        raise InputError(source, "no such file.", fix="Check the path.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(source, f"cannot be read as CSV ({error}).") from None
    for image in images.values():
        if image.get("failure") is not None and not image["detections"]:
            image["detections"] = None
    return new_results(cast(Any, list(images.values())))


def _to_rows(image: Fields) -> Iterator[Fields]:
    """The rows of an image; None is written as an empty cell."""
    common = {"file": image["file"], "image_fields": _other_fields(image, OWN_OF_IMAGE)}
    common.update((column, image.get(field)) for column, field in IMAGE_COLUMNS.items())
    if image.get("failure") == "":
        common["failure"] = FAILURE_WITHOUT_TEXT
    for found in image["detections"] or ():
        kind, likelihood = max(found.get("classifications") or [("", "")], key=lambda pair: pair[1])
        yield {
            **common,
            "category": found["category"],
            "confidence": found["conf"],
            **dict(zip(BOX_COLUMNS, found["bbox"], strict=True)),
            "frame_number": found.get("frame_number"),
            "classification": kind,
            "classification_confidence": likelihood,
            "detection_fields": _other_fields(found, OWN_OF_DETECTION),
        }
    if not image["detections"]:
        yield common


def _other_fields(content: Fields, own: frozenset[str]) -> str:
    others = {field: value for field, value in content.items() if field not in own}
    return as_json(others) if others else ""


class _Row:
    """A row's cells, by column, with the place to name where one is wrong."""

    def __init__(self, source: Path, number: int, cells: dict[str, str | None]) -> None:
        self._source, self._number, self._cells = source, number, cells
        if None in cells:
            raise InputError(source, "has more cells than there are columns.", row=number)

    def text(self, column: str) -> str | None:
        """The cell's text; None where it is empty."""
        return self._cells.get(column) or None

    def needed(self, column: str) -> str:
        """The cell's text, which must be there."""
        return self.text(column) or self.refuse(column, "is empty.")

    def value(self, column: str, read: Callable[[str], Any]) -> Any:
        """The cell as a number or JSON object; None where it is empty."""
        text = self.text(column)
        try:
            return None if text is None else read(text)
        except ValueError:
            self.refuse(column, f"is {text!r}, which cannot be read as {read.__name__.strip('_')}.")

    def refuse(self, column: str, problem: str) -> NoReturn:
        """Say that a cell is wrong."""
        raise InputError(self._source, problem, row=self._number, field=column)


def _object(text: str) -> Fields:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("no object")
    return content


def _add_row(images: dict[str, Fields], row: _Row) -> None:
    """Add a row's image, if it is new, and its detection, if it has one."""
    name = row.needed("file")
    image: Fields = {**(row.value("image_fields", _object) or {}), "file": name, "detections": []}
    for column, field in IMAGE_COLUMNS.items():
        value = row.value(column, int) if column.startswith("image_") else row.text(column)
        if value is not None:
            image[field] = value
    known = images.setdefault(name, image)
    for field in known.keys() | image.keys():
        if field != "detections" and known.get(field) != image.get(field):
            row.refuse(field, f"differs from what an earlier row says of {name!r}.")
    if any(row.text(column) is not None for column in ("category", "confidence", *BOX_COLUMNS)):
        known["detections"].append(_detection(row))


def _detection(row: _Row) -> Fields:
    confidence = row.value("confidence", float)
    for column in BOX_COLUMNS:
        row.needed(column)
    found: Fields = {
        **(row.value("detection_fields", _object) or {}),
        "category": row.needed("category"),
        "conf": CERTAIN if confidence is None else confidence,
        "bbox": [row.value(column, float) for column in BOX_COLUMNS],
    }
    if (frame := row.value("frame_number", int)) is not None:
        found["frame_number"] = frame
    if "classifications" not in found and (kind := row.text("classification")) is not None:
        likelihood = row.value("classification_confidence", float)
        found["classifications"] = [[kind, CERTAIN if likelihood is None else likelihood]]
    return found
