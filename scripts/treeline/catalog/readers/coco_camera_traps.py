"""Read COCO Camera Traps: one JSON object with the lists `images`, `annotations` and `categories`, in any order.

The format: https://github.com/agentmorris/MegaDetector, `megadetector/data_management/README.md`. The lists are
streamed into tables and joined there: a file of 5 GB needs no more memory than one of 5 MB.

What the catalogue has no column for is kept, so that `exports/coco_camera_traps.py` gives it back: fields of an image
in its properties, with its annotations that are no boxes under `cct_annotations`; fields of a box's annotation in the
box's properties; a category, as it is spelled, in the properties of its class; the rest of the file with the ingest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from treeline.catalog.classes import EMPTY, normalise
from treeline.catalog.database import read_sql
from treeline.catalog.json_stream import as_json, others, read_head, read_objects
from treeline.catalog.readers.cct_fields import Entry
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager
from treeline.errors import InputError
from treeline.io.database import quote_literal

LISTS = ("images", "annotations", "categories")
IMAGE_KEYS = frozenset({"file_name", "width", "height", "datetime", "seq_id", "frame_num", "location"})
ANNOTATION_KEYS = frozenset({"image_id", "category_id", "bbox"})
BOX_CATEGORIES = {"person": "person", "human": "person", "vehicle": "vehicle", "group": "group"}
"""Categories of boxes, by class; any other is an animal."""

IMAGES_AT_ONCE = 200_000

SCHEMAS = {
    "cct_images": pa.schema(
        {
            "item": pa.int64(),
            **dict.fromkeys(("id", "file", "seq_id", "location", "datetime"), pa.string()),
            "frame_num": pa.int64(),
            "width": pa.int32(),
            "height": pa.int32(),
            "properties": pa.string(),
        }
    ),
    "cct_annotations": pa.schema(
        {
            "number": pa.int64(),
            "image_id": pa.string(),
            "category_id": pa.int64(),
            "of_sequence": pa.bool_(),
            **dict.fromkeys(("x", "y", "w", "h", "confidence"), pa.float64()),
            "fields": pa.string(),
        }
    ),
    "cct_categories": pa.schema(
        {
            "id": pa.int64(),
            **dict.fromkeys(("name", "class", "box_category", "spelling"), pa.string()),
        }
    ),
}
"""The lists as tables. Ids of images are JSON: 1 and "1" are two. `spelling` is null for the first name of a class."""


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a COCO Camera Traps file.

    Raises:
        InputError: The file is none, a field is of a wrong type, an annotation is of no image or category, an id is
            there twice, a box is of an image without width and height, or the data set is not named.
    """
    if source.dataset is None:
        raise InputError(source.path, "the format does not name the data set.", fix="Name it with --dataset.")
    head = read_head(source.path, LISTS)
    for table, schema in SCHEMAS.items():
        connection.register("empty", schema.empty_table())
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM empty")
        connection.unregister("empty")
    with Stager(connection) as stager, Stager(connection, SCHEMAS) as lists:
        stager.add("staged_source", properties=as_json(head) if head else None)
        _read_categories(source, stager, lists)
        _read_images(source.path, lists)
        _read_annotations(source.path, lists)
    _check(connection, source.path)
    is_complete = source.boxes_complete or (head.get("info") or {}).get("boxes_complete") is True
    connection.execute(f"SET VARIABLE dataset = {quote_literal(source.dataset)}")
    connection.execute(f"SET VARIABLE boxes_complete = {is_complete}")
    connection.execute(read_sql("readers/coco_camera_traps.sql"))
    lot = read_sql("readers/coco_camera_traps_lot.sql")
    [(images,)] = connection.execute("SELECT count(*) FROM cct_images").fetchall()
    for first in range(1, images + 1, IMAGES_AT_ONCE):
        connection.execute(f"SET VARIABLE first = {first}; SET VARIABLE last = {first + IMAGES_AT_ONCE - 1}")
        connection.execute(lot)
    for table in (*SCHEMAS, "cct_labels", "cct_sequences"):
        connection.execute(f"DROP TABLE {table}")


