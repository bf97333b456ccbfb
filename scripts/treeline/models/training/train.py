"""Train a run, or go on with one that was interrupted."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException

from treeline.errors import ConfigError
from treeline.models.experiment import Experiment
from treeline.models.facts import ModelFacts
from treeline.models.tracking.environment import describe_environment
from treeline.models.tracking.files import write_metrics, write_tracking
from treeline.models.tracking.loggers import EpochLogger, make_loggers
from treeline.models.trained import BEST, LAST
from treeline.models.training.callbacks import STATE, Keeper, Record, Row, stop_on_signal, write_weights
from treeline.models.training.data import open_training_data
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training
from treeline.models.weights import load_encoder

UNFINISHED = ".training"
"""In a run's folder, until it is finished: the state, the best weights so far, and their `metrics.csv`."""
METRICS_FILE = "metrics.csv"
SAVE_SECONDS = 60.0

log = logging.getLogger(__name__)


def train(experiment: Experiment, dataset: Path, output: Path, run: str, *, save_seconds: float = SAVE_SECONDS) -> None:
    """Train a run; one that was interrupted goes on, and ends as if it had not been.

    Args:
        experiment: Of one run, without a sweep.
        dataset: The dataset's folder.
        output: The run's folder.
        run: Its name.
        save_seconds: Between two states from which it can go on.

    Raises:
        InputError: The dataset leaks, is damaged, or does not fit; the weights to start from are wrong.
        ConfigError: The experiment does not fit the dataset or this machine.
        DivergedError: A loss is no number.
        InterruptedEarlyError: SIGTERM came, and all is saved.
    """
    data = open_training_data(experiment, dataset, run)
    module = Training(experiment, data.facts, data.class_counts, len(data.train))
    if experiment.architecture.weights is not None:
        load_encoder(module.model.encoder, experiment.architecture.weights)
    unfinished = output / UNFINISHED
    key = _key(experiment, data.facts)
    state = _find_state(unfinished, key)
    with stop_on_signal() as stop, quiet_lightning():
        record = Record(
            experiment, data.facts, unfinished / BEST, lambda rows: write_metrics(unfinished / METRICS_FILE, rows)
        )
        callbacks = [record, Keeper(unfinished, key, save_seconds, stop), EpochLogger(record)]
        trainer = make_trainer(experiment, callbacks, logger=make_loggers(experiment, output, run))
        trainer.fit(module, datamodule=Batches(data, experiment), ckpt_path=state, weights_only=True)
    if trainer.is_global_zero:
        _finish(experiment, data.facts, output, module, record.rows)


def make_trainer(experiment: Experiment, callbacks: list[lightning.Callback], **options: Any) -> lightning.Trainer:
    """Make lightning's trainer, on the devices of the experiment.

    Raises:
        ConfigError: This machine has no such devices.
    """
    # A Slurm job is Snakemake's to submit anew, not lightning's.
    plugins: list[Any] = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    try:
        return lightning.Trainer(
            accelerator=experiment.accelerator,
            devices=experiment.devices,
            num_nodes=experiment.nodes,
            precision=experiment.precision,
            gradient_clip_val=experiment.optimiser.gradient_clip,
            max_epochs=experiment.epochs,
            callbacks=callbacks,
            plugins=plugins,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise ConfigError(f"accelerator, devices, nodes or precision are not for this machine: {error}") from None


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep lightning's tips and advice to itself: what matters is in Treeline's log."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(lightning|torch|torchmetrics)(\.|$)")
            warnings.filterwarnings("ignore", message=".*num_workers.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _finish(experiment: Experiment, facts: ModelFacts, output: Path, module: Training, rows: list[Row]) -> None:
    """Write the run's files; the best weights last, for whoever finds them finds all."""
    unfinished = output / UNFINISHED
    write_tracking(output, experiment, rows, describe_environment(facts))
    write_weights(output / LAST, module, experiment, facts)
    (unfinished / BEST).replace(output / BEST)
    shutil.rmtree(unfinished)
    log.info("trained %s: %s", facts.run, output)


def _key(experiment: Experiment, facts: ModelFacts) -> str:
    """Of the experiment and its dataset: what has another is not gone on with."""
    described = json.dumps([experiment.model_dump(mode="json"), facts.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()


def _find_state(unfinished: Path, key: str) -> Path | None:
    """Find the state to go on from; that of another experiment or dataset is removed."""
    file = unfinished / STATE
    if not file.exists():
        return None
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        if saved["key"] == key:
            log.info("goes on after step %d of %s", saved["global_step"], file)
            return file
        reason = "is of another experiment or dataset"
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = f"is damaged ({error})"
    log.warning("%s %s: training begins anew", file, reason)
    file.unlink(missing_ok=True)  # another process may have been as quick
    return None
