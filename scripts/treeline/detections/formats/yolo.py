"""YOLO datasets (https://docs.ultralytics.com/datasets/detect): a text file of boxes an image.

    data.yaml           names of the classes, and where the images are listed
    images.txt          `./images/<image>` a line: link or copy the images there to train
    labels/<image>.txt  `class x_center y_center width height` a line, as shares of the image

A trainer reads boxes and classes alone, so that is what is written: no confidences, no sizes, no other fields.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from treeline.detections.formats.labels import CERTAIN, label_files, new_results, rounded_box
from treeline.detections.image_files import find_files
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder
from treeline.io.names import IMAGE_SUFFIXES
from treeline.io.read_results import read_file
from treeline.io.results import Detection, ImageResult, Results

IMAGES = "./images/"
FIELDS_WITHOUT_CONFIDENCE = 5
FIELDS = 6


def write_yolo(results: Results, target: Path, source: Path) -> None:
    """Write results as a YOLO dataset; boxes are cut at the edges of the image.

    Args:
        results: With categories by name, of images that have not failed. Classes are counted from 0 by name.
        target: Folder; replaced as a whole.
        source: Where the results are from.

    Raises:
        InputError: Two images would share a file of labels, or an image's name has a line break.
    """
    names = sorted(results["detection_categories"])
    classes = {name: number for number, name in enumerate(names)}
    files = label_files(source, [image["file"] for image in results["images"]], ".txt")
    for name in files:
        if len(name.splitlines()) > 1 or name != name.strip():
            raise InputError(source, f"image {name!r}: no list of files can hold that name.", field="file")
    with atomic_folder(target) as folder:
        # Without `path`, Ultralytics looks beside the file itself.
        settings = {"train": "images.txt", "val": "images.txt", "names": dict(enumerate(names))}
        (folder / "data.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), "utf-8")
        (folder / "images.txt").write_text("".join(f"{IMAGES}{name}\n" for name in files), "utf-8")
        (folder / "labels").mkdir()
        for image in results["images"]:
            file = folder / "labels" / files[image["file"]]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(_to_line(found, classes) for found in image["detections"] or ()), "utf-8")


def read_yolo(source: Path, images: Path | None) -> Results:
    """Read a YOLO dataset, or what Ultralytics' `save_txt` has written with a `data.yaml` beside it.

    Args:
        source: Folder with `data.yaml` and `labels/`; lines may have a sixth number, the confidence.
        images: Folder of the images, which are listed where the dataset has no `images.txt`.

    Returns:
        Results with categories by name, not yet checked. An image without a file of labels has no detections.

    Raises:
        InputError: A file is missing or is not of the format, or labels belong to no image; names file and line.
    """
    names = _class_names(source / "data.yaml")
    files = label_files(source, _image_names(source, images), ".txt")
    labels = source / "labels"
    there = set(find_files(labels, frozenset({".txt"})))
    if lost := sorted(there - {str(file) for file in files.values()}):
        raise InputError(labels / lost[0], "labels an image that is not listed.", fix="List it, or remove the labels.")
    entries: list[ImageResult] = []
    for name, file in files.items():
        text = read_file(labels / file).decode(errors="replace") if str(file) in there else ""
        lines = enumerate(text.splitlines(), start=1)
        detections = [_from_line(labels / file, number, line, names) for number, line in lines if line.strip()]
        entries.append({"file": name, "detections": detections})
    return new_results(entries, names.values())


def _to_line(found: Detection, classes: dict[str, int]) -> str:
    left, top, width, height = found["bbox"]
    right, bottom = min(left + width, 1.0), min(top + height, 1.0)
    left, top = max(left, 0.0), max(top, 0.0)
    box = rounded_box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return f"{classes[found['category']]} {' '.join(format(value, '.9f') for value in box)}\n"


def _from_line(file: Path, number: int, line: str, names: dict[int, str]) -> Detection:
    try:
        category, x, y, width, height, *more = map(float, line.split())
    except ValueError:
        raise InputError(file, "is no line of a class and four numbers.", row=number) from None
    if len(more) > FIELDS - FIELDS_WITHOUT_CONFIDENCE or not all(map(math.isfinite, (x, y, width, height, *more))):
        raise InputError(file, "is no line of a class, four numbers and perhaps a confidence.", row=number)
    if category not in names:
        raise InputError(file, f"class {category:g} is not among the names of data.yaml.", row=number)
    box = rounded_box(x - width / 2, y - height / 2, width, height)
    return {"category": names[int(category)], "conf": more[0] if more else CERTAIN, "bbox": box}


def _class_names(file: Path) -> dict[int, str]:
    """Names by class; `names` is a list or a mapping of them."""
    try:
        content: Any = yaml.safe_load(read_file(file))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(file, f"is no YAML ({' '.join(str(error).split())}).") from None
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(isinstance(number, int) for number in names):
        raise InputError(file, "has no list of the classes' names.", field="names")
    return {number: str(name) for number, name in names.items()}


def _image_names(source: Path, images: Path | None) -> list[str]:
    if (source / "images.txt").exists():
        lines = read_file(source / "images.txt").decode(errors="replace").splitlines()
        return [line.removeprefix(IMAGES) for line in lines if line.strip()]
    if images is None:
        fix = "Give the folder of the images with --images."
        raise InputError(source / "images.txt", "no such file, and so no names of images.", fix=fix)
    return find_files(images, IMAGE_SUFFIXES)
