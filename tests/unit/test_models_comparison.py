"""Runs side by side: the table, the curves, and folders that cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from typer.testing import CliRunner

from tests.evaluation_cases import write_case
from tests.model_cases import SIDE, experiment
from treeline.errors import InputError
from treeline.models.architecture.model import Model
from treeline.models.cli import app
from treeline.models.comparison import changed_keys, compare_runs
from treeline.models.experiment import METRICS, Task
from treeline.models.facts import ModelFacts
from treeline.models.trained import MODEL, TREELINE, WEIGHTS, describe_model


def write_run(folder: Path, values: list[float], task: Task = "multiclass", **changes: Any) -> Path:
    """A run as training leaves it; `values` are those of all metrics on val, by epoch, and minus them the loss."""
    trained = experiment(task, **changes)
    names = [] if task == "regression" else ["a", "b"]
    facts = ModelFacts(
        **{"run": folder.name, "dataset": "shapes", "dataset_hash": "0" * 64, "task": task, "class_names": names},
        **{"channels": ["red"], "image_size": [SIDE, SIDE], "mean": [0.0], "std": [1.0]},
    )
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(trained.model_dump(mode="json"), sort_keys=False))
    val = [
        {"epoch": epoch, "split": "val", "loss": -value, **dict.fromkeys(METRICS[task], value)}
        for epoch, value in enumerate(values, start=1)
    ]
    pd.DataFrame([{"epoch": 1, "split": "train", "loss": 9.0}, *val]).to_csv(folder / "metrics.csv", index=False)
    model = Model(trained.architecture, facts)
    weights = {MODEL + name: value for name, value in model.state_dict().items()}
    torch.save({WEIGHTS: weights, TREELINE: describe_model(trained, facts)}, folder / "best.ckpt")
    return folder


def test_the_table_has_what_differs_and_the_best_epoch(tmp_path: Path) -> None:
    first = write_run(tmp_path / "runs/first", [0.1, 0.7, 0.3], seed=1)
    patient = {"early_stopping": {"patience": 3}, "image_size": [16, 16]}
    second = write_run(tmp_path / "runs/second", [float("nan"), 0.2, 0.4], seed=1, **patient)
    write_case(first / "first_shapes_evaluation.h5", run="first")
    (tmp_path / "benchmarks/second").mkdir(parents=True)
    (tmp_path / "benchmarks/second/train.jsonl").write_text(json.dumps({"s": 12.5}) + "\n")
    table = compare_runs([first, second], tmp_path / "out", tmp_path / "benchmarks")
    metrics = METRICS["multiclass"]
    changed = ["image_size", "early_stopping.patience"]
    of_val = ["val_loss", *(f"val_{name}" for name in metrics)]
    assert [*table] == ["run", *changed, "best_epoch", *of_val, "test_example", "parameters", "seconds"]
    assert table["run"].tolist() == ["first", "second"]
    assert table["image_size"].tolist() == [f"[{SIDE}, {SIDE}]", "[16, 16]"]
    assert table["early_stopping.patience"].tolist() == ["", 3]
    assert table["best_epoch"].tolist() == [2, 3]
    assert table["val_loss"].tolist() == [-0.7, -0.4]
    assert table["test_example"].iloc[0] == 0.5
    assert pd.isna(table["test_example"].iloc[1]) and pd.isna(table["seconds"].iloc[0])
    assert table["seconds"].iloc[1] == 12.5
    written = pd.read_csv(tmp_path / "out/comparison.csv", keep_default_na=False)
    assert [*written] == [*table]
    assert written["early_stopping.patience"].tolist() == ["", "3"]
    assert written["val_loss"].tolist() == [-0.7, -0.4]
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    compare_runs([first, second], tmp_path / "out", tmp_path / "benchmarks")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    assert before.keys() == {"comparison.csv", "comparison.svg", "comparison.png"}
    assert all(text in before["comparison.svg"].decode() for text in ("first", "second", "Accuracy on val"))


def test_less_error_is_better_and_of_many_runs_the_best_are_drawn(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / f"run-{place:02d}", [99.0, place, 99.0], "regression") for place in range(18)]
    table = compare_runs(runs, tmp_path / "out")
    assert table["best_epoch"].tolist() == [2] * 18
    assert table["val_mean_absolute_error"].tolist() == list(range(18))
    svg = (tmp_path / "out/comparison.svg").read_text()
    assert [f"run-{place:02d}" in svg for place in range(18)] == [True] * 16 + [False] * 2
    assert "The best 16 of 18 runs" in svg


def test_it_is_printed(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, [0.25, 0.5], seed=seed) for seed, name in enumerate(("one", "two"))]
    done = CliRunner().invoke(app, ["compare", *map(str, runs), "--output", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert all(text in done.output for text in ("one", "two", "seed", "val_accuracy", "0.5"))
    assert "auroc" not in done.output


def test_keys_that_differ() -> None:
    one = {"a": 1, "b": {"c": [1], "d": None}, "e": None, "f": 0}
    other = {"a": 1, "b": {"c": [2], "d": {"g": "x"}}, "e": None, "f": False}
    assert changed_keys([one, other]) == {"b.c": ["[1]", "[2]"], "b.d.g": ["", "x"], "f": [0, False]}
    assert changed_keys([one, one]) == {}


def damage_metrics(run: Path) -> None:
    (run / "metrics.csv").write_text("epoch,split,loss\n1,val,0.5\n")


def lose_val(run: Path) -> None:
    (run / "metrics.csv").write_text("epoch,split,loss,accuracy\n1,train,0.5,0.5\n")


def damage_yaml(run: Path) -> None:
    (run / "config.yaml").write_text("title: [")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (damage_metrics, r"metrics.csv, field 'accuracy': this column is missing"),
        (lose_val, r"metrics.csv: has no epoch on val"),
        (damage_yaml, r"config.yaml: is not YAML"),
        (lambda run: (run / "metrics.csv").unlink(), r"metrics.csv: are no metrics of a run"),
        (lambda run: (run / "config.yaml").unlink(), r"config.yaml: cannot be read.*Give the folder of a trained run"),
        (lambda run: (run / "best.ckpt").write_bytes(b"PK\x03\x04"), r"best.ckpt: is no checkpoint"),
        (lambda run: (run / "one_shapes_evaluation.h5").write_bytes(b"x"), r"evaluation.h5: is no evaluation"),
    ],
)
def test_a_folder_that_is_no_run(tmp_path: Path, damage: Any, problem: str) -> None:
    run = write_run(tmp_path / "one", [0.5])
    damage(run)
    with pytest.raises(InputError, match=problem):
        compare_runs([run], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "a/one", [0.5]), write_run(tmp_path / "b/two", [0.5], "regression")
    with pytest.raises(InputError, match="has learned regression, and one multiclass"):
        compare_runs([one, two], tmp_path / "out")
    with pytest.raises(InputError, match="is of a run whose name another one has"):
        compare_runs([one, one], tmp_path / "out")
