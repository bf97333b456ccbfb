"""Read MegaDB JSON: a list of sequences, of data sets, or of splits; or a folder with such files.

The format: https://github.com/agentmorris/MegaDetector, `megadetector/data_management/megadb`. Files are streamed: one
of 5 GB needs no more memory than one of 5 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from treeline.catalog.json_stream import as_json, others, read_objects
from treeline.catalog.megadb_rows import NO_CONTAINER, NO_KEY
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager
from treeline.errors import InputError

SEQUENCE_KEYS = frozenset({"dataset", "seq_id", "images", "videos", "location", "class", "datetime"})
IMAGE_KEYS = frozenset({"file", "frame_num", "class", "datetime", "bbox"})
BOX_KEYS = frozenset({"category", "bbox", "class"})
VIDEO_KEYS = frozenset({"file", "class", "datetime", "frame_rate", "frames"})
DATASET_KEYS = frozenset(
    {"dataset_name", "storage_account", "container", "path_prefix", "container_sas_key", "access", "comment"}
)

Item = dict[str, Any]


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _are_detections(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(box, dict) and isinstance(box.get("confidence"), int | float) for box in value
    )


COLUMNS: dict[str, Callable[[object], bool]] = {
    "width": _is_size,
    "height": _is_size,
    "uuid": lambda value: isinstance(value, str),
    "detections": _are_detections,
}
"""Keys of an image that MegaDB does not define and Treeline writes; a value of another kind is a property."""


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a MegaDB file, or all of a folder.

    Raises:
        InputError: A file is no JSON list of objects, or an object is of none of the three tables.
    """
    files = sorted(source.path.glob("*.json")) if source.path.is_dir() else [source.path]
    if not files:
        raise InputError(source.path, "holds no .json file.")
    with Stager(connection) as stager:
        items = count(1)
        for file in files:
            _stage_file(file, stager, items)


def _stage_file(file: Path, stager: Stager, items: Iterator[int]) -> None:
    for number, entry in enumerate(read_objects(file, "item"), start=1):
        if "seq_id" in entry:
            _stage_sequence(entry, stager, items)
        elif "dataset_name" in entry:
            _stage_dataset(entry, stager)
        elif "dataset" in entry and entry.keys() & {"train", "val", "test"}:
            _stage_split(entry, stager)
        else:
            problem = f"is no sequence, data set or split; its keys are: {', '.join(sorted(entry))}."
            raise InputError(file, problem, row=number, fix="Give it a seq_id, a dataset_name, or train, val and test.")


def _stage_sequence(sequence: Item, stager: Stager, items: Iterator[int]) -> None:
    dataset, seq_id = sequence["dataset"], sequence["seq_id"]
    location = sequence.get("location")
    stager.add(
        "staged_sequences",
        dataset=dataset,
        seq_id=seq_id,
        location=None if location is None else as_json(location),
        **{"class": sequence.get("class")},
        datetime=sequence.get("datetime"),
        properties=others(sequence, SEQUENCE_KEYS),
    )
    for image in sequence.get("images", ()):
        _stage_image(image, dataset, seq_id, stager, next(items))
    for video in sequence.get("videos", ()):
        known = {key: video.get(key) for key in VIDEO_KEYS}
        stager.add("staged_videos", dataset=dataset, seq_id=seq_id, **known, properties=others(video, VIDEO_KEYS))


def _stage_image(image: Item, dataset: str, seq_id: str, stager: Stager, item: int) -> None:
    columns = {key: image[key] for key, is_column in COLUMNS.items() if is_column(image.get(key))}
    detections = columns.pop("detections", ())
    stager.add(
        "staged_images",
        item=item,
        dataset=dataset,
        seq_id=seq_id,
        file=image["file"],
        frame_num=image.get("frame_num"),
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


def _stage_box(box: Item, stager: Stager, item: int, place: int, known: frozenset[str]) -> None:
    """Add a box; a confidence that is none of its known keys is a property as any other: a person drew it."""
    x_min, y_min, width, height = box["bbox"]
    stager.add(
        "staged_boxes",
        item=item,
        box=place,
        category=box["category"],
        **{"class": box.get("class")},
        x_min=x_min,
        y_min=y_min,
        width=width,
        height=height,
        confidence=box["confidence"] if "confidence" in known else None,
        properties=others(box, known),
    )


def _stage_dataset(dataset: Item, stager: Stager) -> None:
    known = {key: dataset.get(key) for key in DATASET_KEYS - {"dataset_name"}}
    if known["container_sas_key"] == NO_KEY:
        known["container_sas_key"] = None
    if known["container"] == NO_CONTAINER:
        known.update(dict.fromkeys(("storage_account", "container", "path_prefix")))
    stager.add("staged_datasets", dataset=dataset["dataset_name"], **known, properties=others(dataset, DATASET_KEYS))


def _stage_split(split: Item, stager: Stager) -> None:
    for name in ("train", "val", "test"):
        for location in split.get(name, ()):
            text = location if isinstance(location, str) else as_json(location)
            stager.add("staged_splits", dataset=split["dataset"], location=text, split=name)
