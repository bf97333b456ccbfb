"""The runs of an experiment: itself, or with a sweep one for each of its overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, product
from pathlib import Path
from types import NoneType
from typing import Any

from treeline.errors import InputError
from treeline.models.experiment import Experiment, Sweep, parse_experiment, read_experiment

MOST_RUNS = 1000
"""A grid grows fast: of more it is taken for an oversight."""

Overrides = Mapping[str, Any]
"""Values by key; a key within a block is written with dots: `optimiser.learning_rate`."""


def runs_of(file: Path) -> dict[str, Experiment]:
    """Read the runs of an experiment.

    Args:
        file: `config/experiments/<name>.yaml`.

    Returns:
        Experiments without sweep by the names of their runs: `<name>`; with a sweep `<name>-01`, `<name>-02`, ...
        Of a grid, the last key changes fastest.

    Raises:
        InputError: The file or one of its runs is refused; names the run and the key.
    """
    experiment = read_experiment(file)
    if experiment.sweep is None:
        return {file.stem: experiment}
    base = experiment.model_dump(mode="json", exclude={"sweep"})
    overrides = list(islice(_overrides_of(experiment.sweep, file), MOST_RUNS + 1))
    if len(overrides) > MOST_RUNS:
        raise InputError(file, f"is of more than {MOST_RUNS} runs.", field="sweep", fix="Give fewer values.")
    runs: dict[str, Experiment] = {}
    known: dict[str, str] = {}
    for number, changed in enumerate(overrides, start=1):
        name = f"{file.stem}-{number:02d}"
        runs[name] = _run_of(base, changed, name, file)
        same = known.setdefault(runs[name].model_dump_json(), name)
        if same != name:
            raise InputError(file, f"{same} and {name} are the same run.", field="sweep", fix="Leave one out.")
    return runs


def _overrides_of(sweep: Sweep, file: Path) -> Iterator[Overrides]:
    """What each run changes, in order."""
    if bool(sweep.grid) == bool(sweep.runs):
        problem = "has both a grid and runs." if sweep.grid else "has neither a grid nor runs."
        raise InputError(file, problem, field="sweep", fix="Give it one of them.")
    if sweep.runs:
        yield from sweep.runs
    else:
        yield from (dict(zip(sweep.grid, values, strict=True)) for values in product(*sweep.grid.values()))


def _run_of(base: Mapping[str, Any], overrides: Overrides, name: str, file: Path) -> Experiment:
    """The experiment with a run's overrides."""
    for one, other in combinations(overrides, 2):
        if f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}."):
            raise InputError(file, f"{name} changes both {one} and {other}.", field="sweep", fix="Leave one out.")
    content = dict(base)
    for key, value in overrides.items():
        if key.partition(".")[0] == "sweep":
            raise InputError(file, f"{name} changes the sweep itself.", field=key, fix="Leave it out.")
        try:
            content = _with_value(content, key.split("."), value)
        except TypeError:
            raise InputError(
                file, f"{name}: what is to hold it is no block.", field=key, fix="Give all of it."
            ) from None
    try:
        return parse_experiment(content, file)
    except InputError as error:
        raise InputError(file, f"{name}: {error.problem}", field=error.field, fix=error.fix) from None


def _with_value(block: Any, key: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of a block with another value, however deep; one that is switched off has no keys yet.

    Raises:
        TypeError: A name of the key, but for the last, is of something else than a block.
    """
    if not isinstance(block, dict | NoneType):
        raise TypeError
    name, *below = key
    block = block or {}
    return {**block, name: _with_value(block.get(name), below, value) if below else value}
