"""Convert results to the formats of other tools, and back."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, cast

from treeline.detections.categories import name_categories, number_categories
from treeline.detections.image_files import add_sizes
from treeline.detections.licenses import add_licenses
from treeline.errors import InputError
from treeline.io.read_results import parse_results, read_results
from treeline.io.results import Results
from treeline.io.write_results import settle_failure, write_detections


class Format(StrEnum):
    """What results can be converted from and to."""

    RESULTS = "results"
    CSV_LONG = "csv-long"
    CSV_WIDE = "csv-wide"
    COCO = "coco"
    YOLO = "yolo"
    LABELME = "labelme"


FOLDERS = (Format.YOLO, Format.LABELME)
LABELS = (Format.COCO, Format.YOLO, Format.LABELME)
"""Formats whose readers take every image for one that was looked at, and every box for an object."""


class ConvertReport(NamedTuple):
    """What went in and what was left out; all else was written.

    Args:
        images: Number of images read.
        detections: Number of detections read.
        failed: Images that failed, left out of formats of labels.
        struck_out: Detections with a confidence below 0, left out of formats of labels.
    """

    images: int
    detections: int
    failed: int
    struck_out: int


def convert(
    source: Path,
    target: Path,
    *,
    from_format: Format,
    to_format: Format,
    images: Path | None = None,
    licenses: Path | None = None,
) -> ConvertReport:
    """Convert one format into another.

    Args:
        source: File or folder to read.
        target: File or folder to write; a folder that is there already must be empty.
        from_format: Any but `csv-wide`.
        to_format: Any.
        images: Folder of the images: for widths and heights where the results have none, and for the names of the
            images of a YOLO dataset without `images.txt`.
        licenses: Table of `add_licenses`.

    Raises:
        InputError: The source is not of its format, or cannot be written in the other; names the file, the image and
            the field.
    """
    if to_format in FOLDERS and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(target, "is there already, and would be replaced.", fix="Remove it, or name another folder.")
    results = _read(source, from_format, images)
    if licenses is not None:
        add_licenses(results, licenses)
    number_of_detections = _count_detections(results)
    report = ConvertReport(len(results["images"]), number_of_detections, 0, 0)
    if to_format in LABELS:
        _keep_labels(results)
        failed = report.images - len(results["images"])
        report = report._replace(failed=failed, struck_out=number_of_detections - _count_detections(results))
        if to_format is not Format.YOLO:
            add_sizes(source, results, images)
    _write(results, target, to_format, source)
    return report


def _read(source: Path, from_format: Format, images: Path | None) -> Results:
    """Results with categories by name, checked whatever they come from."""
    if from_format is Format.RESULTS:
        results = read_results(source)
    else:
        results = _read_foreign(source, from_format, images)
        number_categories(results)
        results = parse_results(source, json.dumps(results).encode())
    name_categories(results)
    for image in results["images"]:
        settle_failure(cast(dict[str, Any], image))
    return results


def _read_foreign(source: Path, from_format: Format, images: Path | None) -> Results:
    match from_format:
        case Format.CSV_LONG:
            from treeline.detections.formats.csv_long import read_csv_long

            return read_csv_long(source)
        case Format.COCO:
            from treeline.detections.formats.coco import read_coco

            return read_coco(source)
        case Format.YOLO:
            from treeline.detections.formats.yolo import read_yolo

            return read_yolo(source, images)
        case Format.LABELME:
            from treeline.detections.formats.labelme import read_labelme

            return read_labelme(source)
        case _:
            raise InputError(source, f"there is no way back from {from_format}.", fix="Use csv-long.")


def _write(results: Results, target: Path, to_format: Format, source: Path) -> None:
    match to_format:
        case Format.RESULTS:
            number_categories(results)
            write_detections(target, results)
        case Format.CSV_LONG:
            from treeline.detections.formats.csv_long import write_csv_long

            write_csv_long(results, target)
        case Format.CSV_WIDE:
            from treeline.detections.formats.csv_wide import write_csv_wide

            write_csv_wide(results, target)
        case Format.COCO:
            from treeline.detections.formats.coco import write_coco

            write_coco(results, target)
        case Format.YOLO:
            from treeline.detections.formats.yolo import write_yolo

            write_yolo(results, target, source)
        case Format.LABELME:
            from treeline.detections.formats.labelme import write_labelme

            write_labelme(results, target, source)


def _count_detections(results: Results) -> int:
    return sum(len(image["detections"] or ()) for image in results["images"])


def _keep_labels(results: Results) -> None:
    """Leave out images that failed and detections that are struck out, in place."""
    results["images"] = [image for image in results["images"] if image["detections"] is not None]
    for image in results["images"]:
        image["detections"] = [found for found in image["detections"] or () if found["conf"] >= 0]
