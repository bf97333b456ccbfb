"""labelme (https://github.com/wkentaro/labelme): a JSON file beside each image, with rectangles in pixels.

Confidence is `conf` of a shape, as the megadetector package writes it. What labelme has no field for stands under
`attributes` of a shape or file, which labelme keeps when it saves.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NotRequired, TypeAlias, cast

from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, with_config
from typing_extensions import TypedDict

from treeline.detections.formats.labels import CERTAIN, label_files, new_results, rounded_box
from treeline.detections.image_files import find_files
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder
from treeline.io.read_results import parse_json, read_file
from treeline.io.results import Results
from treeline.io.write_results import as_json

Fields: TypeAlias = dict[str, Any]

VERSION = "5.5.0"
AS_WRITTEN = ConfigDict(extra="ignore", allow_inf_nan=False)


@with_config(AS_WRITTEN)
class LabelmeShape(TypedDict):
    """A shape: of a rectangle, two opposite corners in pixels."""

    label: Annotated[str, Field(min_length=1)]
    points: list[tuple[float, float]]
    shape_type: str
    conf: NotRequired[float]
    attributes: NotRequired[Fields]


@with_config(AS_WRITTEN)
class LabelmeFile(TypedDict):
    """The labels of an image."""

    imagePath: Annotated[str, Field(min_length=1)]
    imageHeight: PositiveInt
    imageWidth: PositiveInt
    shapes: list[LabelmeShape]
    attributes: NotRequired[Fields]


_LABELME = TypeAdapter(LabelmeFile)


def write_labelme(results: Results, target: Path, source: Path) -> None:
    """Write a labelme file for each image.

    Args:
        results: With categories by name, of images that have not failed and have a size.
        target: Folder of the JSON files, laid out like the images; replaced as a whole.
        source: Where the results are from.

    Raises:
        InputError: Two images would share a file.
    """
    files = label_files(source, [image["file"] for image in results["images"]], ".json")
    with atomic_folder(target) as folder:
        for image in cast(list[Fields], results["images"]):
            file = folder / files[image["file"]]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(as_json(_to_file(image)) + "\n", "utf-8")


def read_labelme(source: Path) -> Results:
    """Read all labelme files of a folder, at any depth; a rectangle without `conf` is certain.

    Returns:
        Results with categories by name, not yet checked.

    Raises:
        InputError: A file is not labelme's, or has another shape than rectangles; names the file and the field.
    """
    images = [
        _from_file(source / name, PurePosixPath(name).parent) for name in find_files(source, frozenset({".json"}))
    ]
    return new_results(cast(Any, images))


def _to_file(image: Fields) -> Fields:
    fields = {
        "version": VERSION,
        "flags": {},
        "shapes": [_to_shape(found, image["width"], image["height"]) for found in image["detections"]],
        "imagePath": PurePosixPath(image["file"]).name,
        "imageData": None,
        "imageHeight": image["height"],
        "imageWidth": image["width"],
    }
    return _with_attributes(fields, image, ("file", "width", "height", "detections"))


def _to_shape(found: Fields, width: int, height: int) -> Fields:
    left, top, box_width, box_height = found["bbox"]
    fields = {
        "label": found["category"],
        "points": [[left * width, top * height], [(left + box_width) * width, (top + box_height) * height]],
        "group_id": None,
        "description": "",
        "shape_type": "rectangle",
        "flags": {},
        "conf": found["conf"],
    }
    return _with_attributes(fields, found, ("category", "conf", "bbox"))


def _with_attributes(fields: Fields, content: Fields, taken: tuple[str, ...]) -> Fields:
    attributes = {field: value for field, value in content.items() if field not in taken}
    return {**fields, "attributes": attributes} if attributes else fields


def _from_file(file: Path, folder: PurePosixPath) -> Fields:
    content = cast(Fields, parse_json(file, read_file(file), _LABELME))
    name = (folder / content["imagePath"].replace("\\", "/")).as_posix()
    size = {"width": content["imageWidth"], "height": content["imageHeight"]}
    detections = [_from_shape(file, number, shape, size) for number, shape in enumerate(content["shapes"])]
    return {**content.get("attributes", {}), "file": name, "detections": detections, **size}


def _from_shape(file: Path, number: int, shape: Fields, size: dict[str, int]) -> Fields:
    if shape["shape_type"] != "rectangle" or len(shape["points"]) != 2:
        problem = f"is {shape['shape_type']!r} of {len(shape['points'])} points, not a rectangle of two."
        raise InputError(file, problem, field=f"shapes[{number}].shape_type", fix="Remove it, or draw a rectangle.")
    (x1, x2), (y1, y2) = (sorted(values) for values in zip(*shape["points"], strict=True))
    width, height = size["width"], size["height"]
    box = rounded_box(x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)
    return {
        **shape.get("attributes", {}),
        "category": shape["label"],
        "conf": shape.get("conf", CERTAIN),
        "bbox": box,
    }
