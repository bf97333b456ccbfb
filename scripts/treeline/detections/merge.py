"""Merge files of results, of distinct or the same images.

The result depends on the set of what the files say, not on their order, on which are merged first, or on how often one
is given. So near-equal boxes of two detectors both stay: leaving one out would make the order matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias, cast

from treeline.detections.categories import name_categories, number_categories
from treeline.errors import InputError
from treeline.io.read_results import read_results
from treeline.io.results import Results
from treeline.io.write_results import canonical_json, join_failures, settle_failure, write_detections

Fields: TypeAlias = dict[str, Any]
Refuse: TypeAlias = Callable[[str, object, object], NoReturn]

FIRST_FIELDS = ("info", "detection_categories", "file", "failure", "partial_failure", "category", "conf", "bbox")
"""Where objects begin with these, people find their way; all other fields follow by name."""

FIELDS_OF_NAMES = ("detection_categories", "classification_categories", "classification_category_descriptions")
FIELDS_WITH_RULES = frozenset({"detections", "failure", "partial_failure", "max_detection_conf"})
COMPLETION_TIMES = ("detection_completion_time", "classification_completion_time")
MERGED_FROM = "merged_from"


class MergeReport(NamedTuple):
    """What went in and came out; a detection that is not written equals one that is.

    Args:
        files: Number of files.
        images_read: Entries of all files.
        images: Images written.
        detections_read: Detections of all files.
        detections: Detections written.
    """

    files: int
    images_read: int
    images: int
    detections_read: int
    detections: int


def merge_results(files: Sequence[Path], target: Path) -> MergeReport:
    """Merge files of results into one.

    Categories are joined by name. An image of several files has all their detections, equal ones once; one that any of
    them has struck out (a confidence below 0) is struck out. It has failed only where it failed in all of them; else
    its failures stand as `partial_failure`. Images are sorted by name, detections by falling confidence.

    `info` holds what all the files' agree on, the latest times of completion, the oldest version (whose demands every
    image meets), the names of all detectors and, under `merged_from`, each `info` that differs.

    Args:
        files: Results of format 1.3 or later, at least one.
        target: JSON.

    Raises:
        InputError: A file is not of the format, or two disagree over a field, such as the width of an image.
    """
    images: dict[str, Fields] = {}
    first_files: dict[str, Path] = {}
    heads: list[tuple[Path, Fields]] = []
    images_read = detections_read = 0
    for file in files:
        results = read_results(file)
        name_categories(results)
        head = cast(Fields, results)
        for image in head.pop("images"):
            settle_failure(image)
            name = image["file"]
            images_read += 1
            detections_read += len(image["detections"] or ())
            if name in images:
                refuse = _refuse_for(file, first_files[name], f"image {name!r}: ")
                image = _join_images(images[name], image, refuse)
            images[name] = image
            first_files.setdefault(name, file)
        heads.append((file, head))
    merged = _join_heads(heads)
    merged["images"] = [_finish(images.pop(name)) for name in sorted(images)]
    number_categories(cast(Results, merged))
    write_detections(target, cast(Results, merged))
    detections = sum(len(image["detections"] or ()) for image in merged["images"])
    return MergeReport(len(files), images_read, len(merged["images"]), detections_read, detections)


def _refuse_for(file: Path, other: Path, what: str) -> Refuse:
    def refuse(field: str, value: object, theirs: object) -> NoReturn:
        problem = f"{what}{field} is {value!r} here, and {theirs!r} in {other} or a file after it."
        fix = "Two images of one name? Rename one; else take the field out of one file."
        raise InputError(file, problem, field=field, fix=fix)

    return refuse


def _join_images(first: Fields, second: Fields, refuse: Refuse) -> Fields:
    joined = _join_fields(first, second, FIELDS_WITH_RULES, refuse)
    found = [image["detections"] for image in (first, second) if image["detections"] is not None]
    joined["detections"] = [detection for detections in found for detection in detections] if found else None
    joined["failure"] = join_failures(*_failures(first), *_failures(second))
    joined.pop("partial_failure", None)
    if "max_detection_conf" in second:
        joined["max_detection_conf"] = None  # the writer looks for it among all the detections
    return joined


def _failures(image: Fields) -> list[str]:
    return [image[field] for field in ("failure", "partial_failure") if image.get(field) is not None]


def _join_fields(first: Fields, second: Fields, left_out: Iterable[str], refuse: Refuse) -> Fields:
    """All fields of both; null gives way to a value, and two values must be equal."""
    joined = dict(first)
    for field, value in second.items():
        if field in left_out:
            continue
        if joined.get(field) is None:
            joined[field] = value
        elif value is not None and canonical_json(value) != canonical_json(joined[field]):
            refuse(field, value, joined[field])
    return joined


def _finish(image: Fields) -> Fields:
    """Bring an entry into the one form that its content can have."""
    failures = _failures(image)
    image.pop("failure", None)
    image.pop("partial_failure", None)
    if image["detections"] is None:
        image["failure"] = join_failures(*failures)
    else:
        image["detections"] = _distinct(image["detections"])
        if any(failures):
            image["partial_failure"] = join_failures(*failures)
    return cast(Fields, _in_order(image))


def _distinct(detections: list[Fields]) -> list[Fields]:
    """Each detection once, struck out where it is in one place, by falling confidence."""
    distinct: dict[str, Fields] = {}
    for detection in detections:
        detection["conf"] += 0.0  # no negative zero
        same = distinct.setdefault(canonical_json({**detection, "conf": abs(detection["conf"])}), detection)
        same["conf"] = min(same["conf"], detection["conf"])
    ordered = sorted(distinct.items(), key=lambda item: (-item[1]["conf"], item[0]))
    return [detection for _, detection in ordered]


def _in_order(value: object) -> object:
    """Order the fields of an object and of all objects in it."""
    if isinstance(value, dict):
        first = {field: _in_order(value[field]) for field in FIRST_FIELDS if field in value}
        return {**first, **{field: _in_order(value[field]) for field in sorted(value) if field not in first}}
    if isinstance(value, list):
        return [_in_order(part) for part in value]
    return value


def _join_heads(heads: Sequence[tuple[Path, Fields]]) -> Fields:
    """Join what files hold beside their images."""
    first_file, joined = heads[0]
    for file, head in heads[1:]:
        refuse = _refuse_for(file, first_file, "")
        names = {
            field: _join_fields(joined.get(field, {}), head.get(field, {}), (), refuse)
            for field in FIELDS_OF_NAMES
            if field in joined or field in head
        }
        joined = {**_join_fields(joined, head, ("info", *FIELDS_OF_NAMES), refuse), **names}
    joined["info"] = _join_infos([head["info"] for _, head in heads])
    return cast(Fields, _in_order(joined))


def _join_infos(infos: Sequence[Fields]) -> Fields:
    joined = _join_origins({canonical_json(origin) for info in infos for origin in _origins(info)})
    joined["format_version"] = f"{min(float(info['format_version']) for info in infos):g}"
    for field in COMPLETION_TIMES:
        times = [str(info[field]) for info in infos if info.get(field) is not None]
        if times:
            joined[field] = max(times)
    return joined


def _join_origins(origins: set[str]) -> Fields:
    """Join distinct origins, each as canonical JSON."""
    parsed: list[Fields] = [json.loads(origin) for origin in sorted(origins)]
    if len(parsed) == 1:
        return parsed[0]
    shared = set.intersection(*({canonical_json(item) for item in origin.items()} for origin in parsed))
    joined: Fields = dict(json.loads(item) for item in shared)
    detectors = {str(origin["detector"]) for origin in parsed if origin.get("detector") is not None}
    if detectors:
        joined["detector"] = ", ".join(sorted(detectors))
    return {**joined, MERGED_FROM: parsed}


def _origins(info: Fields) -> list[Fields]:
    """What was merged into a file, or its own `info`; without what differs between two parts of one run."""
    left_out = ("format_version", *COMPLETION_TIMES)
    own = {field: value for field, value in info.items() if field not in left_out}
    merged = own.get(MERGED_FROM)
    if not isinstance(merged, list) or not merged or not all(isinstance(origin, dict) for origin in merged):
        return [own]
    # Whatever has been added to a merged file's info since makes it an origin of its own.
    is_untouched = canonical_json(_join_origins(set(map(canonical_json, merged)))) == canonical_json(own)
    return merged if is_untouched else [own]
