"""What came of a run, as its folder says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from treeline.errors import InputError
from treeline.models.experiment import METRICS, Experiment, parse_experiment

CONFIG, METRICS_FILE = "config.yaml", "metrics.csv"
TRAIN_ANEW = "Train the run anew."


@dataclass(frozen=True)
class RunResult:
    """A run and what came of it.

    Args:
        name: The run's.
        experiment: How it was trained.
        val: Its results on `val`: a row an epoch, with the columns `epoch`, `loss` and the metrics.
        test: Metrics of its evaluation; empty where it has none.
        parameters: Numbers that were learned.
        seconds: That the training took; None where that is not known.
    """

    name: str
    experiment: Experiment
    val: pd.DataFrame
    test: Mapping[str, float | None]
    parameters: int
    seconds: float | None

    @property
    def metrics(self) -> list[str]:
        """Names of its metrics; the first has chosen the best epoch."""
        return list(self.experiment.metrics or METRICS[self.experiment.task])

    @property
    def best(self) -> pd.Series[Any]:
        """Results of the best epoch: of the first one, where the metric is never a number."""
        from treeline.models.metrics import is_better_higher

        metric = self.metrics[0]
        values = self.val[metric]
        if values.isna().all():
            return self.val.iloc[0]
        place = values.argmax() if is_better_higher(self.experiment.task, metric) else values.argmin()
        return self.val.iloc[int(place)]


def read_result(folder: Path, benchmarks: Path | None = None) -> RunResult:
    """Read what came of a run.

    Args:
        folder: Of the run.
        benchmarks: Folder in which Snakemake writes how long jobs took, here `<run>/train.jsonl`.

    Raises:
        InputError: A file is missing or damaged.
    """
    from treeline.models.trained import load_trained

    experiment = _read_experiment(folder / CONFIG)
    model = load_trained(folder).model
    result = RunResult(
        folder.name,
        experiment,
        _read_val(folder / METRICS_FILE),
        _read_test(folder / f"{folder.name}_{experiment.dataset}_evaluation.h5"),
        sum(values.numel() for values in model.parameters()),
        None if benchmarks is None else _read_seconds(benchmarks / folder.name / "train.jsonl"),
    )
    if missing := [name for name in ("epoch", "loss", *result.metrics) if name not in result.val]:
        raise InputError(folder / METRICS_FILE, "this column is missing.", field=missing[0], fix=TRAIN_ANEW)
    return result


def _read_experiment(file: Path) -> Experiment:
    try:
        return parse_experiment(yaml.safe_load(file.read_text(encoding="utf-8")), file)
    except OSError as error:
        raise InputError(file, f"cannot be read: {error.strerror}.", fix="Give the folder of a trained run.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(file, f"is not YAML: {error}", fix=TRAIN_ANEW) from None


def _read_val(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file)
        val = table[table["split"] == "val"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(file, f"are no metrics of a run: {error}", fix=TRAIN_ANEW) from None
    if val.empty:
        raise InputError(file, "has no epoch on val.", fix=TRAIN_ANEW)
    return val.reset_index(drop=True)


def _read_test(file: Path) -> Mapping[str, float | None]:
    """Metrics over all images of the evaluation, if there is one."""
    if not file.is_file():
        return {}
    from treeline.models.evaluation.reading import read_evaluation

    return read_evaluation(file).aggregates


def _read_seconds(file: Path) -> float | None:
    """Seconds of the run's last job, as Snakemake's benchmark says."""
    if not file.is_file():
        return None
    try:
        return float(json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["s"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(file, f"is no benchmark of Snakemake: {error}", fix="Delete it.") from None
