"""Read MegaDB JSON: a list of sequences, of data sets, or of splits; or a folder with such files.

Files are streamed: one of 5 GB needs no more memory than one of 5 MB.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Annotated, Any, NotRequired

import duckdb
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from treeline.catalog.json_stream import as_json, others
from treeline.catalog.megadb_checks import SPLITS, Checker, Item, json_files, location_text
from treeline.catalog.megadb_rows import NO_CONTAINER, NO_KEY
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager
from treeline.catalog.violations import InvalidSourceError, Violations

SEQUENCE_KEYS = frozenset({"dataset", "seq_id", "images", "location", "class", "datetime"})
IMAGE_KEYS = frozenset({"file", "frame_num", "class", "datetime", "bbox"})
BOX_KEYS = frozenset({"category", "bbox"})
SPLIT_KEYS = frozenset({"dataset", *SPLITS})
VIDEO_KEYS = frozenset({"file", "class", "datetime", "frame_rate", "frames"})
DATASET_KEYS = frozenset(
    {"dataset_name", "storage_account", "container", "path_prefix", "container_sas_key", "access", "comment"}
)

log = logging.getLogger(__name__)


_Box = Annotated[list[float], Field(min_length=4, max_length=4)]
_Confidence = Annotated[float, Field(ge=-1, le=1)]
_Text = Annotated[str, Field(min_length=1)]
_AS_WRITTEN = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
_Detection = TypedDict(
    "_Detection", {"category": str, "bbox": _Box, "confidence": _Confidence, "class": NotRequired[str | None]}
)
_Detection.__pydantic_config__ = _AS_WRITTEN  # type: ignore[attr-defined]  # the key `class` allows no decorator
_Video = TypedDict(
    "_Video",
    {
        "file": _Text,
        "class": NotRequired[list[str] | None],
        "datetime": NotRequired[str | None],
        "frame_rate": NotRequired[float | None],
        "frames": NotRequired[Annotated[int, Field(lt=2**63)] | None],
    },
)
_Video.__pydantic_config__ = _AS_WRITTEN  # type: ignore[attr-defined]
OTHER_COLUMNS: dict[str, TypeAdapter[Any]] = {
    "width": TypeAdapter(Annotated[int, Field(strict=True, gt=0, lt=2**31)]),
    "height": TypeAdapter(Annotated[int, Field(strict=True, gt=0, lt=2**31)]),
    "uuid": TypeAdapter(Annotated[str, Field(strict=True)]),
    "detections": TypeAdapter(list[_Detection]),
    "videos": TypeAdapter(list[_Video]),
}
"""Keys that MegaDB does not define and Treeline writes; a value of another kind is a property."""


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a MegaDB file, or all of a folder, and check every entry.

    Raises:
        InputError: There is no file.
        InvalidSourceError: A file is no JSON list, or an entry breaks a rule; it holds all violations.
    """
    violations = Violations()
    checker = Checker(connection, violations, is_strict=source.is_strict)
    items = count(1)
    with Stager(connection) as stager:
        for file in json_files(source.path):
            for table, entry in checker.read(file):
                if not violations.errors:
                    _STAGE[table](entry, stager, items)
    checker.finish()
    if violations.errors:
        raise InvalidSourceError(source.path, violations)
    if violations.warnings:
        log.warning("%s: %s", source.path, violations.summary())


def _stage_sequence(sequence: Item, stager: Stager, items: Iterator[int]) -> None:
    dataset, seq_id = sequence["dataset"], sequence["seq_id"]
    location, time = sequence.get("location"), sequence.get("datetime")
    time = time if isinstance(time, str) else None
    columns = _columns_of(sequence, "videos")
    stager.add(
        "staged_sequences",
        dataset=dataset,
        seq_id=seq_id,
        location=None if location is None else as_json(location),
        **{"class": sequence.get("class")},
        datetime=time,
        properties=others(sequence, SEQUENCE_KEYS.union(columns) - (set() if time is not None else {"datetime"})),
    )
    for image in sequence.get("images", ()):
        _stage_image(image, dataset, seq_id, stager, next(items))
    for video in columns.get("videos", ()):
        known = {key: video.get(key) for key in VIDEO_KEYS}
        stager.add("staged_videos", dataset=dataset, seq_id=seq_id, **known, properties=others(video, VIDEO_KEYS))


def _stage_image(image: Item, dataset: str, seq_id: str, stager: Stager, item: int) -> None:
    columns = _columns_of(image, "width", "height", "uuid", "detections")
    detections = columns.pop("detections", ())
    stager.add(
        "staged_images",
        item=item,
        dataset=dataset,
        seq_id=seq_id,
        file=image["file"],
        frame_num=None if (number := image.get("frame_num")) is None else int(number),
        **{"class": image.get("class")},
        datetime=image.get("datetime"),
        annotated="bbox" in image,
        **columns,
        properties=others(image, IMAGE_KEYS.union(columns, ("detections",) if detections else ())),
    )
    boxes = image.get("bbox", ())
    for place, box in enumerate(boxes):
        _stage_box(box, stager, item, place, BOX_KEYS)
    for place, box in enumerate(detections, start=len(boxes)):
        _stage_box(box, stager, item, place, BOX_KEYS | {"confidence"})


def _columns_of(entry: Item, *keys: str) -> Item:
    """The values of those of some keys that are what Treeline writes there."""
    columns = {}
    for key in keys:
        if key in entry:
            with suppress(ValidationError):
                columns[key] = OTHER_COLUMNS[key].validate_python(entry[key])
    return columns


def _stage_box(box: Item, stager: Stager, item: int, place: int, known: frozenset[str]) -> None:
    """Add a box; a confidence that is none of its known keys is a property as any other: a person drew it."""
    if isinstance(box.get("class"), str):
        known = known | {"class"}
    x_min, y_min, width, height = box["bbox"]
    stager.add(
        "staged_boxes",
        item=item,
        box=place,
        category=box["category"],
        **{"class": box["class"] if "class" in known else None},
        x_min=x_min,
        y_min=y_min,
        width=width,
        height=height,
        confidence=box["confidence"] if "confidence" in known else None,
        properties=others(box, known),
    )


def _stage_dataset(dataset: Item, stager: Stager, _: Iterator[int]) -> None:
    known = {key: dataset.get(key) for key in DATASET_KEYS - {"dataset_name"}}
    if known["container_sas_key"] == NO_KEY:
        known["container_sas_key"] = None
    if known["container"] == NO_CONTAINER:
        known.update(dict.fromkeys(("storage_account", "container", "path_prefix")))
    stager.add("staged_datasets", dataset=dataset["dataset_name"], **known, properties=others(dataset, DATASET_KEYS))


def _stage_split(split: Item, stager: Stager, _: Iterator[int]) -> None:
    for name in SPLITS:
        for location in split.get(name, ()):
            stager.add("staged_splits", dataset=split["dataset"], location=location_text(location), split=name)
    locations = (location for name in SPLITS for location in split.get(name, ()))
    stager.add(
        "staged_split_entries",
        dataset=split["dataset"],
        not_text=[location_text(location) for location in locations if not isinstance(location, str)],
        properties=others(split, SPLIT_KEYS),
    )


_STAGE = {"sequences": _stage_sequence, "datasets": _stage_dataset, "splits": _stage_split}
