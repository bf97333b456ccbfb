"""Which learning rate to begin with: lightning's finder, on a model of its own.

After `Cyclical Learning Rates for Training Neural Networks` (Smith 2017), https://arxiv.org/abs/1506.01186: the rate
rises from step to step, and where the loss falls most steeply is a good one.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

from lightning.pytorch.tuner.tuning import Tuner

from treeline.errors import ConfigError
from treeline.models.experiment import Experiment
from treeline.models.tracking.curves import write_rates
from treeline.models.training.data import open_training_data
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training
from treeline.models.training.train import make_trainer, quiet_lightning
from treeline.models.weights import load_encoder

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 100


def advise_learning_rate(experiment: Experiment, dataset: Path, run: str, plot: Path | None) -> float:
    """Try rates from `LOWEST` to `HIGHEST`, for `STEPS` steps.

    Args:
        experiment: Its own rate, schedule and budget are not read.
        dataset: The dataset's folder.
        run: Name, for messages.
        plot: Target, SVG.

    Raises:
        InputError: As `train`.
        ConfigError: The loss never falls; or as `train`.
    """
    data = open_training_data(experiment, dataset, run)
    module = Training(experiment, data.facts, data.class_counts, len(data.train))
    if experiment.architecture.weights is not None:
        load_encoder(module.model.encoder, experiment.architecture.weights)
    module.refuses_divergence = False  # too high a rate is tried, too
    long_enough = experiment.model_copy(update={"epochs": STEPS})
    # Lightning saves and restores the weights in the folder, and draws a progress bar that cannot be turned off.
    with quiet_lightning(), redirect_stderr(io.StringIO()), tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(long_enough, [], logger=False, limit_val_batches=0, default_root_dir=scratch)
        finder = Tuner(trainer).lr_find(
            module, datamodule=Batches(data, experiment), min_lr=LOWEST, max_lr=HIGHEST, num_training=STEPS
        )
        assert finder is not None  # only of a trial run
        advised = finder.suggestion()
    if plot is not None:
        write_rates(plot, finder.results["lr"], finder.results["loss"], advised)
    if advised is None:
        raise ConfigError(f"{run}: no rate from {LOWEST:g} to {HIGHEST:g} makes the loss fall.")
    return float(advised)
