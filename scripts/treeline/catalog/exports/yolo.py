"""YOLO datasets (https://docs.ultralytics.com/datasets/detect): a text file of boxes an image.

data.yaml                        names of the classes, and the three lists
train.txt, val.txt, test.txt     `./images/<dataset>/<file>` a line
labels/<dataset>/<file>.txt      `class x_center y_center width height` a line, as shares of the image
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

from treeline.catalog.exports.rows import stream_rows
from treeline.catalog.training.choice import SPLITS
from treeline.errors import InputError

CLASSES = {"animal": 0, "person": 1, "vehicle": 2}
"""MegaDetector's categories, counted from 0."""

NAMED = """
    CREATE OR REPLACE TEMP VIEW yolo_images AS
    SELECT
        id,
        split,
        dataset || '/' || file AS path,
        regexp_replace(dataset || '/' || file, '\\.[^./]*$', '') || '.txt' AS labels
    FROM training_images
    WHERE dropped IS NULL
"""

LABELS = """
    SELECT
        labels,
        coalesce(string_agg(
            format(
                '{{:d}} {{:.9f}} {{:.9f}} {{:.9f}} {{:.9f}}\n',
                map {classes} [category], x_min + width / 2, y_min + height / 2, width, height
            ), '' ORDER BY number
        ), '')
    FROM yolo_images LEFT JOIN training_boxes USING (id)
    GROUP BY id, labels
    ORDER BY id
"""


def write(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Write `data.yaml`, the lists and `labels/`; an image without boxes has an empty file.

    Args:
        connection: With `training_images` and `training_boxes` of `training/choice.sql`.
        target: Folder of the dataset.

    Raises:
        InputError: Two images would share a file of labels: they differ in their endings, or in case, alone.
    """
    connection.execute(NAMED)
    shared = connection.execute("""
        SELECT list(path ORDER BY path) FROM yolo_images GROUP BY lower(labels) HAVING count(*) > 1 ORDER BY 1 LIMIT 1
    """).fetchone()
    if shared is not None:
        one, other, *_ = shared[0]
        fix = "Leave one of them out of the lookup table."
        raise InputError("the catalogue", f"{one} and {other} would share a file of labels.", field="file", fix=fix)
    lists = {split: f"{split}.txt" for split in SPLITS}
    # Without `path`, Ultralytics looks beside the file itself.
    settings = {**lists, "names": {number: name for name, number in CLASSES.items()}}
    (target / "data.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    for split, name in lists.items():
        with (target / name).open("w", encoding="utf-8") as file:
            query = f"SELECT path FROM yolo_images WHERE split = '{split}' ORDER BY id"
            file.writelines(f"./images/{path}\n" for (path,) in stream_rows(connection, query))
    (target / "labels").mkdir()
    for name, lines in stream_rows(connection, LABELS.format(classes=CLASSES)):
        file_of_labels = target / "labels" / name
        file_of_labels.parent.mkdir(parents=True, exist_ok=True)
        file_of_labels.write_text(lines, encoding="utf-8")
