"""Read what is really in images: boxes or labels, as COCO JSON, COCO Camera Traps (CCT) JSON, or a CSV table.

COCO: https://cocodataset.org/#format-data; CCT, which adds locations, labels without boxes, and a category `empty`:
https://github.com/agentmorris/MegaDetector/blob/main/megadetector/data_management/README.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from treeline.detections.tables import read_rows
from treeline.errors import InputError

EMPTY = "empty"
"""The label of an image without anything in it, as CCT calls it."""

IGNORE = "ignore"
"""A label that cannot be evaluated: images that have it are left out."""

OTHERS = "*"
"""Stands for all labels that are not given a category by their name."""

_FORMAT = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


@with_config(_FORMAT)
class _Image(TypedDict):
    id: int | str
    file_name: Annotated[str, Field(min_length=1)]
    width: NotRequired[float | None]
    height: NotRequired[float | None]
    location: NotRequired[str | int | None]


@with_config(_FORMAT)
class _Annotation(TypedDict):
    image_id: int | str
    category_id: int | str
    bbox: NotRequired[Annotated[list[float], Field(min_length=4, max_length=4)] | None]
    iscrowd: NotRequired[int | None]


@with_config(_FORMAT)
class _Category(TypedDict):
    id: int | str
    name: Annotated[str, Field(min_length=1)]


@with_config(_FORMAT)
class _File(TypedDict):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


_FILE = TypeAdapter(_File)


class TrueBox(NamedTuple):
    """A box that is really there.

    Args:
        category: Its name.
        box: Left, top, width and height in pixels.
        crowd: Whether it holds many, so that detections in it are neither right nor wrong.
    """

    category: str
    box: list[float]
    crowd: bool


@dataclass
class TrueImage:
    """What is really in an image.

    Args:
        location: Where it was taken; None where the file does not say.
        size: Height and width in pixels, if the file says.
        labels: Categories that are in it; none in an empty one.
        boxes: Where they are.
        unboxed: Categories of which it is not said where they are.
    """

    location: str | None
    size: tuple[float, float] | None = None
    labels: set[str] = field(default_factory=set)
    boxes: list[TrueBox] = field(default_factory=list)
    unboxed: set[str] = field(default_factory=set)


@dataclass
class Truth:
    """What is really in the images of a file.

    Args:
        file: It.
        images: By file name; in the order of their ids, as pycocotools takes them, or of their names in a table.
        categories: Names of the categories that the images may hold, also of those that none holds.
        ignored: Number of images that were left out for a label.
    """

    file: Path
    images: dict[str, TrueImage]
    categories: set[str]
    ignored: int = 0

    def labelled(self) -> Counter[str]:
        """Number of images of each category."""
        return Counter(label for image in self.images.values() for label in image.labels)


def read_truth(file: Path, categories: Mapping[str, str]) -> Truth:
    """Read ground truth, and call its labels by the results' categories.

    Args:
        file: JSON (COCO, CCT), or CSV with the columns `file`, `label` and, if known, `location`; of an image with
            several labels, one row each.
        categories: What a label counts as: a category, `EMPTY` or `IGNORE`. A label that is not there counts as
            `OTHERS` does, and without that as itself.

    Raises:
        InputError: The file is missing, is of another format, or contradicts itself; names the place.
    """
    read = _read_csv if file.suffix.lower() == ".csv" else _read_json
    truth = read(file, categories)
    if not truth.images:
        raise InputError(file, "has no image that can be evaluated.")
    return truth


def _category_of(label: str, categories: Mapping[str, str]) -> str:
    if label in categories:
        return categories[label]
    return label if label in (EMPTY, IGNORE) else categories.get(OTHERS, label)


def _read_csv(file: Path, categories: Mapping[str, str]) -> Truth:
    images: dict[str, TrueImage] = {}
    known: set[str] = set()
    for number, row in read_rows(file, ("file", "label")):
        location = row.get("location") or None
        image = images.setdefault(row["file"], TrueImage(location))
        if image.location != location:
            problem = f"{row['file']} is at {image.location!r} above, and here at {location!r}."
            raise InputError(file, problem, row=number, field="location")
        category = _category_of(row["label"], categories)
        image.labels.add(category)
        image.unboxed.add(category)
        known.add(category)
    return _without_ignored(file, dict(sorted(images.items())), known)


def _read_json(file: Path, categories: Mapping[str, str]) -> Truth:
    content = _parse(file)
    names = {category["id"]: _category_of(category["name"], categories) for category in content["categories"]}
    images: dict[str, TrueImage] = {}
    by_id: dict[int | str, TrueImage] = {}
    entries = sorted(enumerate(content["images"]), key=lambda item: (str(type(item[1]["id"])), item[1]["id"]))
    for number, entry in entries:
        image = _true_image(entry)
        if images.setdefault(entry["file_name"], image) is not image:
            raise InputError(file, f"{entry['file_name']} is there twice.", field=f"images[{number}].file_name")
        if by_id.setdefault(entry["id"], image) is not image:
            raise InputError(file, f"{entry['id']!r} is there twice.", field=f"images[{number}].id")
    for number, annotation in enumerate(content["annotations"]):
        place = f"annotations[{number}]"
        if annotation["image_id"] not in by_id:
            raise InputError(file, f"no image has the id {annotation['image_id']!r}.", field=f"{place}.image_id")
        if annotation["category_id"] not in names:
            raise InputError(file, f"no category has the id {annotation['category_id']!r}.", field=place)
        box = annotation.get("bbox")
        if box is not None and min(box[2:]) < 0:
            raise InputError(file, f"{box} has a negative side.", field=f"{place}.bbox")
        _annotate(by_id[annotation["image_id"]], names[annotation["category_id"]], annotation)
    return _without_ignored(file, images, set(names.values()))


def _parse(file: Path) -> _File:
    try:
        return _FILE.validate_json(file.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(file, "no such file.", fix="Check the path.") from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the whole file"
        fix = "Give COCO or COCO Camera Traps JSON, or a .csv with the columns file, label."
        raise InputError(file, f"{problem['msg']}.", field=place, fix=fix) from None


def _true_image(entry: _Image) -> TrueImage:
    location = entry.get("location")
    width, height = entry.get("width"), entry.get("height")
    size = (height, width) if width and height else None
    return TrueImage(None if location is None else str(location), size)


def _annotate(image: TrueImage, category: str, annotation: _Annotation) -> None:
    image.labels.add(category)
    box = annotation.get("bbox")
    if box is not None:
        image.boxes.append(TrueBox(category, box, bool(annotation.get("iscrowd"))))
    else:
        image.unboxed.add(category)


def _without_ignored(file: Path, images: dict[str, TrueImage], categories: set[str]) -> Truth:
    """Leave out images that cannot be judged, and the label of empty ones, which have none then."""
    kept = {name: image for name, image in images.items() if IGNORE not in image.labels}
    for image in kept.values():
        image.labels.discard(EMPTY)
        image.unboxed.discard(EMPTY)
        image.boxes = [box for box in image.boxes if box.category != EMPTY]
    return Truth(file, kept, categories - {EMPTY, IGNORE}, len(images) - len(kept))
