"""How far a regression is off, over the range of its targets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from treeline.io.sampling import choose_images
from treeline.models.understanding.subject import Subject

MOST_POINTS = 2000
BINS = 30


def points(subject: Subject) -> pd.DataFrame:
    """`id`, `target`, `predicted`, `error` (predicted - target) of at most 2,000 images, drawn by their ids."""
    rows = subject.rows
    chosen = rows["id"].isin(choose_images(rows["id"].to_numpy(np.int64), MOST_POINTS))
    return rows.loc[chosen, ["id", "target", "predicted", "error"]].reset_index(drop=True)


def residuals(subject: Subject) -> pd.DataFrame:
    """How the errors of all images are distributed: 30 bins, `bin_low` <= error < `bin_high`, `count`."""
    counts, edges = np.histogram(subject.rows["error"].to_numpy(np.float64), BINS)
    return pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "count": counts})
