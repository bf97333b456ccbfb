"""What formats of labels share: boxes, and a file an image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NoReturn

from treeline.errors import InputError
from treeline.io.names import MAX_FILE_NAME_BYTES
from treeline.io.results import FORMAT_VERSION, ImageResult, Results

BOX_DECIMALS = 9
"""Of a box that comes back from pixels or from a centre, which binary fractions do not keep to the last bit."""

CERTAIN = 1.0
"""Confidence of a box that comes without one: people's labels."""


def rounded_box(*values: float) -> list[float]:
    """Left, top, width and height, as shares of the image, free of what arithmetic has added."""
    return [round(value, BOX_DECIMALS) + 0.0 for value in values]


def new_results(images: list[ImageResult], categories: Iterable[str] = ()) -> Results:
    """Results that come from another format, with categories by name.

    Args:
        images: Their entries.
        categories: Names of categories beside those of the detections.
    """
    detections = [found for image in images for found in image["detections"] or ()]
    kinds = {kind for found in detections for kind, _ in found.get("classifications") or ()}
    names = {*categories, *(found["category"] for found in detections)}
    results: Results = {
        "info": {"format_version": FORMAT_VERSION, "detector": "unknown"},
        "detection_categories": {name: name for name in sorted(names)},
        "images": images,
    }
    if kinds:
        results["classification_categories"] = {kind: kind for kind in sorted(kinds)}
    return results


def label_files(source: Path, names: Iterable[str], suffix: str) -> dict[str, PurePosixPath]:
    """The file of each image's labels: the image's own path with another suffix.

    Args:
        source: Where the names are from.
        names: Of images: relative, with forward slashes.
        suffix: With its dot.

    Raises:
        InputError: A path leads out of the folder, or two images would share a file.
    """
    files: dict[str, PurePosixPath] = {}
    owners: dict[PurePosixPath, str] = {}
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
            raise InputError(source, f"image {name!r} names no file inside a folder.", field="file")
        file = files[name] = path.with_suffix(suffix)
        if max(len(part.encode()) for part in file.parts) > MAX_FILE_NAME_BYTES:
            raise InputError(source, f"image {name!r} has a name that is too long for a file.", field="file")
        if owners.setdefault(file, name) != name:
            _refuse_shared(source, name, owners[file], file)
    for name, file in files.items():
        for parent in file.parents:
            if parent in owners:
                _refuse_shared(source, name, owners[parent], parent)
    return files


def _refuse_shared(source: Path, name: str, other: str, file: PurePosixPath) -> NoReturn:
    problem = f"image {name!r} would have its labels in {file}, where those of {other!r} are."
    raise InputError(source, problem, field="file", fix="Rename one of them, or convert them apart.")
