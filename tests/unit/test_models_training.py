"""Training: it learns what is there to be learned, as plain PyTorch does, and ends where it is told to."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as lightning
import pandas as pd
import pytest
import torch
from torch.nn import functional
from torchvision.models import resnet18

from tests.model_cases import experiment, make_dataset
from treeline.datasets import Dataset, Resize, loader
from treeline.models.architecture.model import Model
from treeline.models.experiment import Experiment, Task
from treeline.models.trained import load_trained
from treeline.models.training.data import TrainingData, open_training_data
from treeline.models.training.loading import Batches, Share
from treeline.models.training.module import DivergedError, Training
from treeline.models.training.train import make_trainer, quiet_lightning, train

LEARNED: dict[Task, tuple[str, float, int]] = {
    "multiclass": ("accuracy", 0.9, 5),
    "multilabel": ("accuracy", 0.85, 9),
    "regression": ("r2", 0.5, 9),
    "segmentation": ("iou", 0.6, 6),
}
"""Metric, what it is above, after so many epochs."""
ONE_METRIC: dict[str, Any] = {"metrics": ["accuracy"]}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(autouse=True)
def without_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than training; test_models_tracking draws."""
    monkeypatch.setattr("treeline.models.tracking.files.write_curves", lambda *_: None)


def table_of(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "metrics.csv")


def best_of(run: Path, metric: str) -> float:
    return float(table_of(run)[metric].dropna().max())


@pytest.mark.parametrize("task", LEARNED)
def test_each_task_learns(tmp_path: Path, task: Task) -> None:
    metric, threshold, epochs = LEARNED[task]
    dataset = make_dataset(tmp_path / "shapes", task)
    train(experiment(task, metrics=[metric], epochs=epochs, seed=1), dataset, tmp_path / "run", "run")
    assert best_of(tmp_path / "run", metric) > threshold
    trained = load_trained(tmp_path / "run")
    assert trained.facts.task == task and trained.facts.run == "run"
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "best.ckpt", "config.yaml", "env.json", "experiment.h5", "last.ckpt", "metrics.csv",
    ]  # fmt: skip


def test_shuffled_labels_are_not_learned(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "shapes", shuffled=True, encodings=["tar"])
    train(experiment(encoding="tar", **ONE_METRIC), dataset, tmp_path / "run", "run")
    assert table_of(tmp_path / "run")["accuracy"].iloc[-1] < 0.7


