"""The MegaDetector results format, version 1.6 (https://lila.science/megadetector-output-format).

Bytes depend on images, model and threshold alone: the optional completion time is left to the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, FailFast, Field, PositiveInt, with_config
from typing_extensions import TypedDict

from treeline.io.atomic import write_text

FORMAT_VERSION = "1.6"
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}

AS_WRITTEN = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
"""Unknown fields stay, and nothing is taken for what it is not."""


@with_config(AS_WRITTEN)
class Detection(TypedDict):
    """One box: category number, confidence, and left, top, width, height as shares of the image.

    A confidence is from 0 to 1; below 0 where repeat-detection removal has struck the detection out.
    """

    category: str
    conf: Annotated[float, Field(ge=-1, le=1)]
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)]
    classifications: NotRequired[list[tuple[str, float]] | None]
    frame_number: NotRequired[int]


@with_config(AS_WRITTEN)
class ImageResult(TypedDict):
    """What was found in one image, or why it could not be looked at."""

    file: Annotated[str, Field(min_length=1)]
    failure: NotRequired[str | None]
    detections: NotRequired[list[Detection] | None]
    width: NotRequired[PositiveInt]
    height: NotRequired[PositiveInt]
    datetime: NotRequired[str | None]


@with_config(AS_WRITTEN)
class Results(TypedDict):
    """A whole results file."""

    info: dict[str, Any]
    detection_categories: dict[str, str]
    images: Annotated[list[ImageResult], FailFast()]
    classification_categories: NotRequired[dict[str, str]]
    classification_category_descriptions: NotRequired[dict[str, str]]


def failed(name: str, failure: str) -> ImageResult:
    """The entry of an image that could not be looked at."""
    return {"file": name, "failure": failure, "detections": None}


def processed(name: str, detections: list[Detection], size: tuple[int, int], datetime: str | None) -> ImageResult:
    """The entry of an image that was looked at.

    Args:
        name: As in the archive.
        detections: In any order; written by falling confidence.
        size: Height and width in pixels, upright.
        datetime: `YYYY:MM:DD HH:MM:SS`, if known.
    """
    ordered = sorted(detections, key=lambda found: (-found["conf"], found["category"], found["bbox"]))
    result: ImageResult = {"file": name, "detections": ordered, "width": size[1], "height": size[0]}
    if datetime is not None:
        result["datetime"] = datetime
    return result


def build_results(
    images: list[ImageResult], *, model: str, sha256: str, version: str, threshold: float, metadata: Mapping[str, Any]
) -> Results:
    """Put results together with the facts about the model that made them.

    Args:
        images: One entry for each image, in the shard's order.
        model: File name of the checkpoint.
        sha256: Of the checkpoint.
        version: Canonical version of the model, or `unknown`.
        threshold: Lowest confidence that was kept.
        metadata: What the megadetector package says of the version.
    """
    facts = {"model_sha256": sha256, "model_version": version, "threshold": threshold}
    info = {
        "format_version": FORMAT_VERSION,
        "detector": model,
        "detector_metadata": dict(metadata),
        "custom_metadata": facts,
    }
    return {"info": info, "detection_categories": CATEGORIES, "images": images}


def write_results(target: Path, results: Results) -> None:
    """Write a results file, as a whole or not at all."""
    write_text(target, json.dumps(results, ensure_ascii=False, indent=1) + "\n")
