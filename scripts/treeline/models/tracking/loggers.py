"""TensorBoard and MLflow, by lightning's own loggers, into the run's folder; `metrics.csv` needs neither."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning.pytorch as lightning
from lightning.pytorch.loggers import Logger

from treeline.models.experiment import Experiment

if TYPE_CHECKING:
    from treeline.models.training.callbacks import Record

TENSORBOARD, MLFLOW = "tensorboard", "mlflow"
"""Folders in the run's."""
MLFLOW_SETTINGS = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""MLflow 3 would rather have a database, and would tell its makers of each use."""


def make_loggers(experiment: Experiment, output: Path, run: str) -> list[Logger]:
    """Make the loggers that an experiment asks for.

    Args:
        experiment: Names them.
        output: The run's folder, in which they write.
        run: Its name.
    """
    loggers: list[Logger] = []
    if "tensorboard" in experiment.loggers:
        from lightning.pytorch.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(output, name=TENSORBOARD, version=""))
    if "mlflow" in experiment.loggers:
        for name, value in MLFLOW_SETTINGS.items():
            os.environ.setdefault(name, value)
        from lightning.pytorch.loggers import MLFlowLogger

        folder = (output / MLFLOW).absolute()
        loggers.append(MLFlowLogger(experiment_name=experiment.dataset, run_name=run, tracking_uri=folder.as_uri()))
    return loggers


class EpochLogger(lightning.Callback):
    """Gives each epoch's results to the loggers.

    Args:
        record: Has the results; before this one among the callbacks.
    """

    def __init__(self, record: Record) -> None:
        self._record = record

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Log the last two rows, as `train/loss`, `val/accuracy` ..."""
        for row in self._record.rows[-2:]:
            values = {f"{row['split']}/{name}": value for name, value in row.items() if isinstance(value, float)}
            for logger in trainer.loggers:
                logger.log_metrics(values, step=row["step"])
