"""A trained model, as it comes out of its run's folder."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from treeline.errors import InputError
from treeline.models.architecture.model import Model
from treeline.models.experiment import Experiment
from treeline.models.facts import ModelFacts

BEST, LAST = "best.ckpt", "last.ckpt"
"""Checkpoints in a run's folder: of the best epoch, and of the last."""
TREELINE = "treeline"
"""Key of a checkpoint under which the experiment and the facts are, as plain dictionaries."""
WEIGHTS = "state_dict"
MODEL = "model."
"""What lightning puts before the names of the model's weights, which is an attribute of its module."""


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Args:
        model: In evaluation mode, on the CPU.
        experiment: How it was trained.
        facts: What it takes and gives.
    """

    model: Model
    experiment: Experiment
    facts: ModelFacts


def describe_model(experiment: Experiment, facts: ModelFacts) -> dict[str, Any]:
    """What a checkpoint holds under `TREELINE`."""
    return {"experiment": experiment.model_dump(mode="json"), "facts": facts.model_dump(mode="json")}


def load_trained(run: Path) -> Trained:
    """Load the best checkpoint of a run, or a checkpoint file.

    Only weights and plain values are unpickled: a checkpoint of others cannot run code.

    Raises:
        InputError: There is none, it is corrupt, or it is none of Treeline.
    """
    file = run / BEST if run.is_dir() else run
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(file, "is not there.", fix="Train the model: treeline models train --help.") from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(file, f"is no checkpoint, or a damaged one: {error}", fix="Train the model anew.") from None
    try:
        described = content[TREELINE]
        experiment = Experiment.model_validate(described["experiment"])
        facts = ModelFacts.model_validate(described["facts"])
        model = Model(experiment.architecture, facts)
        weights = content[WEIGHTS]
        model.load_state_dict(
            {name.removeprefix(MODEL): value for name, value in weights.items() if name.startswith(MODEL)}
        )
    except (KeyError, TypeError, AttributeError, ValidationError, RuntimeError) as error:
        raise InputError(file, f"is no checkpoint of Treeline: {error}", fix="Train the model anew.") from None
    return Trained(model.eval(), experiment, facts)
