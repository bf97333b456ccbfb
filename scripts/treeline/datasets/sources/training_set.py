"""A training set of the catalogue: crops with labels (`crops.csv`), or images with boxes (COCO)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NotRequired

import pandas as pd
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from treeline.datasets.description import Description
from treeline.datasets.sources.rows import BOX, ORIGIN, ROW, SourceRows, needed_columns
from treeline.datasets.sources.table import read_columns
from treeline.errors import InputError
from treeline.io.datasets.metadata import SPLITS
from treeline.io.read_results import parse_json, read_file

CROPS = "crops.csv"
ANNOTATIONS = "annotations/instances_{split}.json"
IMAGES = "images"


@with_config(ConfigDict(extra="allow"))
class _Image(TypedDict):
    id: int
    file_name: str
    license: NotRequired[int | None]


@with_config(ConfigDict(extra="ignore", allow_inf_nan=False))
class _Annotation(TypedDict):
    image_id: int
    category_id: int
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)]


@with_config(ConfigDict(extra="ignore"))
class _Name(TypedDict):
    id: int
    name: str


@with_config(ConfigDict(extra="ignore"))
class _Coco(TypedDict):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Name]
    licenses: NotRequired[list[_Name]]


_COCO = TypeAdapter(_Coco)


def read(description: Description) -> SourceRows:
    """Read a set that `treeline catalog crops` or `treeline catalog detector-set` has written.

    Raises:
        InputError: The folder holds neither, or lacks what is asked for; names the file and the field.
    """
    folder = Path(description.source.path)
    if (folder / CROPS).is_file():
        return _crops(description, folder)
    if any((folder / ANNOTATIONS.format(split=split)).is_file() for split in SPLITS):
        return _images_with_boxes(description, folder)
    fix = "Make one: treeline catalog crops, or treeline catalog detector-set."
    raise InputError(folder, f"is no training set: it has neither {CROPS} nor annotations.", fix=fix)


def _crops(description: Description, folder: Path) -> SourceRows:
    """A crop's `path` is its archive's name and its own."""
    columns = dict.fromkeys((*(description.labels or ["label"]), *needed_columns(description)))
    samples = read_columns(folder / CROPS, "path", list(columns))
    samples["image_path"] = samples["image_path"].str.partition(".tar/")[2]
    return SourceRows(samples, tuple(description.source.images) or (str(folder),), label="label")


def _images_with_boxes(description: Description, folder: Path) -> SourceRows:
    images: list[dict[str, Any]] = []
    boxes: list[tuple[Any, ...]] = []
    columns = [column for column in needed_columns(description) if column != "split"]
    for split in SPLITS:
        file = folder / ANNOTATIONS.format(split=split)
        content = parse_json(file, read_file(file), _COCO)
        categories = {category["id"]: category["name"] for category in content["categories"]}
        licenses = {license["id"]: license["name"] for license in content.get("licenses", ())}
        known = {column for image in content["images"] for column in image}
        for column in columns if content["images"] else ():
            if column not in known:
                raise InputError(
                    file, f"the images have no such field; they have: {', '.join(sorted(known))}.", field=column
                )
        names = {}
        for number, image in enumerate(content["images"], start=1):
            row = {column: image.get(column) for column in columns}
            if "license" in row:
                row["license"] = licenses.get(image.get("license") or 0)
            names[image["id"]] = image["file_name"]
            images.append({**row, "image_path": image["file_name"], "split": split, ROW: number, ORIGIN: str(file)})
        for number, annotation in enumerate(content["annotations"]):
            name, label = names.get(annotation["image_id"]), categories.get(annotation["category_id"])
            if name is None or label is None:
                missing = "image_id" if name is None else "category_id"
                raise InputError(file, "is of nothing in the file.", field=f"annotations[{number}].{missing}")
            boxes.append((name, label, *annotation["bbox"]))
    where = tuple(description.source.images) or (str(folder / IMAGES),)
    return SourceRows(
        pd.DataFrame(images, columns=["image_path", "split", ROW, ORIGIN, *columns]),
        where,
        boxes=pd.DataFrame(boxes, columns=["image_path", "label", *BOX]),
    )
