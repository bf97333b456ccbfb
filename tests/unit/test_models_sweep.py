"""The runs of an experiment: their names, their order, what they change, and what is refused."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from treeline.config_models import Models
from treeline.errors import InputError
from treeline.models.experiment import Experiment
from treeline.models.runs import check_dataset, read_runs, select_run, sweeps_of, write_plan
from treeline.models.sweep import runs_of

BASE = {"title": "Birds", "dataset": "birds", "task": "multiclass", "image_size": [32, 32], "epochs": 2}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "epochs": st.integers(1, 9),
    "seed": st.integers(0, 9),
    "optimiser.learning_rate": st.floats(1e-6, 1.0),
    "schedule.name": st.sampled_from(["constant", "cosine", "step"]),
    "early_stopping.patience": st.integers(1, 9),
}
GRIDS = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries(
        {key: st.lists(VALUES[key], min_size=1, max_size=3, unique=True) for key in keys}
    )
)


def write(folder: Path, name: str = "birds", **more: Any) -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(BASE | more, sort_keys=False))
    return file


def value_of(experiment: Experiment, key: str) -> Any:
    value: Any = experiment
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_an_experiment_without_a_sweep_is_one_run(tmp_path: Path) -> None:
    ((name, experiment),) = runs_of(write(tmp_path)).items()
    assert (name, experiment) == ("birds", Experiment.model_validate(BASE))


def test_a_list_of_runs_each_changes_its_own_keys(tmp_path: Path) -> None:
    weights = {"file": "resnet18.pth", "sha256": "0" * 64}
    changes = [{"architecture.encoder": "resnet34", "loss": [{"name": "focal"}]}, {"architecture.weights": weights}, {}]
    first, second, third = runs_of(write(tmp_path, sweep={"runs": changes})).values()
    assert (first.architecture.encoder, first.loss[0].name, first.architecture.weights) == ("resnet34", "focal", None)
    assert second.architecture.weights is not None
    assert second.architecture.weights.file == "resnet18.pth"
    assert third == Experiment.model_validate(BASE)


@given(grid=GRIDS)
def test_a_grid_is_every_combination_in_order(
    tmp_path_factory: pytest.TempPathFactory, grid: dict[str, list[Any]]
) -> None:
    runs = runs_of(write(tmp_path_factory.mktemp("grid"), sweep={"grid": grid}))
    assert list(runs) == [f"birds-{number:02d}" for number in range(1, math.prod(map(len, grid.values())) + 1)]
    found = [tuple(value_of(run, key) for key in grid) for run in runs.values()]
    assert found == list(itertools.product(*grid.values()))
    untouched = {"title", "dataset", "image_size", "architecture", "budget"}
    assert {run.model_dump_json(include=untouched) for run in runs.values()} == {
        Experiment.model_validate(BASE).model_dump_json(include=untouched)
    }


@pytest.mark.parametrize(
    ("sweep", "field", "problem"),
    [
        ({}, "sweep", "has neither a grid nor runs"),
        ({"grid": {"epochs": [1]}, "runs": [{"epochs": 2}]}, "sweep", "has both a grid and runs"),
        ({"grid": {"optimiser.learning_rte": [0.1]}}, "optimiser.learning_rte", "birds-01: Extra inputs"),
        ({"runs": [{"epochs": 1}, {"epoch": 2}]}, "epoch", "birds-02: Extra inputs"),
        ({"grid": {"epochs": [1, 0]}}, "epochs", "birds-02: Input should be greater"),
        (
            {"grid": {"optimiser.learning_rate": ["1e-3"]}},
            "optimiser.learning_rate",
            "birds-01: Input should be a valid",
        ),
        (
            {"grid": {"task": ["segmentation"], "metrics": [["iou"]], "architecture.decoder": ["linear"]}},
            None,
            "birds-01",
        ),
        ({"grid": {"title.first": ["x"]}}, "title.first", "birds-01: what is to hold it is no block"),
        ({"runs": [{"sweep": {"runs": [{}]}}]}, "sweep", "changes the sweep itself"),
        ({"grid": {"epochs": [2, 3, 2]}}, "sweep", "birds-01 and birds-03 are the same run"),
        ({"runs": [{"optimiser": {"name": "sgd"}, "optimiser.name": "adamw"}]}, "sweep", "changes both"),
        ({"grid": {"seed": list(range(40)), "epochs": list(range(1, 41))}}, "sweep", "is of more than 1000 runs"),
        ({"grid": {"epochs": []}}, "sweep.grid.epochs", "List should have at least 1 item"),
        ({"rows": [{}]}, "sweep.rows", "Extra inputs"),
    ],
)
def test_a_sweep_that_is_refused(tmp_path: Path, sweep: dict[str, Any], field: str | None, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)) as refused:
        runs_of(write(tmp_path, sweep=sweep))
    assert refused.value.field == field
    assert "birds.yaml" in str(refused.value)


def test_the_runs_of_a_configuration(tmp_path: Path) -> None:
    write(tmp_path, "birds", sweep={"grid": {"epochs": [1, 2]}})
    write(tmp_path, "cats")
    block = Models(folder=str(tmp_path), names=["cats", "birds"])
    runs = read_runs(block)
    assert list(runs) == ["cats", "birds-01", "birds-02"]
    assert {name: len(of) for name, of in sweeps_of(runs.values()).items()} == {"birds": 2}
    assert runs["birds-01"].options != runs["birds-02"].options
    write(tmp_path, "cats", title="Another")
    assert read_runs(block)["cats"].options == runs["cats"].options
    write(tmp_path, "birds-02")
    with pytest.raises(InputError, match="its run birds-02 has the name of one of .*birds.yaml"):
        read_runs(Models(folder=str(tmp_path), names=["birds", "birds-02"]))


def test_a_plan_touches_only_what_changes(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    sweep: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2}]
    assert write_plan(write(tmp_path, sweep={"runs": sweep}), folder) == ["birds-01", "birds-02"]
    options = [folder / name / "options.json" for name in ("birds-01", "birds-02")]
    before = [file.stat().st_ino for file in options]
    assert json.loads((folder / "birds/plan.json").read_text()) == ["birds-01", "birds-02"]
    assert [json.loads(file.read_text())["seed"] for file in options] == [1, 2]
    write_plan(write(tmp_path, title="Another", sweep={"runs": [{"seed": 1}, {"seed": 3}, {"seed": 4}]}), folder)
    assert [file.stat().st_ino == inode for file, inode in zip(options, before, strict=True)] == [True, False]
    assert json.loads(options[1].read_text())["seed"] == 3
    with pytest.raises(InputError):
        write_plan(write(tmp_path, epochs=0), folder)
    assert len(json.loads((folder / "birds/plan.json").read_text())) == 3


def test_the_run_that_is_meant(tmp_path: Path) -> None:
    assert select_run(write(tmp_path, "cats"), None).name == "cats"
    with pytest.raises(InputError, match="has no run dogs. There is cats"):
        select_run(tmp_path / "cats.yaml", "dogs")
    sweep = write(tmp_path, sweep={"grid": {"epochs": [1, 2]}})
    chosen = select_run(sweep, "birds-02")
    assert (chosen.name, chosen.experiment.epochs, chosen.experiment.sweep) == ("birds-02", 2, None)
    with pytest.raises(InputError, match="has 2 runs. Name one with --run: birds-01 to birds-02"):
        select_run(sweep, None)


def test_a_dataset_that_does_not_fit(tmp_path: Path) -> None:
    run = select_run(write(tmp_path), None)
    check_dataset(run, "multiclass", ["tar", "hdf5"])
    for task, encodings, field in (
        (None, [], "dataset"),
        ("multilabel", ["hdf5"], "task"),
        ("multiclass", ["tar"], "encoding"),
    ):
        with pytest.raises(InputError) as refused:
            check_dataset(run, task, encodings)  # type: ignore[arg-type]
        assert refused.value.field == field
