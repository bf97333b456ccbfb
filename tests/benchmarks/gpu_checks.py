"""Whether a GPU trains and evaluates as the CPU does: what only a machine with a GPU can check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import lightning.pytorch as lightning
import pandas as pd
import torch

from tests.benchmarks.measure import Check
from tests.model_cases import experiment, make_dataset
from treeline.errors import InterruptedEarlyError
from treeline.models.evaluation.evaluate import evaluate
from treeline.models.experiment import Experiment, Task
from treeline.models.training.data import open_training_data
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training
from treeline.models.training.train import make_trainer, quiet_lightning, train

TOLERANCE = 1e-3
"""Of a loss, relative: sums of float32 in another order."""
STEPS = 10
RATE = 1e-5
"""In ten steps it moves the loss by 1 %. With a thousand times it, rounding drives two runs apart by 10 %, even on one
CPU with other kernels; with this one by less than 0.01 %."""
FILES = ("best.ckpt", "last.ckpt", "metrics.csv", "env.json")
CHANGES: dict[Task, dict[str, Any]] = {
    "multiclass": {"loss": [{"name": "cross_entropy", "class_weights": "balanced"}, {"name": "focal"}]},
    "multilabel": {"precision": "bf16-mixed", "loss": [{"name": "binary_cross_entropy"}, {"name": "focal"}]},
    "regression": {"precision": "16-mixed"},
    "segmentation": {"precision": "bf16-mixed", "loss": [{"name": "dice"}, {"name": "cross_entropy"}]},
}
"""What each task is trained with: together all precisions, and all losses but one."""


def check_gpu(folder: Path) -> Iterator[Check]:
    """Make all checks; one that fails, in whatever way, keeps no other from being made.

    Args:
        folder: For datasets and runs.
    """
    # Float32 as the CPU has it, and sums in one order each time: two runs of half precision would drift apart else.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        aim = f"{STEPS} losses of a ResNet-18 are those of the CPU"
        yield _attempt(aim, partial(_losses_differ, folder / "losses"))
        for task in CHANGES:
            aim = f"{task}: trained on the GPU, evaluated on it as on the CPU"
            yield _attempt(aim, partial(_evaluations_differ, folder / task, task))
        aim = "an interrupted run ends like an uninterrupted one"
        yield _attempt(aim, partial(_resumed_differs, folder / "resumed"))


def _attempt(aim: str, difference: Callable[[], float]) -> Check:
    aim = f"{aim}, within {TOLERANCE:.1%}"
    try:
        measured = difference()
    except Exception as error:  # what fails is a result, too
        return Check(aim, f"{type(error).__name__}: {' '.join(str(error).split())}", False)
    return Check(aim, f"{measured:.1e}", measured <= TOLERANCE)


def _losses_differ(folder: Path) -> float:
    dataset = make_dataset(folder, count=400, side=64, encodings=["hdf5"])
    on_cpu, on_gpu = _losses_on("cpu", dataset), _losses_on("gpu", dataset)
    return max(map(_difference, on_gpu, on_cpu))


class _Losses(lightning.Callback):
    """Keeps the loss of each step, and ends training after some."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.values.append(float(outputs["loss"]))
        trainer.should_stop = len(self.values) == STEPS


def _losses_on(accelerator: Literal["cpu", "gpu"], dataset: Path) -> list[float]:
    chosen = experiment(
        accelerator=accelerator,
        image_size=[64, 64],
        architecture={"encoder": "resnet18", "dropout": 0.0},
        optimiser={"name": "sgd", "learning_rate": RATE},
        batch_size=24,
        epochs=1,
    )
    data = open_training_data(chosen, dataset, "losses")
    losses = _Losses()
    with quiet_lightning():
        trainer = make_trainer(chosen, [losses], logger=False, limit_val_batches=0)
        trainer.fit(Training(chosen, data.facts, data.class_counts, len(data.train)), datamodule=Batches(data, chosen))
    assert len(losses.values) == STEPS
    return losses.values


def _evaluations_differ(folder: Path, task: Task) -> float:
    """Train, evaluate on both, and compare the losses.

    Raises:
        RuntimeError: A file of the run is missing, or `env.json` does not name the GPU.
    """
    dataset, run = make_dataset(folder / "dataset", task), folder / "run"
    chosen = _on_gpu(task, epochs=2, attributions=["integrated_gradients", "grad_cam", "occlusion"], **CHANGES[task])
    train(chosen, dataset, run, task)
    missing = [name for name in FILES if not (run / name).is_file()]
    if missing:
        raise RuntimeError(f"{', '.join(missing)} are missing")
    gpus = json.loads((run / "env.json").read_text(encoding="utf-8"))["hardware"]["gpus"]
    if torch.cuda.get_device_name() not in gpus:
        raise RuntimeError(f"env.json names {gpus or 'no GPU'}")
    on_gpu = evaluate(run, dataset, folder / "gpu.h5", attributions_of=4)
    with patch("torch.cuda.is_available", return_value=False):
        on_cpu = evaluate(run, dataset, folder / "cpu.h5", attributions_of=4)
    return _difference(on_gpu["loss"], on_cpu["loss"])


def _resumed_differs(folder: Path) -> float:
    """Compare the last loss of a run with that of one that was interrupted amid its second epoch.

    Raises:
        RuntimeError: It was not interrupted.
    """
    dataset = make_dataset(folder / "dataset")
    chosen = _on_gpu("multiclass", epochs=3, precision="16-mixed", architecture={"encoder": "convnet", "dropout": 0.1})
    train(chosen, dataset, folder / "whole", "run")
    with patch("treeline.models.training.train.stop_on_signal", partial(_stop_after, 8)):
        try:
            train(chosen, dataset, folder / "resumed", "run")
        except InterruptedEarlyError:
            pass
        else:
            raise RuntimeError("it was not interrupted")
    train(chosen, dataset, folder / "resumed", "run")
    last = [pd.read_csv(folder / name / "metrics.csv")["loss"].iloc[-1] for name in ("whole", "resumed")]
    return _difference(last[1], last[0])


@contextmanager
def _stop_after(times: int) -> Iterator[Callable[[], bool]]:
    """In place of a signal: what says to stop once it was asked so many times."""
    asked = count()
    yield lambda: next(asked) >= times


def _on_gpu(task: Task, **changes: Any) -> Experiment:
    return experiment(task, accelerator="gpu", **changes)


def _difference(one: float, other: float) -> float:
    return abs(one - other) / abs(other)
