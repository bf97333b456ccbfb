"""Models of random weights, in a run's folder and in ONNX files."""

from __future__ import annotations

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch

from tests.model_cases import CLASSES, experiment, segmentation_classes
from treeline.models.architecture.model import Model
from treeline.models.experiment import Experiment, Task
from treeline.models.facts import ModelFacts
from treeline.models.onnx_file import export_onnx
from treeline.models.trained import BEST, MODEL, TREELINE, WEIGHTS, Trained, describe_model

SIZE = [24, 32]
RUN = "shapes-01"


def facts_of(task: Task, **changes: Any) -> ModelFacts:
    classes = {"regression": (), "segmentation": segmentation_classes()}.get(task, CLASSES)
    known = {
        "run": RUN,
        "dataset": "shapes",
        "dataset_hash": "0" * 64,
        "task": task,
        "class_names": list(classes),
        "channels": ["red", "green", "blue"],
        "image_size": SIZE,
        "mean": [120.0, 110.0, 100.0],
        "std": [60.0, 50.0, 40.0],
    }
    return ModelFacts.model_validate({**known, **changes})


def make_trained(task: Task, **changes: Any) -> Trained:
    """A model whose outputs are spread out, so that images differ; with `changes` of the facts."""
    torch.manual_seed(len(task))
    facts = facts_of(task, **changes)
    described: Experiment = experiment(task, image_size=SIZE)
    model = Model(described.architecture, facts).eval()
    with torch.no_grad():
        model.decoder.layer.weight *= 30
    return Trained(model, described, facts)


def write_run(folder: Path, trained: Trained) -> Path:
    """What training leaves of a model."""
    folder.mkdir(parents=True)
    weights = {MODEL + name: value for name, value in trained.model.state_dict().items()}
    torch.save({WEIGHTS: weights, TREELINE: describe_model(trained.experiment, trained.facts)}, folder / BEST)
    return folder


def write_model(file: Path, task: Task = "multiclass", **changes: Any) -> tuple[Path, Trained]:
    """An ONNX file, and the model in it."""
    trained = make_trained(task, **changes)
    export_onnx(trained.model, trained.facts, file)
    return file, trained


class Colours(torch.nn.Module):
    """A model whose answer is known: each output is the mean, or at each pixel the value, of one channel.

    It is small, and exported in a third of the time of a network.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means = images.mean((2, 3))
        if self.task == "segmentation":
            return torch.cat([images, images[:, :1] * 0 + 100], 1), means
        return (means[:, :1] if self.task == "regression" else (means - 100) / 10), means


def write_colours(file: Path, task: Task, **changes: Any) -> Path:
    """An ONNX file whose answers are known; with `changes` of the facts."""
    content = onnx.load_from_string(_exported_colours("multiclass" if task == "multilabel" else task))
    content.metadata_props[0].value = facts_of(task, **changes).to_json()
    onnx.save(content, file)
    return file


@functools.cache
def _exported_colours(task: Task) -> bytes:
    with TemporaryDirectory() as folder:
        export_onnx(Colours(task).eval(), facts_of(task), Path(folder, "colours.onnx"))
        return Path(folder, "colours.onnx").read_bytes()
