"""The runs that a configuration names, and which of an experiment's runs is meant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from treeline.config_datasets import EncodingName, Task
from treeline.config_models import Models
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.models.experiment import Experiment
from treeline.models.sweep import runs_of

UNTRAINED = {"title"}
"""Keys of an experiment that change nothing of its model."""


@dataclass(frozen=True)
class Run:
    """One training.

    Args:
        name: Its name, that of its folder.
        file: The experiment's.
        experiment: What it is trained with; without sweep.
    """

    name: str
    file: Path
    experiment: Experiment

    @property
    def options(self) -> str:
        """JSON of all that its model depends on: another text means another model."""
        return json.dumps(self.experiment.model_dump(mode="json", exclude=UNTRAINED), indent=2, sort_keys=True) + "\n"

    @property
    def processes(self) -> int:
        """Processes that train together, on all machines."""
        return self.experiment.devices * self.experiment.nodes


def read_runs(block: Models) -> dict[str, Run]:
    """Read all runs of the configured experiments, by name, in order.

    Raises:
        InputError: An experiment is refused, or two have a run of the same name.
    """
    runs: dict[str, Run] = {}
    for experiment_name in block.names:
        file = Path(block.folder) / f"{experiment_name}.yaml"
        for name, experiment in runs_of(file).items():
            if name in runs:
                raise InputError(file, f"its run {name} has the name of one of {runs[name].file}.", fix="Rename it.")
            runs[name] = Run(name, file, experiment)
    return runs


def sweeps_of(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs that are compared: those of each experiment with a sweep, by the experiment's name."""
    sweeps: dict[str, list[Run]] = {}
    for run in runs:
        if run.name != run.file.stem:
            sweeps.setdefault(run.file.stem, []).append(run)
    return sweeps


def select_run(file: Path, name: str | None) -> Run:
    """Choose a run of an experiment.

    Args:
        file: The experiment's.
        name: The run's; None where there is but one.

    Raises:
        InputError: The experiment is refused, has no such run, or several and none is named.
    """
    runs = runs_of(file)
    known = f"{next(iter(runs))} to {list(runs)[-1]}" if len(runs) > 1 else next(iter(runs))
    if name is None and len(runs) > 1:
        raise InputError(file, f"has {len(runs)} runs.", fix=f"Name one with --run: {known}.")
    chosen = name or next(iter(runs))
    if chosen not in runs:
        raise InputError(file, f"has no run {chosen}.", fix=f"There is {known}.")
    return Run(chosen, file, runs[chosen])


def write_plan(file: Path, folder: Path) -> list[str]:
    """Write what each run of an experiment is to be trained with, and last the plan, which lists the runs.

    Args:
        file: The experiment's.
        folder: Of all models. `<run>/options.json` keeps its time where it would not change: what was made by it stays
            valid. The plan is `<experiment>/plan.json`.

    Returns:
        Names of the runs.

    Raises:
        InputError: The experiment is refused.
    """
    runs = [Run(name, file, experiment) for name, experiment in runs_of(file).items()]
    for run in runs:
        target = folder / run.name / "options.json"
        if not target.is_file() or target.read_text(encoding="utf-8") != run.options:
            write_text(target, run.options)
    write_text(folder / file.stem / "plan.json", json.dumps([run.name for run in runs], indent=2) + "\n")
    return [run.name for run in runs]


def check_dataset(run: Run, task: Task | None, encodings: Sequence[EncodingName]) -> None:
    """Check that a run's dataset is what it is to learn from, before anything is made.

    Args:
        run: The run.
        task: The dataset's; None where the configuration has no such dataset.
        encodings: Forms in which the dataset is written.

    Raises:
        InputError: There is no such dataset, it has another task, or is not written in the run's encoding.
    """
    experiment = run.experiment
    name = experiment.dataset
    if task is None:
        fix = f"Add it to datasets.names: [{name}]."
        raise InputError(run.file, f"{name} is no dataset of the configuration.", field="dataset", fix=fix)
    if experiment.task != task:
        raise InputError(run.file, f"{name} is for the task {task}.", field="task", fix=f"Give it `task: {task}`.")
    if experiment.encoding not in encodings:
        fix = f"Add {{kind: {experiment.encoding}}} to the dataset's encodings."
        problem = f"{name} is written as {', '.join(encodings)} alone."
        raise InputError(run.file, problem, field="encoding", fix=fix)
