"""A trained model, as it comes out of its run's folder."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

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
FIX = "Train the model anew."


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
    content = _read(file)
    try:
        described = content[TREELINE]
        experiment = Experiment.model_validate(described["experiment"])
        facts = ModelFacts.model_validate(described["facts"])
        model = Model(experiment.architecture, facts)
        weights = content[WEIGHTS]
        model.load_state_dict(
            {name.removeprefix(MODEL): value for name, value in weights.items() if name.startswith(MODEL)}
        )
    except (LookupError, TypeError, AttributeError, ValidationError, RuntimeError) as error:
        raise InputError(file, f"is no checkpoint of Treeline: {_first_of(error)}.", fix=FIX) from None
    return Trained(model.eval(), experiment, facts)


def _read(file: Path) -> Any:
    try:
        with ZipFile(file) as archive:
            damaged = archive.testzip()  # torch does not look at the checksums that it writes
        if damaged is not None:
            raise InputError(file, f"is damaged: the checksum of {damaged} does not fit.", fix=FIX)
        return torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(file, "is not there.", fix="Train the model: treeline models train --help.") from None
    except pickle.UnpicklingError:
        problem = "is no checkpoint of Treeline: it holds more than weights and plain values, and could run code."
        raise InputError(file, problem, fix=FIX) from None
    except Exception as error:  # what reads hostile bytes raises nearly anything
        raise InputError(file, f"is no checkpoint, or a damaged one: {error}", fix=FIX) from None


def _first_of(error: Exception) -> str:
    """What is wrong first: with a model of other parts, each of its weights is."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(lines[:2]) + (f" ({len(lines) - 2} more)" if len(lines) > 2 else "")
