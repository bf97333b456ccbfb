"""Which classes there are, how often, and which of them together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.channel_tables import bin_rows
from treeline.analyze.dataset import Dataset
from treeline.errors import InputError
from treeline.io.datasets.metadata import SPLITS
from treeline.io.disk_tables import read_frame, read_numbers

TARGET_BINS = 64

_CLASSES = """
    CREATE TABLE classes (
        id INTEGER, label_idx INTEGER, boxes INTEGER, pixels INTEGER, PRIMARY KEY (id, label_idx)
    ) WITHOUT ROWID
"""

_LABELLED = """
    INSERT INTO classes
    SELECT DISTINCT id, label_idx, coalesce(count, 0), 0
    FROM {source} LEFT JOIN (SELECT id, label_idx, count(*) AS count FROM boxes GROUP BY 1, 2) USING (id, label_idx)
    WHERE label_idx IS NOT NULL
"""

_OF_SPLITS = """
    WITH divided AS (SELECT id, coalesce(split, '') AS split FROM samples),
    sizes AS (SELECT split, count(*) AS size FROM divided GROUP BY 1)
    SELECT
        split, label_idx, count(*) AS samples, sum(boxes) AS boxes, sum(pixels) AS pixels,
        1.0 * count(*) / size AS share
    FROM classes JOIN divided USING (id) JOIN sizes USING (split)
    GROUP BY split, label_idx
"""

_TOGETHER = """
    SELECT one.label_idx AS first, other.label_idx AS second, count(*) AS count
    FROM classes AS one JOIN classes AS other USING (id)
    WHERE one.label_idx < other.label_idx GROUP BY 1, 2 ORDER BY 1, 2
"""


def find_labels(dataset: Dataset) -> None:
    """Find the classes of each sample: by its masks, its labels, its label or its boxes, whichever it has.

    They come into the dataset's table `classes`, a row a class of a sample: `id`, `label_idx`, `boxes`, `pixels`.

    Raises:
        InputError: A mask has a value that is no class; names the sample.
    """
    dataset.database.execute(_CLASSES)
    if dataset.facts.task == "segmentation":
        _check_masks(dataset)
        dataset.database.execute("INSERT INTO classes SELECT id, label_idx, 0, pixels FROM masks")
        return
    if dataset.count("labels"):
        source = "labels"
    else:
        source = "samples" if dataset.count("samples WHERE label_idx IS NOT NULL") else "boxes"
    dataset.database.execute(_LABELLED.format(source=source))


def classes(dataset: Dataset) -> pd.DataFrame:
    """Rows of the table `classes`."""
    rows = read_frame(dataset.database, _OF_SPLITS)
    place = rows["split"].map({split: place for place, split in enumerate(SPLITS)})
    rows = rows.assign(place=place).sort_values(["place", "split", "label_idx"], kind="stable")
    return rows.assign(label=named(dataset, rows["label_idx"]))


def cooccurrence(dataset: Dataset) -> pd.DataFrame:
    """Rows of the table `cooccurrence`; lift is P(both) / (P(first) P(second))."""
    rows = read_frame(dataset.database, _TOGETHER)
    samples = dict(dataset.database.execute("SELECT label_idx, count(*) FROM classes GROUP BY 1").fetchall())
    independent = rows["first"].map(samples) * rows["second"].map(samples) / len(dataset)
    return rows.assign(
        first=named(dataset, rows["first"]), second=named(dataset, rows["second"]), lift=rows["count"] / independent
    )


def target_histogram(dataset: Dataset) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the space `target`; none where the task is no regression."""
    if dataset.facts.task != "regression":
        return []
    targets = read_numbers(dataset.database, "SELECT target FROM samples WHERE target IS NOT NULL")
    counts, edges = np.histogram(targets, TARGET_BINS)
    return bin_rows("target", "target", edges, counts)


def named(dataset: Dataset, label_idx: pd.Series[Any]) -> list[str]:
    """Names of the classes that have these numbers."""
    return [dataset.facts.class_names[number] for number in label_idx.tolist()]


def _check_masks(dataset: Dataset) -> None:
    known = len(dataset.facts.class_names)
    query = """
        SELECT image_path, masks.label_idx FROM masks JOIN samples USING (id)
        WHERE masks.label_idx >= ? ORDER BY id, masks.label_idx LIMIT 1
    """
    for name, value in dataset.database.execute(query, [known]):
        raise InputError(name, f"its mask has the value {value}, but there are {known} classes, from 0.")
