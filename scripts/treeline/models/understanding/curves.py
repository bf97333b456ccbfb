"""How training went, from the file `metrics.csv` of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from treeline.errors import InputError

METRICS_FILE = "metrics.csv"
EPOCH, STEP, SPLIT = "epoch", "step", "split"
COLUMNS = [EPOCH, SPLIT, "metric", "value"]


def learning_curves(file: Path) -> pd.DataFrame:
    """Read metrics of training: `epoch`, `split`, `metric`, `value`, the last value of each epoch.

    Args:
        file: A table with a row an epoch and split: the columns `epoch`, `step`, `split`, and one a metric, whose cells
            are empty where the split has it not. No such file gives no rows.

    Raises:
        InputError: It is no such table.
    """
    if not file.is_file():
        return pd.DataFrame(columns=COLUMNS)
    try:
        table = pd.read_csv(file)
        metrics = [name for name in table.columns if name not in (EPOCH, STEP, SPLIT)]
        numbers = table.astype(dict.fromkeys((EPOCH, *metrics), np.float64)).astype({EPOCH: np.int64, SPLIT: str})
    except (ValueError, KeyError) as error:
        raise InputError(file, f"is no table of metrics: {error}.", fix="Train the model anew.") from None
    rows = numbers.melt([EPOCH, SPLIT], metrics, "metric", "value").dropna()
    return rows.groupby(["metric", SPLIT, EPOCH], sort=False)["value"].last().reset_index()[COLUMNS]
