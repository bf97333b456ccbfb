"""Datasets and models: their samples, leaks and metrics, and their part of the flow."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from treeline.errors import InputError
from treeline.io.csv_tables import read_csv_rows
from treeline.io.datasets.metadata import SPLITS
from treeline.report.facts.arrows import Arrow, Node, split
from treeline.report.facts.collection import RERUN, UNKNOWN, Collection, Rows, first_line

DATASETS, ANALYSIS, MODELS = "datasets", "analysis", "models"
"""Parts of the flow: samples of datasets to their splits, to their analysis, and to evaluations of models."""


class Dataset(NamedTuple):
    """A dataset that is divided.

    Args:
        name: Its own.
        dropped: Samples that its steps dropped, by step.
        splits: Samples of each split.
        leaks: Pairs of samples in two splits that share what they should not; -1: not known.
    """

    name: str
    dropped: dict[str, int]
    splits: dict[str, int]
    leaks: int

    @property
    def samples(self) -> int:
        """Samples of all splits."""
        return sum(self.splits.values())


class Evaluation(NamedTuple):
    """What a model gives for a split of a dataset: its images, and its metrics by name, NaN where not defined."""

    run: str
    dataset: str
    split: str
    images: int
    metrics: dict[str, float]


def read_datasets(collection: Collection) -> list[Dataset]:
    """Read the configured datasets that are divided.

    Raises:
        InputError: A file of one is damaged.
    """
    names = collection.output.settings.datasets.names
    return [
        _read_dataset(collection, name)
        for name in names
        if (collection.paths.dataset(name) / "splits.parquet").exists()
    ]


def read_evaluations(collection: Collection) -> list[Evaluation]:
    """Read the evaluations of all trained models.

    Raises:
        InputError: One is damaged.
    """
    folder = collection.paths.model("*")
    return [_read_evaluation(file) for file in sorted(folder.parent.glob("*/*_evaluation.h5"))]


def rows_of_datasets(datasets: list[Dataset]) -> Rows:
    """Rows of the table `datasets`."""
    return [
        {"dataset": one.name, "split": split, "samples": samples, "leaks": one.leaks}
        for one in datasets
        for split, samples in one.splits.items()
    ]


def rows_of_models(evaluations: list[Evaluation]) -> Rows:
    """Rows of the table `models`."""
    return [
        {"run": one.run, "dataset": one.dataset, "metric": metric, "value": value}
        for one in evaluations
        for metric, value in one.metrics.items()
    ]


def samples_and_splits(datasets: list[Dataset]) -> Iterator[Arrow]:
    """Arrows from what is taken into each dataset to its splits."""
    for one in datasets:
        taken_in = Node(DATASETS, one.name, one.samples + sum(one.dropped.values()))
        lost = {f"dropped by {step}": count for step, count in one.dropped.items()}
        yield from split(taken_in, "datasets", one.splits, lost, "")


def analysed(collection: Collection, datasets: list[Dataset]) -> Iterator[Arrow]:
    """Arrows from each dataset to its samples that are analysed."""
    for one in datasets:
        table = collection.paths.dataset_analysis(one.name) / "tables" / "summary.parquet"
        summary = collection.ask("SELECT key, value FROM read_parquet(?)", [table])
        values = {row["key"]: row["value"] for row in summary}
        if values or "analyze" in collection.output.settings.stages:
            unreadable = int(values.get("unreadable", 0))
            kept = {"analysed": int(values.get("samples", 0)) - unreadable}
            lost = {"not readable for the analysis": unreadable}
            yield from split(Node(ANALYSIS, one.name, one.samples), "analyze", kept, lost, "not analysed yet")


def evaluated(datasets: list[Dataset], evaluations: list[Evaluation]) -> Iterator[Arrow]:
    """Arrows from splits to the runs that are evaluated on them; a split that several take goes to each as a whole."""
    samples = {(one.name, split): count for one in datasets for split, count in one.splits.items()}
    for one in evaluations:
        node = Node(MODELS, f"{one.dataset}: {one.split}", samples.get((one.dataset, one.split), one.images))
        yield from split(node, "models", {one.run: one.images}, {}, "not evaluated")


def _read_dataset(collection: Collection, name: str) -> Dataset:
    folder = collection.paths.dataset(name)
    count = "SELECT split, count(*) AS samples FROM read_parquet(?) GROUP BY split"
    counts = {row["split"]: row["samples"] for row in collection.ask(count, [folder / "splits.parquet"])}
    splits = {split: counts[split] for split in SPLITS if split in counts}
    return Dataset(name, _dropped(folder), splits, _leaks(folder / "leakage.json"))


def _dropped(folder: Path) -> dict[str, int]:
    """Samples that each step dropped; steps of an earlier description may still lie there, and do not count."""
    plan = folder / "plan" / "plan.json"
    steps = _read_json(plan) if plan.exists() else []
    dropped: Counter[str] = Counter()
    for step in steps:
        _, _, name = str(step).partition("-")
        dropped[name] += sum(1 for _ in read_csv_rows(folder / "steps" / str(step) / "dropped.csv"))
    return dict(+dropped)


def _leaks(file: Path) -> int:
    if not file.exists():
        return UNKNOWN
    report = _read_json(file)
    try:
        return sum(int(count) for count in report["leaks"].values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(file, f"is no report of leaks: {error!r}.", fix=RERUN) from None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(file, f"cannot be read: {first_line(error)}", fix=RERUN) from None


def _read_evaluation(file: Path) -> Evaluation:
    try:
        with h5py.File(file) as opened:
            facts = opened.attrs
            metrics = json.loads(facts["aggregates"])
            return Evaluation(
                str(facts["run"]),
                str(facts["dataset"]),
                str(facts["split"]),
                len(opened["id"]),
                {name: math.nan if value is None else float(value) for name, value in metrics.items()},
            )
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(file, f"is no evaluation of a model: {first_line(error)}", fix=RERUN) from None
