"""Training that was killed or stopped goes on as if it had not been, to the bit."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from tests.model_cases import experiment, make_dataset
from treeline.errors import InterruptedEarlyError
from treeline.models.experiment import Experiment
from treeline.models.trained import load_trained
from treeline.models.training import train as train_module
from treeline.models.training.module import Training
from treeline.models.training.train import train

FORK = multiprocessing.get_context("fork")
ONE_METRIC: dict[str, Any] = {"metrics": ["accuracy"]}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(autouse=True)
def without_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than training; test_models_tracking draws."""
    monkeypatch.setattr("treeline.models.tracking.files.write_curves", lambda *_: None)


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
