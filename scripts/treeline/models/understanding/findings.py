"""All that a report says, as tables: the one source of its page, of `understanding.json` and of the Parquet files.

    understanding.json             of what the report is, its numbers, and every row of every table
    understanding/<table>.parquet  the same tables

Tables, by task (c multiclass, m multilabel, r regression, s segmentation); a table without rows is written, too:

| table | task | a row for | made by |
|---|---|---|---|
| `headline` | all | a score of all images | `scores.headline` |
| `classes` | c m s | a class | `scores.classes` |
| `confusion` | c | a pair of label and predicted class | `scores.confusion` |
| `groups` | all | a value of a column | `groups.groups` |
| `calibration` | c m | a bin of confidences | `calibration.calibration` |
| `residuals`, `points` | r | a bin of errors; an image | `residuals` |
| `curves` | all | a metric of an epoch | `curves.learning_curves` |
| `errors` | all | an image of the worst | `errors.errors` |
| `map` | all | an image of the map | `embedding_map.embedding_map` |
| `near_duplicates` | all | a pair of images | `neighbours.near_duplicates` |
| `label_errors` | c | an image whose label may be wrong | `neighbours.label_errors` |
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from treeline.io.atomic import atomic_folder, write_text
from treeline.models.understanding import residuals
from treeline.models.understanding.calibration import calibration, expected_calibration_error
from treeline.models.understanding.curves import METRICS_FILE, learning_curves
from treeline.models.understanding.embedding_map import embedding_map
from treeline.models.understanding.errors import describe, errors, is_right
from treeline.models.understanding.groups import group_columns, groups
from treeline.models.understanding.neighbours import find_neighbours, label_errors, near_duplicates
from treeline.models.understanding.scores import classes, confusion, headline
from treeline.models.understanding.subject import Subject

SCHEMA_VERSION = 1
JSON_FILE, FOLDER = "understanding.json", "understanding"
MOST_COLOURINGS = 8
"""Columns of groups that the images of the map are told apart by."""


@dataclass(frozen=True)
class Findings:
    """What a report says.

    Args:
        about: Of what it is: run, dataset, dataset_hash, split, task, class_names.
        numbers: Single ones, by name; None where one is not defined.
        tables: By name.
    """

    about: dict[str, Any]
    numbers: dict[str, float | int | None]
    tables: dict[str, pd.DataFrame]

    def score(self, metric: str) -> float:
        """A score of all images, by its name in `headline`."""
        table = self.tables["headline"]
        return float(table.loc[table["metric"] == metric, "value"].iloc[0])


def find(subject: Subject, run: Path) -> Findings:
    """Find out what an evaluation says.

    Args:
        subject: The evaluation, with its dataset.
        run: Folder of the run.

    Raises:
        InputError: The run's `metrics.csv` is damaged.
    """
    columns = group_columns(subject)
    neighbours = find_neighbours(subject)
    places, explained = embedding_map(subject)
    tables = {
        "headline": headline(subject),
        "groups": groups(subject, columns),
        "curves": learning_curves(run / METRICS_FILE),
        "errors": errors(subject),
        "map": _coloured(subject, places, columns),
        "near_duplicates": near_duplicates(subject, neighbours),
    }
    numbers: dict[str, float | int | None] = {
        "images": len(subject.rows),
        "images_without_numbers": len(subject.without_numbers),
        "images_searched": len(neighbours.places),
        **{f"explained_by_component_{number}": share for number, share in enumerate(explained, 1)},
    }
    if subject.task != "regression":
        tables["classes"] = classes(subject)
    if subject.task in ("multiclass", "multilabel"):
        tables["calibration"] = calibration(subject)
        numbers["expected_calibration_error"] = expected_calibration_error(tables["calibration"])
    if subject.task == "multiclass":
        tables |= {"confusion": confusion(subject), "label_errors": label_errors(subject, neighbours)}
    if subject.task == "regression":
        tables |= {"points": residuals.points(subject), "residuals": residuals.residuals(subject)}
    about = subject.evaluation.about
    names = ("run", "dataset", "dataset_hash", "split", "task")
    described = {name: getattr(about, name) for name in names} | {"class_names": list(about.class_names)}
    return Findings(described, numbers, tables)


def write_findings(findings: Findings, folder: Path) -> None:
    """Write `understanding.json` and the folder `understanding`; the same bytes for the same findings."""
    with atomic_folder(folder / FOLDER) as target:
        for name, table in findings.tables.items():
            table.to_parquet(target / f"{name}.parquet", index=False)
    content = {
        "schema_version": SCHEMA_VERSION,
        **findings.about,
        "numbers": {name: _plain(value) for name, value in findings.numbers.items()},
        "tables": {name: _records(table) for name, table in findings.tables.items()},
    }
    write_text(folder / JSON_FILE, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def _coloured(subject: Subject, table: pd.DataFrame, columns: pd.DataFrame) -> pd.DataFrame:
    """The map with what its images are told apart by: label, predicted, right, and the groups."""
    places = table["place"].to_numpy(dtype="int64")
    labels, predicted = describe(subject, places)
    shown = columns.iloc[places, :MOST_COLOURINGS].reset_index(drop=True).add_prefix("group_")
    told = table.drop(columns="place").assign(
        label=labels, predicted=predicted, right=is_right(subject).to_numpy()[places]
    )
    return pd.concat([told, shown], axis=1)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {str(name): [_plain(value) for value in table[name].tolist()] for name in table}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
