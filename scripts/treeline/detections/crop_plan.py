"""Which detections are cut out of their images, under which names and labels, and for which split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from treeline.detections.locations import location_of
from treeline.detections.splits import Shares
from treeline.detections.thresholds import Thresholds
from treeline.detections.truth import Truth
from treeline.io.image_names import inner_path, unique_paths
from treeline.io.results import Detection, Results


@dataclass(frozen=True)
class CropOptions:
    """How crops are made.

    Args:
        dataset: What the table calls the data set.
        thresholds: From which confidence on a detection is cut out.
        shares: Of the splits.
        categories: Names of the categories that are cut out; None for all.
        margin: As in `region_of`.
        square: As in `region_of`.
        archive_crops: Most crops in an archive.
        jpeg_quality: 1 to 100.
        max_pixels: Largest height x width of an image that is decoded.
    """

    dataset: str
    thresholds: Thresholds
    shares: Shares
    categories: frozenset[str] | None
    margin: float
    square: bool
    archive_crops: int
    jpeg_quality: int
    max_pixels: int


class Crop(NamedTuple):
    """A detection that is cut out.

    Args:
        number: Its place among the image's detections in the results.
        category: Its name.
        detection: The detection.
    """

    number: int
    category: str
    detection: Detection


class Plan(NamedTuple):
    """What is cut out of an image, and where it goes.

    Args:
        key: What the crops' names begin with; of no other image.
        location: Where the image was taken; `UNKNOWN` if that is not known.
        split: Where its crops go.
        label: Of the image; None where crops have their detection's category for a label.
        crops: At least one.
    """

    key: str
    location: str
    split: str
    label: str | None
    crops: list[Crop]


class LeftOut(NamedTuple):
    """An image whose detections could not be cut out: a row of `left_out.csv`."""

    file: str
    detections: int
    reason: str


def plan_crops(
    results_file: Path,
    results: Results,
    truth: Truth | None,
    locations: Mapping[str, str] | None,
    options: CropOptions,
) -> tuple[dict[str, Plan], list[LeftOut]]:
    """Decide what is cut out of each image.

    Args:
        results_file: Where the results are from.
        results: What was found.
        truth: Labels of the images, which their crops take; None for the detections' categories.
        locations: By file name; None for those of `truth`, or else the folders of the names.
        options: How.

    Returns:
        Plans by the image's name, and the images whose detections get no label.

    Raises:
        InputError: A name is no path below a folder.
    """
    left_out: list[LeftOut] = []
    crops: dict[str, list[Crop]] = {}
    for image in results["images"]:
        chosen = list(_crops(image["detections"] or (), results["detection_categories"], options))
        reason = "" if truth is None else _label_missing(image["file"], truth)
        if chosen and reason:
            left_out.append(LeftOut(image["file"], len(chosen), reason))
        elif chosen:
            crops[image["file"]] = chosen
    keys = unique_paths({name: _key(inner_path(results_file, name)) for name in crops})
    plans = {}
    for name, chosen in crops.items():
        true = truth.images[name] if truth is not None else None
        location = location_of(name, locations)
        if true is not None and true.location is not None and locations is None:
            location = true.location
        label = min(true.labels) if true is not None else None
        plans[name] = Plan(str(keys[name]), location, options.shares.split_of(location or name), label, chosen)
    return plans, left_out


def _crops(detections: Iterable[Detection], categories: Mapping[str, str], options: CropOptions) -> Iterator[Crop]:
    for number, detection in enumerate(detections):
        category = categories[detection["category"]]
        wanted = options.categories is None or category in options.categories
        if wanted and detection["conf"] >= options.thresholds.of(category):
            yield Crop(number, category, detection)


def _label_missing(name: str, truth: Truth) -> str:
    """Say why an image's crops get no label; empty where they do."""
    if name not in truth.images:
        return "no label"
    labels = truth.images[name].labels
    if len(labels) == 1:
        return ""
    return f"several labels: {', '.join(sorted(labels))}" if labels else "labelled as empty"


def _key(path: PurePosixPath) -> PurePosixPath:
    """The name without its ending and without dots, as WebDataset ends a sample's name at the first one."""
    return path.with_name(path.stem.replace(".", "_"))
