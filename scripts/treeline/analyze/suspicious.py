"""Images to look at before anything is learned from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from treeline.analyze.channels import Floats
from treeline.analyze.dataset import Dataset
from treeline.analyze.dimensions import values_of
from treeline.io.disk_tables import read_frame

BLACK = 16
"""Levels: 99 % of the pixels of every channel are no brighter."""

WHITE = 239
"""Levels: 99 % of the pixels of every channel are no darker."""

TINY = 32
"""Pixels of the shorter side; smaller ones are tiny."""

ODD_ASPECT = 3.0
"""Longer / shorter side; larger is odd."""

OUTLIER = 3.5
"""Modified z-score: median and median absolute deviation stand for mean and standard deviation.

(Iglewicz, Hoaglin: How to detect and handle outliers, 1993.)
"""

DEVIATIONS = 0.6745
"""Median absolute deviation of a normal distribution whose standard deviation is 1."""

MOST_OF_A_REASON = 1000

_REASONS = (
    ("black", "brightness", f"high <= {BLACK}", "ASC"),
    ("white", "brightness", f"low >= {WHITE}", "DESC"),
    ("blurred", "sharpness", f"sharpness <= ? AND (high <= {BLACK} OR low >= {WHITE}) IS NOT TRUE", "ASC"),
    ("tiny", "shorter_side", f"shorter_side < {TINY}", "ASC"),
    ("odd_aspect", "elongation", f"elongation > {ODD_ASPECT}", "DESC"),
)
"""What gives an image away, the condition on it, and the order in which the worst come first."""

_DUPLICATED = """
    SELECT id, first FROM (SELECT id, min(id) OVER (PARTITION BY digest) AS first FROM images)
    WHERE id != first ORDER BY id
"""


def find_suspicious(dataset: Dataset) -> None:
    """Find all suspicious images; they come into the dataset's table `suspicious`.

    Its rows are `id`, `reason`, `value`: the worst first, by reason in the order of `tables.REASONS`.
    """
    database = dataset.database
    database.execute("CREATE TABLE suspicious (place INTEGER PRIMARY KEY, id INTEGER, reason TEXT, value REAL)")
    put = "INSERT INTO suspicious (id, reason, value)"
    database.execute(f"{put} SELECT id, 'unreadable', NULL FROM unreadable ORDER BY id")
    for reason, value, condition, order in _REASONS:
        bounds = [blur_bound(values_of(dataset, "sharpness"))] if reason == "blurred" else []
        query = f"SELECT id, '{reason}', {value} FROM quantities WHERE {condition} ORDER BY {value} {order}, id"
        database.execute(f"{put} {query}", bounds)
    database.execute(f"{put} SELECT id, 'duplicated', first FROM ({_DUPLICATED})")


def blur_bound(sharpness: Floats) -> float:
    """The largest of those far less than most: their logarithm is an outlier; at least 0, of what has no edge.

    Args:
        sharpness: Of all images; it is sorted.
    """
    sharpness.sort()
    positive = sharpness[np.searchsorted(sharpness, 0, "right") :]
    if not positive.size:
        return 0.0
    score = np.log2(positive)
    score -= np.median(score)
    if not (spread := np.median(np.abs(score), overwrite_input=True)) > 0:
        return 0.0
    score *= DEVIATIONS
    score /= spread
    outliers = np.searchsorted(score, -OUTLIER)
    return float(positive[outliers - 1]) if outliers else 0.0


def count_reasons(dataset: Dataset) -> dict[str, int]:
    """How many images are suspicious for each reason, in the order of reasons; without those that none has."""
    query = "SELECT reason, count(*) FROM suspicious GROUP BY reason ORDER BY min(place)"
    return dict(dataset.database.execute(query).fetchall())


def listed(dataset: Dataset) -> pd.DataFrame:
    """Rows of the table `suspicious`: the worst 1,000 of each reason."""
    query = f"""
        SELECT id, image_path, reason, value
        FROM (SELECT *, row_number() OVER (PARTITION BY reason ORDER BY place) AS number FROM suspicious)
        JOIN samples USING (id)
        WHERE number <= {MOST_OF_A_REASON} ORDER BY place
    """
    return read_frame(dataset.database, query)
