"""What a run leaves behind: files that say all of it, the same for the same run, and curves and logs for eyes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from tests.model_cases import experiment, make_dataset, write_experiment
from treeline.errors import ConfigError
from treeline.io.parquet import sha256_of_file
from treeline.models.cli import app
from treeline.models.experiment import Experiment
from treeline.models.tracking.environment import git_revision
from treeline.models.training import learning_rate
from treeline.models.training.train import train

SHORT = {"epochs": 2, "metrics": ["accuracy"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and two runs of one experiment."""
    folder = tmp_path_factory.mktemp("tracking")
    make_dataset(folder / "shapes")
    file = write_experiment(folder / "experiments" / "short.yaml", **SHORT)
    for run in ("one", "other"):
        arguments = ["train", str(file), "--dataset", str(folder / "shapes"), "--output", str(folder / run)]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0
    return folder


def test_the_same_run_leaves_the_same_bytes(folder: Path) -> None:
    one, other = (
        {file.relative_to(folder / run): file.read_bytes() for file in (folder / run).rglob("*") if file.is_file()}
        for run in ("one", "other")
    )
    assert {str(name) for name in one} == {
        *("best.ckpt", "last.ckpt", "config.yaml", "env.json", "metrics.csv", "experiment.h5"),
        *(f"curves/{name}.{kind}" for name in ("loss", "accuracy", "learning_rate") for kind in ("svg", "png")),
    }
    assert [str(name) for name in one if one[name] != other[name]] == []


def test_the_experiment_is_kept_with_all_its_values(folder: Path) -> None:
    kept = Experiment.model_validate(yaml.safe_load((folder / "one" / "config.yaml").read_text()))
    assert kept == experiment(**SHORT)
    with h5py.File(folder / "one" / "experiment.h5") as file:
        assert file["config"].asstr()[()] == (folder / "one" / "config.yaml").read_text()
        assert file["env"].asstr()[()] == (folder / "one" / "env.json").read_text()


def test_the_surroundings_are_kept(folder: Path, tmp_path: Path) -> None:
    surroundings = json.loads((folder / "one" / "env.json").read_text())
    assert surroundings["packages"]["torch"] in torch.__version__
    assert surroundings["dataset"] == {"name": "shapes", "sha256": sha256_of_file(folder / "shapes" / "metadata.h5")}
    assert re.fullmatch(r"[0-9a-f]{40}\+?", surroundings["revision"] or "0" * 40)
    assert git_revision(tmp_path) is None


def test_metrics_are_the_same_in_every_form(folder: Path) -> None:
    table = pd.read_csv(folder / "one" / "metrics.csv")
    assert list(table) == ["epoch", "step", "split", "learning_rate", "loss", "accuracy"]
    assert table["epoch"].tolist() == [1, 1, 2, 2] and table["step"].tolist() == [6, 6, 12, 12]
    assert table["split"].tolist() == ["train", "val"] * 2
    assert table["accuracy"].isna().tolist() == table["learning_rate"].notna().tolist() == [True, False] * 2
    pd.testing.assert_frame_equal(pd.read_hdf(folder / "one" / "experiment.h5", "metrics"), table, check_dtype=False)


def test_curves_show_something(folder: Path) -> None:
    assert "Accuracy" in (folder / "one" / "curves" / "accuracy.svg").read_text()
    pixels = np.asarray(Image.open(folder / "one" / "curves" / "loss.png").convert("RGB"))
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (pixels == colour).all(2).sum() > 1000


def test_tensorboard_and_mlflow_are_given_each_epoch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treeline.models.tracking.files.write_curves", lambda *_: None)
    run = folder / "logged"
    train(experiment(loggers=["tensorboard", "mlflow"], **SHORT), folder / "shapes", run, "logged")
    table = pd.read_csv(run / "metrics.csv")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    of_val = table[table["split"] == "val"]
    logged = events.Scalars("val/loss")
    assert [event.step for event in logged] == of_val["step"].tolist()
    assert [event.value for event in logged] == pytest.approx(of_val["loss"].tolist())
    [file] = (run / "mlflow").glob("*/*/metrics/val/accuracy")
    lines = [line.split() for line in file.read_text().splitlines()]
    assert [float(value) for _, value, _ in lines] == pytest.approx(table["accuracy"].dropna().tolist())


def test_a_learning_rate_is_advised_and_drawn(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_rate, "STEPS", 30)
    file = write_experiment(tmp_path / "experiments" / "short.yaml", **SHORT)
    plot = tmp_path / "rates.svg"
    arguments = ["learning-rate", str(file), "--dataset", str(folder / "shapes"), "--output", str(plot)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert 1e-6 < float(done.output) < 1
    assert f"advised: {float(done.output):.2g}" in plot.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiments", "rates.svg"]


def test_a_rate_at_which_nothing_falls_is_not_advised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_rate, "STEPS", 15)
    monkeypatch.setattr(learning_rate, "LOWEST", 1e20)
    monkeypatch.setattr(learning_rate, "HIGHEST", 1e22)
    with pytest.raises(ConfigError, match="no rate from 1e"):
        learning_rate.advise_learning_rate(experiment(**SHORT), folder / "shapes", "short", None)
