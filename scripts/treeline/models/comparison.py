"""Runs side by side: what each changes, what came of it, and how it came to that."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from treeline.errors import InputError
from treeline.io.atomic import write_bytes, write_text
from treeline.models.comparison_figure import draw_curves
from treeline.models.results import RunResult, read_result

COMPARISON = "comparison"
"""Name of the files, before their endings."""


def compare_runs(folders: Sequence[Path], output: Path, benchmarks: Path | None = None) -> pd.DataFrame:
    """Write `comparison.csv`, `comparison.svg` and `comparison.png`.

    Args:
        folders: Of the runs.
        output: Folder of the files.
        benchmarks: As `read_result` takes it.

    Returns:
        A row a run, in their order, with the columns `run`; each key of the experiment in which they differ;
        `best_epoch`; `val_loss` and `val_<metric>` of that epoch; `test_<metric>` of the evaluation; `parameters`;
        `seconds`. A column in which no run has a value is left out.

    Raises:
        InputError: A folder is of no trained run, two have one name, or they have learned different tasks.
    """
    _check_names(folders)
    results = [read_result(folder, benchmarks) for folder in folders]
    for folder, result in zip(folders, results, strict=True):
        if result.experiment.task != results[0].experiment.task:
            problem = f"has learned {result.experiment.task}, and {results[0].name} {results[0].experiment.task}."
            raise InputError(folder, problem, fix="Compare runs of one task.")
    table = comparison_table(results)
    svg, png = draw_curves(results)
    write_text(output / f"{COMPARISON}.csv", table.to_csv(index=False, lineterminator="\n"))
    write_bytes(output / f"{COMPARISON}.svg", svg)
    write_bytes(output / f"{COMPARISON}.png", png)
    return table


def comparison_table(results: Sequence[RunResult]) -> pd.DataFrame:
    """The table, as `compare_runs` gives it."""
    changed = changed_keys([result.experiment.model_dump(mode="json") for result in results])
    rows = [
        {
            "run": result.name,
            **{key: values[place] for key, values in changed.items()},
            "best_epoch": int(result.best["epoch"]),
            **{f"val_{name}": float(result.best[name]) for name in ("loss", *result.metrics)},
            **{f"test_{name}": value for name, value in result.test.items()},
            "parameters": result.parameters,
            "seconds": result.seconds,
        }
        for place, result in enumerate(results)
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def changed_keys(experiments: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Values of the keys in which experiments differ: numbers and text as they are, lists as JSON, "" for none."""
    flat = [_flat(experiment) for experiment in experiments]
    keys = dict.fromkeys(key for experiment in flat for key in experiment)
    values = {key: [experiment.get(key, "") for experiment in flat] for key in keys}
    return {key: column for key, column in values.items() if len({json.dumps(value) for value in column}) > 1}


def _flat(block: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in block.items():
        if isinstance(value, Mapping):
            values |= _flat(value, f"{above}{name}.")
        elif value is not None:
            values[above + name] = json.dumps(value) if isinstance(value, list) else value
    return values


def _check_names(folders: Sequence[Path]) -> None:
    counts = Counter(folder.name for folder in folders)
    for folder in folders:
        if counts[folder.name] > 1:
            raise InputError(folder, "is of a run whose name another one has, too.", fix="Give each run once.")
