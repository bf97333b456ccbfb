"""A small catalogue with everything that a query can meet, and the JSON that it was made of."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source

Item = dict[str, Any]

SECRET = "?se=2031-01-01T00%3A00%3A00Z&sig=do-not-show"
DATASETS: list[Item] = [
    {
        "dataset_name": name,
        "storage_account": "account",
        "container": "container",
        "path_prefix": "",
        "container_sas_key": SECRET,
        "access": access,
    }
    for name, access in (("caltech", ["public"]), ("nacti", ["public", "web"]), ("nacti_private", ["private"]))
]
CLASSES = [["bear"], ["deer"], ["bear", "deer"], ["empty"], ["__label_unavailable"], ["squirrel"]]


def collection(seed: int = 0, sequences: int = 120) -> list[Item]:
    """Sequences of three data sets: classes on either level, boxes, locations and times that are there or are not."""
    return list(_collection(random.Random(seed), sequences))


def write_catalog(folder: Path, sequences: list[Item]) -> Path:
    """Ingest sequences, and the data sets if these are ours."""
    source = folder / "source.json"
    source.write_text(json.dumps([*DATASETS, *sequences]), encoding="utf-8")
    catalog = folder / "catalog.duckdb"
    ingest(catalog, Source("source", "megadb", source), memory_mb=1024, threads=1)
    return catalog


def _collection(chance: random.Random, sequences: int) -> Iterator[Item]:
    for number in range(sequences):
        dataset = chance.choice(DATASETS)["dataset_name"]
        sequence: Item = {"dataset": dataset, "seq_id": f"s{number:03d}"}
        if chance.random() < 0.9:
            sequence["location"] = chance.choice(["north", "south", 7, "east", "west"])
        is_on_sequence = chance.random() < 0.5
        if is_on_sequence:
            sequence["class"] = chance.choice(CLASSES)
        sequence["images"] = [
            _image(chance, f"{dataset}/{number}/{frame}.jpg", frame, is_on_sequence)
            for frame in range(chance.randint(1, 5))
        ]
        yield sequence


def _image(chance: random.Random, file: str, frame: int, is_on_sequence: bool) -> Item:
    image: Item = {"file": file, "frame_num": frame}
    if not is_on_sequence or chance.random() < 0.2:
        image["class"] = chance.choice(CLASSES)
    if chance.random() < 0.5:
        image["datetime"] = f"2020-01-{chance.randint(1, 28):02d} 10:00:00"
    if chance.random() < 0.6:
        boxes = range(chance.choice([0, 1, 2]))
        image["bbox"] = [{"category": "animal", "bbox": [0.1 * (box + 1), 0.2, 0.3, 0.4]} for box in boxes]
    return image