def _read_categories(source: Source, stager: Stager, lists: Stager) -> None:
    names: set[str] = set()
    ids: set[int] = set()
    by_class: dict[str, list[dict[str, Any]]] = {}
    for number, category in enumerate(read_objects(source.path, "categories.item"), start=1):
        entry = Entry(source.path, "categories", number, category)
        id, name = entry.required_integer("id"), entry.required_text("name")
        if id in ids or name in names:
            raise entry.error("id" if id in ids else "name", "is that of another category, too.")
        ids.add(id)
        names.add(name)
        label = normalise(name, source.labels)
        if id == 0 and label != EMPTY:
            fix = "Call it empty, or give it another id."
            raise entry.error("id", f"0 is that of the category empty, and this one is called {name!r}.", fix=fix)
        alike = by_class.setdefault(label, [])
        lists.add(
            "cct_categories",
            id=id,
            name=name,
            **{"class": label},
            box_category=BOX_CATEGORIES.get(label, "animal"),
            spelling=name if alike else None,
        )
        alike.append(category)
    for first, *same in by_class.values():
        properties = as_json({**first, "same_class": same} if same else first)
        stager.add("staged_classes", dataset=source.dataset, **{"class": first["name"]}, properties=properties)


def _read_images(file: Path, lists: Stager) -> None:
    for number, image in enumerate(read_objects(file, "images.item"), start=1):
        entry = Entry(file, "images", number, image)
        location = image.get("location")
        lists.add(
            "cct_images",
            item=number,
            id=as_json(entry.id("id")),
            file=entry.required_text("file_name"),
            seq_id=entry.sequence("seq_id"),
            location=None if location is None else as_json(location),
            datetime=entry.text("datetime"),
            frame_num=entry.integer("frame_num", at_least=0, below=2**63),
            width=entry.integer("width", at_least=1, below=2**31),
            height=entry.integer("height", at_least=1, below=2**31),
            properties=others(image, IMAGE_KEYS),
        )


def _read_annotations(file: Path, lists: Stager) -> None:
    for number, annotation in enumerate(read_objects(file, "annotations.item"), start=1):
        entry = Entry(file, "annotations", number, annotation)
        entry.id("id")
        box = entry.box("bbox")
        confidence = entry.share("confidence") if box else None
        known = ANNOTATION_KEYS if confidence is None else ANNOTATION_KEYS | {"confidence"}
        lists.add(
            "cct_annotations",
            number=number,
            image_id=as_json(entry.id("image_id")),
            category_id=entry.required_integer("category_id"),
            of_sequence=annotation.get("sequence_level_annotation") is True,
            **dict(zip("xywh", box, strict=True)) if box else {},
            confidence=confidence,
            fields=others(annotation, known),
        )


def _check(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Refuse ids that are there twice, annotations of nothing, and boxes that cannot be made relative."""
    twice = connection.execute(
        "SELECT id, min(item) FROM cct_images GROUP BY id HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise InputError(file, f"images: the id {twice[0]} is there twice.", row=twice[1], field="id")
    for key, table in (("image_id", "cct_images"), ("category_id", "cct_categories")):
        lost = connection.execute(f"""
            SELECT {key}, number FROM cct_annotations ANTI JOIN {table} AS other ON {key} = other.id
            ORDER BY number LIMIT 1
        """).fetchone()
        if lost is not None:
            raise InputError(file, f"annotations: {lost[0]} is no id of {table[4:]}.", row=lost[1], field=key)
    bare = connection.execute("""
        SELECT image_id, number FROM cct_annotations JOIN cct_images AS image ON image_id = image.id
        WHERE x IS NOT NULL AND (width IS NULL OR height IS NULL) ORDER BY number LIMIT 1
    """).fetchone()
    if bare is not None:
        problem = f"annotations: the box needs the width and height of image {bare[0]}, which has none."
        raise InputError(file, problem, row=bare[1], field="bbox", fix="Add them to the image.")
    empty = connection.execute(
        "SELECT image_id, number FROM cct_annotations JOIN cct_categories AS category ON category_id = category.id "
        "WHERE x IS NOT NULL AND class = ? ORDER BY number LIMIT 1",
        [EMPTY],
    ).fetchone()
    if empty is not None:
        problem = f"annotations: image {empty[0]} has a box around nothing: its category is empty."
        raise InputError(file, problem, row=empty[1], field="category_id")
