"""Runs of small models, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.model_cases import CLASSES, SIDE, experiment, segmentation_classes
from treeline.models.architecture.model import Model
from treeline.models.experiment import Task
from treeline.models.facts import ModelFacts
from treeline.models.trained import BEST, MODEL, TREELINE, WEIGHTS, Trained, describe_model


def new_trained(task: Task = "multiclass") -> Trained:
    """A model of random weights."""
    names = {"segmentation": list(segmentation_classes()), "regression": []}.get(task, list(CLASSES))
    facts = ModelFacts(
        run="shapes", dataset="shapes", dataset_hash="0", task=task, class_names=names,
        channels=["red", "green", "blue"], image_size=[SIDE, SIDE], mean=[128.0] * 3, std=[64.0] * 3,
    )  # fmt: skip
    described = experiment(task)
    torch.manual_seed(0)
    return Trained(Model(described.architecture, facts).eval(), described, facts)


def save_run(trained: Trained, run: Path) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    weights = {MODEL + name: value for name, value in trained.model.state_dict().items()}
    torch.save({TREELINE: describe_model(trained.experiment, trained.facts), WEIGHTS: weights}, run / BEST)
    return run


def read_result(output: Path) -> Any:
    return json.loads((output / "optimise.json").read_text(encoding="utf-8"))
