"""Write a data set as COCO Camera Traps: one JSON object with its images, annotations and categories.

The format: https://github.com/agentmorris/MegaDetector, `megadetector/data_management/README.md`. What was ingested
from it comes back as it was, see `readers/coco_camera_traps.py`; for the rest, names of files are the ids.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import duckdb

from treeline.catalog.database import CatalogError, read_sql
from treeline.catalog.exports.cct_categories import Categories
from treeline.catalog.exports.lots import choose_datasets, lots, write_items
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.json_stream import as_json
from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.database import quote_literal

log = logging.getLogger(__name__)

IMAGE_KEYS = ("id", "file_name", "width", "height", "datetime", "location", "seq_id", "frame_num", "cct_annotations")
"""Keys of an image that have a place of their own: a property of such a name would be a second one."""

ANNOTATIONS = """
    SELECT json_of([
        '"id":' || cct_annotations.id, '"image_id":' || image_id, member('category_id', category.id), rest, fields
    ])
    FROM cct_annotations JOIN cct_categories AS category USING (name)
    ORDER BY number
"""


def write(connection: duckdb.DuckDBPyConnection, target: Path, options: ExportOptions) -> dict[str, int]:
    """Write one data set to the file `target`; images by sequence and frame.

    Returns:
        Numbers of images, annotations and categories.

    Raises:
        CatalogError: The catalogue has several data sets and none is chosen, or as `choose_datasets`.
        InputError: An image has boxes and no width and height.
    """
    datasets = choose_datasets(connection, options)
    if len(datasets) != 1:
        raise CatalogError(f"COCO Camera Traps has no field for the data set: choose one of {', '.join(datasets)}.")
    dataset = datasets[0]
    _check_sizes(connection, target)
    quoted = ", ".join(quote_literal(key) for key in IMAGE_KEYS)
    connection.execute(f"SET VARIABLE image_keys = [{quoted}]")
    connection.execute(read_sql("exports/coco_camera_traps_ids.sql"))
    head = _head(connection, dataset)
    categories = Categories(connection, dataset)
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write("{" + "".join(f"{as_json(key)}:{as_json(value)},\n" for key, value in head.items()))
        images = _write_list(connection, stream, "images", read_sql("exports/coco_camera_traps_images.sql"))
        annotations = _write_list(connection, stream, "annotations", ANNOTATIONS, before=categories.prepare_lot)
        listed = categories.by_id()
        stream.write('"categories":[\n' + ",\n".join(as_json(category) for category in listed) + "\n]}\n")
    return {"images": images, "annotations": annotations, "categories": len(listed)}


def _write_list(
    connection: duckdb.DuckDBPyConnection,
    stream: TextIO,
    key: str,
    query: str,
    before: Callable[[], None] | None = None,
) -> int:
    written = 0
    stream.write(f'"{key}":[')
    for _ in lots(connection):
        if before is not None:
            before()
        written += write_items(connection, stream, query, written=written)
    stream.write("\n],\n")
    return written


def _check_sizes(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    bare = connection.execute("""
        SELECT min(file) FROM boxes JOIN images USING (image) JOIN chosen_sequences USING (sequence)
        WHERE images.width IS NULL OR images.height IS NULL
    """).fetchall()[0][0]
    if bare is not None:
        problem = f"boxes are in pixels here, and the width and height of {bare} are not known."
        raise InputError(target, problem, fix="Ingest the sizes of the images.")


def _head(connection: duckdb.DuckDBPyConnection, dataset: str) -> dict[str, Any]:
    """What the file says of itself: as it was ingested, if all of the data set came from one file."""
    sources = connection.execute("""
        SELECT DISTINCT properties::VARCHAR FROM ingests
        WHERE format = 'coco-camera-traps'
            AND ingest IN (SELECT ingest FROM sequences SEMI JOIN chosen_sequences USING (sequence))
    """).fetchall()
    kept = json.loads(sources[0][0]) if len(sources) == 1 and sources[0][0] is not None else {}
    comment = connection.execute("SELECT comment FROM datasets WHERE dataset = ?", [dataset]).fetchall()[0][0]
    head = {"info": {"version": "1.0", "description": comment or dataset}, **kept}
    [(empty, unseen, videos)] = connection.execute("""
        WITH drawn AS (SELECT DISTINCT image FROM boxes WHERE confidence IS NULL)
        SELECT
            count_if(annotated AND drawn.image IS NULL),
            count_if(NOT annotated),
            (SELECT count(*) FROM videos SEMI JOIN chosen_sequences USING (sequence))
        FROM images JOIN chosen_sequences USING (sequence) LEFT JOIN drawn USING (image)
    """).fetchall()
    if empty and not unseen and isinstance(head["info"], dict):
        head["info"] = {**head["info"], "boxes_complete": True}
    elif empty:
        log.warning("%s: that %d images were looked at and have no boxes is left out", dataset, empty)
    if videos:
        log.warning("%s: %d videos are left out; the format has none", dataset, videos)
    return head