class Losses(lightning.Callback):
    """Keeps the loss of each step, and ends after ten."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.values.append(float(outputs["loss"]))
        trainer.should_stop = len(self.values) == 10


def fit(chosen: Experiment, data: TrainingData, *callbacks: lightning.Callback) -> Training:
    module = Training(chosen, data.facts, data.class_counts, len(data.train))
    with quiet_lightning():
        make_trainer(chosen, list(callbacks), logger=False).fit(module, datamodule=Batches(data, chosen))
    return module


def test_the_first_ten_losses_are_those_of_plain_pytorch(shapes: Path) -> None:
    chosen = experiment(schedule={"name": "constant"}, seed=3, optimiser={"name": "sgd", "learning_rate": 0.05})
    data = open_training_data(chosen, shapes, "run")
    losses = Losses()
    fit(chosen, data, losses)
    torch.manual_seed(3)
    model = Model(chosen.architecture, data.facts)
    optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=0.01)
    batches = loader(Dataset(shapes / "dataset.h5", "train", spatial=Resize(24, 24)), 6, seed=3, shuffle=True)
    expected: list[float] = []
    while len(expected) < 10:
        for batch in batches:
            optimiser.zero_grad()
            loss = functional.cross_entropy(model(batch["image"].float())[0], batch["target"])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            expected.append(float(loss.detach()))
    assert losses.values == pytest.approx(expected[:10], abs=1e-6)


def test_the_encoders_keys_are_torchvisions(shapes: Path) -> None:
    data = open_training_data(experiment(architecture={"encoder": "resnet18"}), shapes, "run")
    model = Model(experiment(architecture={"encoder": "resnet18"}).architecture, data.facts)
    published = {name for name in resnet18(weights=None).state_dict() if not name.startswith("fc.")}
    assert set(model.encoder.state_dict()) == published


def test_frozen_parts_stay_as_they_are_until_their_epoch(shapes: Path) -> None:
    chosen = experiment(epochs=3, freeze=[{"part": "encoder", "epochs": 2}])
    data = open_training_data(chosen, shapes, "run")
    kept: list[dict[str, torch.Tensor]] = []

    class Keep(lightning.Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            kept.append({name: value.clone() for name, value in pl_module.model.state_dict().items()})

    module = Training(chosen, data.facts, data.class_counts, len(data.train))
    start = {name: value.clone() for name, value in module.model.state_dict().items()}
    with quiet_lightning():
        make_trainer(chosen, [Keep()], logger=False).fit(module, datamodule=Batches(data, chosen))
    encoder = [name for name in start if name.startswith("encoder.")]
    assert any(name.endswith("running_mean") for name in encoder)
    assert all(torch.equal(kept[1][name], start[name]) for name in encoder)
    assert all(not torch.equal(kept[2][name], start[name]) for name in encoder)
    assert not torch.equal(kept[0]["decoder.layer.weight"], start["decoder.layer.weight"])


def test_it_stops_early_and_within_its_budget(tmp_path: Path, shapes: Path) -> None:
    stopping = experiment(epochs=50, early_stopping={"patience": 2}, optimiser={"learning_rate": 1e-9}, **ONE_METRIC)
    train(stopping, shapes, tmp_path / "early", "run")
    epochs = table_of(tmp_path / "early")["epoch"].max()
    best = table_of(tmp_path / "early").dropna(subset="accuracy")["accuracy"].argmax() + 1
    assert epochs == best + 2 < 50
    for budget in ({"steps": 9}, {"minutes": 1e-9}):
        run = tmp_path / str(len(list(tmp_path.iterdir())))
        train(experiment(epochs=50, budget=budget, **ONE_METRIC), shapes, run, "run")
        table = table_of(run)
        assert table["step"].max() == (9 if "steps" in budget else 1)
        assert table["accuracy"].notna().any()  # `val` was gone through all the same


def test_a_loss_that_is_no_number_names_epoch_step_and_samples(shapes: Path) -> None:
    chosen = experiment(optimiser={"name": "sgd", "learning_rate": 1e30})
    data = open_training_data(chosen, shapes, "run")
    with pytest.raises(DivergedError, match=r"no number in epoch 1, step \d, of the samples \d+"):
        fit(chosen, data)


def test_nothing_is_said_but_in_the_log(
    tmp_path: Path,
    shapes: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Commands that other tests have called in this process have left theirs, which complain of streams that are closed.
    monkeypatch.setattr(logging.getLogger(), "handlers", [caplog.handler])
    caplog.set_level("INFO")
    train(experiment(epochs=2, workers=1, **ONE_METRIC), shapes, tmp_path / "run", "run")
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage().split(":")[0] for record in caplog.records if record.name.startswith("treeline")] == [
        "epoch 1 of 2",
        "epoch 2 of 2",
        "trained run",
    ]


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True)])
def test_batches_are_pinned_for_a_gpu_alone(shapes: Path, device: str, pinned: bool) -> None:
    chosen = experiment()
    batches = Batches(open_training_data(chosen, shapes, "run"), chosen)
    strategy = SimpleNamespace(root_device=torch.device(device))
    batches.trainer = SimpleNamespace(strategy=strategy, global_rank=0, world_size=1)  # type: ignore[assignment]
    assert batches.train_dataloader().pin_memory is batches.val_dataloader().pin_memory is pinned


def test_processes_share_the_samples(shapes: Path) -> None:
    samples = Dataset(shapes / "dataset.h5", "train")
    for equal in (True, False):
        shares = [Share(samples, rank, 5, equal=equal) for rank in range(5)]
        ids = [share[number]["id"] for share in shares for number in range(len(share))]
        assert len(ids) == len(set(ids)) == (35 if equal else 36)
        assert {len(share) for share in shares} == ({7} if equal else {7, 8})
        assert all(list(share.keys("id")) == [one["id"] for one in share] for share in shares)
