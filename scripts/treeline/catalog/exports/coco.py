"""COCO detection datasets (https://cocodataset.org/#format-data), a file for each split.

Boxes are in pixels of the upright image. Ids count from 1 and are unique over all splits: images by data set and file,
annotations in the order of their images. What COCO has no field for stands beside its fields, as tools pass over it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

import duckdb

from treeline import __version__
from treeline.catalog.exports.rows import stream_rows
from treeline.catalog.training.choice import SPLITS
from treeline.io.licenses import address_of

CATEGORIES = {"animal": 1, "person": 2, "vehicle": 3}
"""Numbers as MegaDetector has them."""

IMAGES = """
    SELECT json_merge_patch('{{}}', json_object(
        'id', id,
        'file_name', dataset || '/' || file,
        'width', width,
        'height', height,
        'license', licenses.number,
        'date_captured', strftime(time, '%Y-%m-%d %H:%M:%S'),
        'rights_holder', rights_holder,
        'dataset', dataset,
        'location', location,
        'seq_id', seq_id,
        'frame_num', frame_num
    ))
    FROM training_images
    LEFT JOIN training_licenses AS licenses USING (license)
    WHERE dropped IS NULL AND split = '{split}'
    ORDER BY id
"""

ANNOTATIONS = """
    SELECT json_merge_patch('{{}}', json_object(
        'id', number,
        'image_id', id,
        'category_id', map {categories} [category],
        'bbox', [x_min * image_width, y_min * image_height, width * image_width, height * image_height],
        'area', width * image_width * height * image_height,
        'iscrowd', 0,
        'score', confidence
    ))
    FROM training_annotations
    WHERE split = '{split}'
    ORDER BY number
"""


def write(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Write `annotations/instances_<split>.json` for each split, the empty ones too.

    Args:
        connection: With `training_images` and `training_boxes` of `training/choice.sql`, sizes known.
        target: Folder of the dataset; images are named below its `images/`.
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE training_licenses AS
        SELECT license, row_number() OVER (ORDER BY license) AS number
        FROM (SELECT DISTINCT license FROM training_images WHERE dropped IS NULL AND license IS NOT NULL);
        CREATE OR REPLACE TEMP TABLE training_annotations AS
        SELECT
            row_number() OVER (ORDER BY id, box.number) AS number, id, split, category, x_min, y_min, box.width,
            box.height, confidence, image.width AS image_width, image.height AS image_height
        FROM training_boxes AS box JOIN training_images AS image USING (id)
        WHERE dropped IS NULL
    """)
    licenses = [
        {"id": number, "name": name, "url": address_of(name) or ""}
        for name, number in connection.execute("SELECT * FROM training_licenses ORDER BY number").fetchall()
    ]
    folder = target / "annotations"
    folder.mkdir()
    for split in SPLITS:
        head = {
            "info": {
                "description": f"Images with boxes for {split}",
                "version": "1",
                "contributor": f"Treeline {__version__}",
            },
            "licenses": licenses,
            "categories": [{"id": id, "name": name, "supercategory": ""} for name, id in CATEGORIES.items()],
        }
        with (folder / f"instances_{split}.json").open("w", encoding="utf-8") as file:
            file.write(json.dumps(head, ensure_ascii=False)[:-1])
            _write_list(connection, file, "images", IMAGES.format(split=split))
            _write_list(connection, file, "annotations", ANNOTATIONS.format(split=split, categories=CATEGORIES))
            file.write("}\n")


def _write_list(connection: duckdb.DuckDBPyConnection, file: TextIO, key: str, query: str) -> None:
    file.write(f', "{key}": [')
    separator = "\n"
    for (text,) in stream_rows(connection, query):
        file.write(separator + text)
        separator = ",\n"
    file.write("]")
