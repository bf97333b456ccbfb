"""Train a model for a little longer, so that it gets used to what was taken away."""

from __future__ import annotations

from treeline.models.architecture.model import Model
from treeline.models.experiment import Budget, Experiment, Schedule
from treeline.models.trained import Trained
from treeline.models.training.data import TrainingData
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training
from treeline.models.training.train import make_trainer, quiet_lightning

EPOCHS = 3
RATE_FACTOR = 0.1
"""Times the experiment's highest learning rate: where a schedule is near its end, and weights move little."""


def fine_tune(model: Model, trained: Trained, data: TrainingData) -> None:
    """Train a model on `train` for `EPOCHS` epochs as its experiment says, but slowly and all of it, in place.

    The learning rate is a tenth of the experiment's, and constant; nothing is frozen. The same seed gives the same
    weights.

    Args:
        model: A changed copy of the trained one; in evaluation mode, on the CPU, at the end.
        trained: Says how it was trained.
        data: What it was trained on.

    Raises:
        DivergedError: A loss is no number.
        InputError: A sample cannot be read; names it.
    """
    experiment = _shortened(trained.experiment)
    module = Training(experiment, trained.facts, data.class_counts, len(data.train), model)
    with quiet_lightning():
        trainer = make_trainer(experiment, [], logger=False, limit_val_batches=0)
        trainer.fit(module, datamodule=Batches(data, experiment))
    model.cpu().eval()


def _shortened(experiment: Experiment) -> Experiment:
    """Of one process, in single precision, on a GPU only if there is one: this may be another machine."""
    rate = experiment.optimiser.learning_rate * RATE_FACTOR
    changes = {
        "optimiser": experiment.optimiser.model_copy(update={"learning_rate": rate}),
        "schedule": Schedule(name="constant"),
        "epochs": EPOCHS,
        "budget": Budget(),
        "freeze": [],
        "precision": "32-true",
        "accelerator": "cpu" if experiment.accelerator == "cpu" else "auto",
        "devices": 1,
        "nodes": 1,
    }
    return experiment.model_copy(update=changes)
