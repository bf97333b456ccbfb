"""How training went, from the file `metrics.csv` of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from treeline.errors import InputError

METRICS_FILE = "metrics.csv"
EPOCH, STEP = "epoch", "step"


def learning_curves(file: Path) -> pd.DataFrame:
    """Read metrics of training: `epoch`, `metric`, `value`, the last value of each epoch.

    Args:
        file: A table with the columns `epoch` and `step`, and one a metric, whose cells are empty where it was not
            measured: as lightning's CSV logger writes it. No such file gives no rows.

    Raises:
        InputError: It is no such table.
    """
    if not file.is_file():
        return pd.DataFrame(columns=[EPOCH, "metric", "value"])
    try:
        table = pd.read_csv(file)
        metrics = [name for name in table.columns if name not in (EPOCH, STEP)]
        numbers = table[[EPOCH, *metrics]].astype(np.float64)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise InputError(file, f"is no table of metrics: {error}", fix="Train the model anew.") from None
    rows = numbers.melt(EPOCH, var_name="metric", value_name="value").dropna()
    last = rows.groupby(["metric", EPOCH], sort=False)["value"].last().reset_index()
    return last.assign(epoch=last[EPOCH].astype(np.int64))[[EPOCH, "metric", "value"]]
