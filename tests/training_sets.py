"""Small catalogues, and the images that they speak of, to make training sets of."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.shards import encode, picture
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.catalog.training.choice import Choice
from treeline.catalog.training.crop_set import CropSet, CropSetOptions, make_crop_set
from treeline.catalog.training.detector_set import DetectorSet, DetectorSetOptions, make_detector_set
from treeline.catalog.training.images import ImageSource
from treeline.io.images import MAX_PIXELS

Sequences = list[dict[str, Any]]

ALL = Choice(None, None)
ANIMAL = {"category": "animal", "bbox": [0.25, 0.25, 0.5, 0.5]}
GROUP = {"category": "group", "bbox": [0, 0, 1, 1]}
PNG = encode(Image.fromarray(picture(48, 72)), "PNG")


def sequence(file: str, boxes: Sequence[dict[str, Any]] | None, **more: Any) -> dict[str, Any]:
    """A sequence of one image; `boxes` None for one that nobody looked at, those of a detector have a confidence."""
    drawn = [box for box in boxes or () if "confidence" not in box]
    detections = [box for box in boxes or () if "confidence" in box]
    was_looked_at = boxes is not None and (bool(drawn) or not detections)
    image = {"file": file} | ({"bbox": drawn} if was_looked_at else {})
    image |= {"detections": detections} if detections else {}
    return {"dataset": "caltech", "seq_id": file, "class": ["deer"], "images": [image], **more}


def build(catalog: Path, sequences: Sequences, *tables: Any) -> Path:
    """Ingest sequences, and other MegaDB tables."""
    for name, content in {
        "sequences": sequences,
        **{f"table {number}": table for number, table in enumerate(tables)},
    }.items():
        file = catalog.with_name(f"{name}.json")
        file.write_text(json.dumps(content), encoding="utf-8")
        ingest(catalog, Source(name, "megadb", file, is_strict=False), memory_mb=1024, threads=1)
    return catalog


def split_table(dataset: str = "caltech", **splits: Sequence[str]) -> list[dict[str, Any]]:
    return [{"dataset": dataset, "train": [], "val": [], "test": [], **splits}]


def write_images(folder: Path, names: Iterable[str], **other: bytes) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(other.get(name, PNG))
    return folder


def write_lookup(file: Path, rows: Sequence[tuple[str, str]]) -> Path:
    datasets, files = ([row[column] for row in rows] for column in (0, 1))
    pq.write_table(pa.table({"dataset": datasets, "file": files, "score": [0.5] * len(rows)}), file)
    return file


def detector_set(catalog: Path, output: Path, images: Path | None, **changes: Any) -> DetectorSet:
    sources = [ImageSource(images, None)] if images is not None else []
    options: dict[str, Any] = {"choice": ALL, "sources": sources, "placement": "link", **changes}
    return make_detector_set(catalog, output, DetectorSetOptions(**options), memory_mb=1024, threads=1)


def crop_set(catalog: Path, output: Path, images: Path, **changes: Any) -> CropSet:
    options: dict[str, Any] = {
        **{"choice": ALL, "sources": [ImageSource(images, None)], "labels": None, "categories": ["animal"]},
        **{"shares": (0.6, 0.2, 0.2), "seed": 0, "margin": 0.0, "square": False, "archive_crops": 100},
        **{"jpeg_quality": 90, "max_pixels": MAX_PIXELS, **changes},
    }
    return make_crop_set(catalog, output, CropSetOptions(**options), memory_mb=1024, threads=1)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
