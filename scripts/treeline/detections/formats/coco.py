"""COCO detection datasets (https://cocodataset.org/#format-data): boxes in pixels, ids that are whole numbers.

Confidence is `score`, as in COCO's own results. What COCO has no field for stands under `attributes` of an image or
annotation, as CVAT writes it, and under `info.detector_results` for the whole file: nothing is lost on the way back.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypeAlias, cast

from pydantic import ConfigDict, FailFast, Field, PositiveInt, TypeAdapter, with_config
from typing_extensions import TypedDict

from treeline.detections.categories import number_categories
from treeline.detections.formats.labels import CERTAIN, new_results, rounded_box
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.licenses import address_of
from treeline.io.read_results import parse_json, read_file
from treeline.io.results import Results
from treeline.io.write_results import as_json

Fields: TypeAlias = dict[str, Any]
Id: TypeAlias = int | str
"""A whole number in COCO; COCO Camera Traps have texts too."""

DATETIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
DATE_CAPTURED = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)")
AS_WRITTEN = ConfigDict(extra="ignore", allow_inf_nan=False)


@with_config(AS_WRITTEN)
class CocoImage(TypedDict):
    """An image."""

    id: Id
    file_name: str
    width: PositiveInt
    height: PositiveInt
    license: NotRequired[Id | None]
    date_captured: NotRequired[Any]
    attributes: NotRequired[Fields]


@with_config(AS_WRITTEN)
class CocoAnnotation(TypedDict):
    """A box: left, top, width, height in pixels."""

    image_id: Id
    category_id: Id
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)]
    score: NotRequired[float]
    attributes: NotRequired[Fields]


@with_config(AS_WRITTEN)
class CocoName(TypedDict):
    """A category or a licence."""

    id: Id
    name: str


@with_config(ConfigDict(extra="allow", allow_inf_nan=False))
class KeptHead(TypedDict):
    """What a file of results says beside its images, with categories by name."""

    info: Fields
    classification_categories: NotRequired[dict[str, str]]
    classification_category_descriptions: NotRequired[dict[str, str]]


@with_config(AS_WRITTEN)
class CocoInfo(TypedDict):
    """What a dataset says of itself."""

    detector_results: NotRequired[KeptHead]


@with_config(AS_WRITTEN)
class Coco(TypedDict):
    """A dataset."""

    info: NotRequired[CocoInfo]
    licenses: NotRequired[list[CocoName]]
    images: Annotated[list[CocoImage], FailFast()]
    annotations: Annotated[list[CocoAnnotation], FailFast()]
    categories: list[CocoName]


_COCO = TypeAdapter(Coco)


def write_coco(results: Results, target: Path) -> None:
    """Write results as a COCO dataset.

    Images, annotations and licences are counted from 1 in the order of the results; a category has the id that
    `number_categories` would give it.

    Args:
        results: With categories by name, of images that have not failed and have a size. An image's `license`, a text,
            becomes one of the dataset's `licenses`.
        target: JSON.
    """
    content = cast(Fields, results)
    head = {field: value for field, value in content.items() if field not in ("images", "detection_categories")}
    category_ids = _category_ids(results)
    names = sorted({image["license"] for image in content["images"] if _has_license(image)})
    license_ids = {name: id for id, name in enumerate(names, start=1)}
    images: list[Fields] = []
    annotations: list[Fields] = []
    for image in content["images"]:
        images.append(_to_image(image, len(images) + 1, license_ids))
        for found in image["detections"]:
            annotations.append(_to_annotation(found, len(annotations) + 1, images[-1], category_ids))
    dataset = {
        "info": {
            "description": f"Detections by {results['info'].get('detector', 'unknown')}",
            "detector_results": head,
        },
        "licenses": [{"id": id, "name": name, "url": address_of(name) or ""} for name, id in license_ids.items()],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": id, "name": name, "supercategory": ""} for name, id in category_ids.items()],
    }
    write_text(target, as_json(dataset) + "\n")


def read_coco(source: Path) -> Results:
    """Read a COCO dataset; a box without `score` is certain.

    Returns:
        Results with categories by name, not yet checked.

    Raises:
        InputError: The file is no such dataset; names the field. Every annotation must have a `bbox`, an image and a
            category, and no id may be there twice.
    """
    dataset = cast(Fields, parse_json(source, read_file(source), _COCO))
    categories = _by_id(source, dataset, "categories")
    licenses = _by_id(source, dataset, "licenses")
    sizes = _by_id(source, dataset, "images")
    images = {id: _from_image(image, licenses) for id, image in sizes.items()}
    for number, annotation in enumerate(dataset["annotations"]):
        for field, known in (("image_id", images), ("category_id", categories)):
            if annotation[field] not in known:
                place = f"annotations[{number}].{field}"
                raise InputError(source, f"there is no {annotation[field]!r} in the dataset.", field=place)
        name = categories[annotation["category_id"]]["name"]
        found = _from_annotation(annotation, name, sizes[annotation["image_id"]])
        images[annotation["image_id"]]["detections"].append(found)
    results = new_results(cast(Any, list(images.values())), (category["name"] for category in categories.values()))
    kept = dataset.get("info", {}).get("detector_results", {})
    kinds = {**kept.get("classification_categories", {}), **results.get("classification_categories", {})}
    return cast(Results, {**results, **kept, **({"classification_categories": kinds} if kinds else {})})


def _category_ids(results: Results) -> dict[str, int]:
    """Ids that are the same in every file of the same categories."""
    categories: Results = {"info": {}, "detection_categories": dict(results["detection_categories"]), "images": []}
    number_categories(categories)
    return {name: int(id) for id, name in categories["detection_categories"].items()}


def _has_license(image: Fields) -> bool:
    return isinstance(image.get("license"), str) and bool(image["license"])


def _to_image(image: Fields, id: int, license_ids: dict[str, int]) -> Fields:
    fields = {"id": id, "file_name": image["file"], "width": image["width"], "height": image["height"]}
    taken = {"file", "width", "height", "detections"}
    if _has_license(image):
        fields["license"] = license_ids[image["license"]]
        taken.add("license")
    if isinstance(image.get("datetime"), str) and (match := DATETIME.fullmatch(image["datetime"])):
        fields["date_captured"] = "{}-{}-{} {}".format(*match.groups())
        taken.add("datetime")
    return _with_attributes(fields, image, taken)


def _to_annotation(found: Fields, id: int, image: Fields, category_ids: dict[str, int]) -> Fields:
    left, top, width, height = found["bbox"]
    box = [left * image["width"], top * image["height"], width * image["width"], height * image["height"]]
    fields = {
        "id": id,
        "image_id": image["id"],
        "category_id": category_ids[found["category"]],
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
        "score": found["conf"],
    }
    return _with_attributes(fields, found, {"category", "conf", "bbox"})


def _with_attributes(fields: Fields, content: Fields, taken: set[str]) -> Fields:
    attributes = {field: value for field, value in content.items() if field not in taken}
    return {**fields, "attributes": attributes} if attributes else fields


def _by_id(source: Path, dataset: Fields, field: str) -> dict[Id, Fields]:
    parts: dict[Id, Fields] = {}
    for number, part in enumerate(dataset.get(field, ())):
        if parts.setdefault(part["id"], part) is not part:
            raise InputError(source, f"the id {part['id']!r} is there twice.", field=f"{field}[{number}].id")
    return parts


def _from_image(image: Fields, licenses: dict[Id, Fields]) -> Fields:
    fields = {**image.get("attributes", {}), "file": image["file_name"], "detections": []}
    fields.update(width=image["width"], height=image["height"])
    if image.get("license") in licenses:
        fields["license"] = licenses[image["license"]]["name"]
    if isinstance(image.get("date_captured"), str):
        match = DATE_CAPTURED.fullmatch(image["date_captured"])
        fields["datetime"] = "{}:{}:{} {}".format(*match.groups()) if match else image["date_captured"]
    return fields


def _from_annotation(annotation: Fields, category: str, image: Fields) -> Fields:
    left, top, width, height = annotation["bbox"]
    box = rounded_box(left / image["width"], top / image["height"], width / image["width"], height / image["height"])
    fields = {"category": category, "conf": annotation.get("score", CERTAIN), "bbox": box}
    return {**annotation.get("attributes", {}), **fields}
