"""The files of a run that say how it was trained and how it went.

config.yaml       the experiment, with all its values
env.json          versions, revision, hardware, dataset
metrics.csv       a row an epoch and split: epoch, step, split, learning_rate (of train), loss, metrics (of val)
experiment.h5     the table `/metrics/table`, and as text `/config` and `/env`
curves/           the loss of both splits, and each metric, as SVG and PNG
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import yaml

from treeline.io.atomic import atomic_path, write_text
from treeline.io.hdf_tables import put_table
from treeline.models.experiment import Experiment
from treeline.models.tracking.curves import write_curves

CONFIG, ENVIRONMENT, METRICS, EXPERIMENT, CURVES = "config.yaml", "env.json", "metrics.csv", "experiment.h5", "curves"


def write_tracking(
    folder: Path, experiment: Experiment, rows: Sequence[Mapping[str, Any]], environment: Mapping[str, Any]
) -> None:
    """Write all of them; the same bytes for the same training on the same machine.

    Args:
        folder: The run's.
        experiment: Of the one run.
        rows: Of `metrics.csv`.
        environment: Of `env.json`.
    """
    config = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    described = json.dumps(environment, indent=1, ensure_ascii=False) + "\n"
    table = metrics_table(rows)
    write_text(folder / CONFIG, config)
    write_text(folder / ENVIRONMENT, described)
    write_metrics(folder / METRICS, rows)
    with atomic_path(folder / EXPERIMENT) as temporary:
        with pd.HDFStore(temporary, mode="w") as store:
            put_table(store, "metrics", table)
        with h5py.File(temporary, "a") as file:
            file["config"], file["env"] = config, described
    write_curves(folder / CURVES, table)


def write_metrics(target: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `metrics.csv`; numbers as they are, so that equal files are of equal runs."""
    write_text(target, metrics_table(rows).to_csv(index=False, lineterminator="\n"))


def metrics_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows as a table: a number that a split has not is NaN."""
    return pd.DataFrame(list(rows))
