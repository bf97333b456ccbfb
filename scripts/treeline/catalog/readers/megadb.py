"""Read MegaDB JSON: a list of sequences, of data sets, or of splits; or a folder with such files.

Files are streamed: one of 5 GB needs no more memory than one of 5 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from treeline.catalog.json_stream import read_objects
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager, as_json, others
from treeline.errors import InputError

SEQUENCE_KEYS = frozenset({"dataset", "seq_id", "images", "videos", "location", "class", "datetime"})
IMAGE_KEYS = frozenset({"file", "frame_num", "class", "datetime", "bbox"})
BOX_KEYS = frozenset({"category", "bbox", "class", "confidence"})
DATASET_KEYS = frozenset(
    {"dataset_name", "storage_account", "container", "path_prefix", "container_sas_key", "access", "comment"}
)

Item = dict[str, Any]


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
        item = next(items)
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
            properties=others(image, IMAGE_KEYS),
        )
        for place, box in enumerate(image.get("bbox", ())):
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
                confidence=box.get("confidence"),
                properties=others(box, BOX_KEYS),
            )


def _stage_dataset(dataset: Item, stager: Stager) -> None:
    known = {key: dataset.get(key) for key in DATASET_KEYS - {"dataset_name"}}
    stager.add("staged_datasets", dataset=dataset["dataset_name"], **known, properties=others(dataset, DATASET_KEYS))


def _stage_split(split: Item, stager: Stager) -> None:
    for name in ("train", "val", "test"):
        for location in split.get(name, ()):
            text = location if isinstance(location, str) else as_json(location)
            stager.add("staged_splits", dataset=split["dataset"], location=text, split=name)
