"""Training: it learns what is there to be learned, as plain PyTorch does, and goes on after a kill as if without."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as lightning
import pandas as pd
import pytest
import torch
import yaml
from torch.nn import functional
from torchvision.models import resnet18

from tests.model_cases import experiment, make_dataset
from treeline.datasets import Dataset, Resize, loader
from treeline.errors import InterruptedEarlyError
from treeline.models.architecture.model import Model
from treeline.models.experiment import Experiment, Task
from treeline.models.trained import load_trained
from treeline.models.training import train as train_module
from treeline.models.training.data import TrainingData, open_training_data
from treeline.models.training.loading import Batches, Share
from treeline.models.training.module import DivergedError, Training
from treeline.models.training.train import make_trainer, quiet_lightning, train

FORK = multiprocessing.get_context("fork")
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
def without_curves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
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


def eventful(folder: Path, **changes: Any) -> Experiment:
    """One of which all that is random, and all that has a state, takes part."""
    augmentation = folder / "augmentation.yaml"
    augmentation.write_text(yaml.safe_dump([{"horizontal_flip": {}}, {"mixup": {"probability": 0.5}}]))
    given = {
        "epochs": 3,
        "batch_size": 8,
        "architecture": {"encoder": "convnet", "dropout": 0.3},
        "augmentation": str(augmentation),
        "freeze": [{"part": "encoder.blocks.0", "epochs": 1}],
        "schedule": {"name": "cosine", "warmup_epochs": 0.5},
        **ONE_METRIC,
    }
    return experiment(**{**given, **changes})


def train_in_a_process(
    chosen: Experiment, dataset: Path, run: Path, signal_at: int | None, number: int = signal.SIGKILL
) -> int | None:
    """Train in a process of its own, to which a signal is sent at the beginning of a step."""

    def work() -> None:
        step = Training.training_step

        def send(self: Training, batch: Any, batch_idx: int) -> Any:
            if self.global_step == signal_at:
                os.kill(os.getpid(), number)
            return step(self, batch, batch_idx)

        Training.training_step = send  # type: ignore[method-assign]
        try:
            train(chosen, dataset, run, "run", save_seconds=0)
        except InterruptedEarlyError as error:
            (run / "said").write_text(str(error))
            os._exit(2)

    process = FORK.Process(target=work)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize(("workers", "once", "often"), [(0, [2], [0, 4, 5, 6, 14]), (2, [], [7])])
def test_killed_anywhere_it_ends_as_if_it_had_not_been(
    tmp_path: Path, shapes: Path, workers: int, once: list[int], often: list[int]
) -> None:
    """Of 15 steps: in the first, amid epochs, in the last and the first of one, and in the very last."""
    train(eventful(tmp_path), shapes, tmp_path / "whole", "run")
    chosen = eventful(tmp_path, workers=workers)
    for number, steps in enumerate([often, *([step] for step in once)]):
        run = tmp_path / str(number)
        for step in steps:
            assert train_in_a_process(chosen, shapes, run, step) == -signal.SIGKILL
            assert sorted(file.name for file in run.glob("*")) in ([], [".training"])
        assert train_in_a_process(chosen, shapes, run, None) == 0
        assert (run / "metrics.csv").read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()
        assert_same_weights(run / "last.ckpt", tmp_path / "whole" / "last.ckpt")
        assert_same_weights(run / "best.ckpt", tmp_path / "whole" / "best.ckpt")


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = (load_trained(file).model.state_dict() for file in (one, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_killed_while_its_files_are_written_it_writes_them_all(
    tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, run = experiment(epochs=1, **ONE_METRIC), tmp_path / "run"

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    for name, value in (("shutil", SimpleNamespace(rmtree=die)), ("link_or_copy", die)):
        with monkeypatch.context() as patched:
            patched.setattr(train_module, name, value)
            assert train_in_a_process(chosen, shapes, run, None) == -signal.SIGKILL
    train(chosen, shapes, run, "run")
    assert not (run / ".training").exists()
    assert_same_weights(run / "best.ckpt", run / "last.ckpt")


def test_sigterm_saves_and_says_so(tmp_path: Path, shapes: Path) -> None:
    run = tmp_path / "run"
    assert train_in_a_process(eventful(tmp_path), shapes, run, 6, signal.SIGTERM) == 2
    assert (run / "said").read_text().startswith("stopped after 7 steps, which are saved in ")
    assert torch.load(run / ".training" / "state.ckpt", weights_only=True)["global_step"] == 7
    train(eventful(tmp_path), shapes, run, "run")
    train(eventful(tmp_path), shapes, tmp_path / "whole", "run")
    assert_same_weights(run / "last.ckpt", tmp_path / "whole" / "last.ckpt")


@pytest.mark.parametrize("damage", [lambda state: state[:1000], None], ids=["cut", "other seed"])
def test_a_state_that_is_damaged_or_of_another_experiment_is_not_gone_on_with(
    tmp_path: Path, shapes: Path, damage: Callable[[bytes], bytes] | None, caplog: pytest.LogCaptureFixture
) -> None:
    short = {"epochs": 1, "batch_size": 12, **ONE_METRIC}
    run = tmp_path / "run"
    assert train_in_a_process(experiment(seed=0 if damage else 1, **short), shapes, run, 2) == -signal.SIGKILL
    if damage is not None:
        state = run / ".training" / "state.ckpt"
        state.write_bytes(damage(state.read_bytes()))
    train(experiment(**short), shapes, run, "run")
    assert "training begins anew" in caplog.text
    train(experiment(**short), shapes, tmp_path / "whole", "run")
    assert_same_weights(run / "last.ckpt", tmp_path / "whole" / "last.ckpt")


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
    tmp_path: Path, shapes: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with quiet_lightning():
        pass
    train(experiment(epochs=2, workers=1, **ONE_METRIC), shapes, tmp_path / "run", "run")
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage().split(":")[0] for record in caplog.records if record.name.startswith("treeline")] == [
        "epoch 1 of 2",
        "epoch 2 of 2",
        "trained run",
    ]


def test_processes_share_the_samples(shapes: Path) -> None:
    samples = Dataset(shapes / "dataset.h5", "train")
    for equal in (True, False):
        shares = [Share(samples, rank, 5, equal=equal) for rank in range(5)]
        ids = [share[number]["id"] for share in shares for number in range(len(share))]
        assert len(ids) == len(set(ids)) == (35 if equal else 36)
        assert {len(share) for share in shares} == ({7} if equal else {7, 8})
        assert all(list(share.keys("id")) == [one["id"] for one in share] for share in shares)


def test_save_seconds_is_read_at_each_step(tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amid an epoch nothing is saved before its time."""
    saved: list[int] = []
    save = train_module.Keeper._save
    monkeypatch.setattr(
        train_module.Keeper, "_save", lambda self, trainer: (saved.append(trainer.global_step), save(self, trainer))
    )
    train(experiment(epochs=2, **ONE_METRIC), shapes, tmp_path / "seldom", "run")
    assert saved == [6]
    train(experiment(epochs=2, **ONE_METRIC), shapes, tmp_path / "often", "run", save_seconds=0)
    assert saved == [6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
