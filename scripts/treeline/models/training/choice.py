"""Which run of an experiment is trained."""

from __future__ import annotations

from pathlib import Path

from treeline.errors import ConfigError
from treeline.models.experiment import Experiment, read_experiment
from treeline.models.sweep import runs_of


def choose_run(file: Path, run: str | None) -> tuple[str, Experiment]:
    """Read an experiment, and choose one of its runs.

    Returns:
        The run's name, and the experiment with the run's values and without a sweep.

    Raises:
        InputError: The experiment is wrong.
        ConfigError: There is no such run, or there are several and none is named.
    """
    runs = runs_of(file)
    if run is None and len(runs) > 1:
        raise ConfigError(f"{file}: has {len(runs)} runs, {', '.join(runs)}: name one by --run.")
    name = run or next(iter(runs))
    if name not in runs:
        raise ConfigError(f"{file}: has no run {name!r}; it has {', '.join(runs)}.")
    return name, runs[name]


def choose_base(file: Path) -> tuple[str, Experiment]:
    """Read an experiment without what its sweep changes."""
    return file.stem, read_experiment(file).model_copy(update={"sweep": None})
