"""Read MegaDB JSON: a list of sequences, of data sets, or of splits; or a folder with such files.

Files are streamed: one of 5 GB needs no more memory than one of 5 MB.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import count

import duckdb

from treeline.catalog.megadb_checks import SPLITS, Checker, Item, json_files, location_text
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager, as_json, others
from treeline.catalog.violations import InvalidSourceError, Violations

SEQUENCE_KEYS = frozenset({"dataset", "seq_id", "images", "location", "class", "datetime"})
IMAGE_KEYS = frozenset({"file", "frame_num", "class", "datetime", "bbox"})
BOX_KEYS = frozenset({"category", "bbox"})
DATASET_KEYS = frozenset(
    {"dataset_name", "storage_account", "container", "path_prefix", "container_sas_key", "access", "comment"}
)

log = logging.getLogger(__name__)


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
    stager.add(
        "staged_sequences",
        dataset=dataset,
        seq_id=seq_id,
        location=None if location is None else as_json(location),
        **{"class": sequence.get("class")},
        datetime=time,
        properties=others(sequence, SEQUENCE_KEYS if time is not None else SEQUENCE_KEYS - {"datetime"}),
    )
    for image in sequence.get("images", ()):
        item = next(items)
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
            properties=others(image, IMAGE_KEYS),
        )
        for place, box in enumerate(image.get("bbox", ())):
            _stage_box(box, place, item, stager)


def _stage_box(box: Item, place: int, item: int, stager: Stager) -> None:
    """Stage a box; MegaDB says nothing of a class and a confidence, so that one of another kind stays a property."""
    x_min, y_min, width, height = box["bbox"]
    more: Item = {}
    if isinstance(box.get("class"), str):
        more["class"] = box["class"]
    if isinstance(box.get("confidence"), float | int) and -1 <= box["confidence"] <= 1:
        more["confidence"] = float(box["confidence"])
    stager.add(
        "staged_boxes",
        item=item,
        box=place,
        category=box["category"],
        x_min=x_min,
        y_min=y_min,
        width=width,
        height=height,
        **more,
        properties=others(box, BOX_KEYS | more.keys()),
    )


def _stage_dataset(dataset: Item, stager: Stager, _: Iterator[int]) -> None:
    known = {key: dataset.get(key) for key in DATASET_KEYS - {"dataset_name"}}
    stager.add("staged_datasets", dataset=dataset["dataset_name"], **known, properties=others(dataset, DATASET_KEYS))


def _stage_split(split: Item, stager: Stager, _: Iterator[int]) -> None:
    for name in SPLITS:
        for location in split.get(name, ()):
            stager.add("staged_splits", dataset=split["dataset"], location=location_text(location), split=name)


_STAGE = {"sequences": _stage_sequence, "datasets": _stage_dataset, "splits": _stage_split}
