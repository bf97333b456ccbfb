"""What an evaluation has found, for people and programs: JSON, tables, curves and pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.table import Table

from treeline.console import new_table, printable
from treeline.detections.evaluate import ALL, Evaluation, Measure
from treeline.io.atomic import write_bytes, write_text
from treeline.io.csv_tables import csv_text
from treeline.io.parquet import sha256_of_file

REPORT, MEASURES, CURVES, PICTURE = "report.json", "measures.csv", "curves.csv", "curves.svg"
MEASURE_COLUMNS = (
    *("location", "category", "images", "truths", "average_precision", "average_precision_50", "threshold"),
    *("true_positives", "false_positives", "missed", "precision", "recall"),
)
CURVE_COLUMNS = ("category", "threshold", "true_positives", "false_positives", "missed", "precision", "recall")
DECIMALS = 6
MOST_LOCATIONS = 20
"""On the terminal; the tables have them all."""

LINES: dict[str, Literal["-", "--"]] = {"precision": "-", "recall": "--"}
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which colour-blind people can tell apart."""


def write_evaluation(folder: Path, evaluation: Evaluation, results: Path, truth: Path) -> None:
    """Write `report.json`, `measures.csv`, `curves.csv` and `curves.svg`.

    Args:
        folder: Where; made if it is missing.
        evaluation: What to write.
        results: The file that it is of; the report has its name and SHA-256.
        truth: The file that it was compared with, likewise.
    """
    write_text(folder / CURVES, csv_text(CURVE_COLUMNS, _curve_rows(evaluation)))
    write_bytes(folder / PICTURE, draw_curves(evaluation))
    write_text(folder / MEASURES, csv_text(MEASURE_COLUMNS, (list(row.values()) for row in _measure_rows(evaluation))))
    files = {
        name: {"file": file.name, "sha256": sha256_of_file(file)}
        for name, file in (("results", results), ("truth", truth))
    }
    report = {**files, **_report(evaluation)}
    write_text(folder / REPORT, json.dumps(report, ensure_ascii=False, indent=1) + "\n")


def tables_of(evaluation: Evaluation) -> Iterator[Table]:
    """The measures as tables for a terminal."""
    compared = "boxes, at an overlap of 0.5" if evaluation.by == "box" else "labels of images"
    table = _new_table(f"{evaluation.images:,} images, compared by {compared}", "category", evaluation)
    for measure in evaluation.measures:
        if measure.location == ALL:
            _add_row(table, measure.category or "all", measure, evaluation)
    yield table
    located = [measure for measure in evaluation.measures if measure.location != ALL and measure.category == ALL]
    if located:
        more = f", of which {MOST_LOCATIONS} are shown" if len(located) > MOST_LOCATIONS else ""
        table = _new_table(f"{len(located)} locations{more}", "location", evaluation)
        for measure in located[:MOST_LOCATIONS]:
            _add_row(table, measure.location, measure, evaluation)
        yield table


def draw_curves(evaluation: Evaluation) -> bytes:
    """Draw precision against recall, and both against the threshold, as SVG; the same bytes every time."""
    with matplotlib.rc_context(
        {"svg.hashsalt": "treeline", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3}
    ):
        figure = Figure(figsize=(10, 4.5), layout="constrained")
        balance, choice = figure.subplots(1, 2)
        for number, category in enumerate(evaluation.categories):
            _draw_category(balance, choice, evaluation, category, COLORS[number % len(COLORS)])
        balance.set(
            xlabel="recall", ylabel="precision", title="Precision and recall", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
        )
        choice.set(xlabel="confidence threshold", title="By threshold", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        lines = [Line2D([], [], color="gray", linestyle=style, label=name) for name, style in LINES.items()]
        figure.legend(handles=[*balance.get_legend_handles_labels()[0], *lines], loc="outside lower center", ncols=6)
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


def _draw_category(balance: Axes, choice: Axes, evaluation: Evaluation, category: str, color: str) -> None:
    curve = evaluation.scored[category].curve()
    precisions = np.array([counts.precision for _, counts in curve], np.float64)  # NaN for None: a gap
    recalls = np.array([counts.recall for _, counts in curve], np.float64)
    label = category.replace("$", r"\$")  # which is mathematics to matplotlib
    balance.plot(recalls, precisions, color=color, label=label)
    chosen = evaluation.scored[category].counts(evaluation.thresholds.of(category))
    if chosen.recall is not None and chosen.precision is not None:
        balance.plot([chosen.recall], [chosen.precision], "o", color=color)
    thresholds = [threshold for threshold, _ in curve]
    choice.plot(thresholds, precisions, color=color, linestyle=LINES["precision"])
    choice.plot(thresholds, recalls, color=color, linestyle=LINES["recall"])
    choice.axvline(evaluation.thresholds.of(category), color=color, linewidth=0.8, linestyle=":")


def _report(evaluation: Evaluation) -> dict[str, Any]:
    counts = ("images", "failed", "ignored", "without_results", "without_truth", "other_shape", "not_evaluated")
    return {
        "compared_by": evaluation.by,
        **{name: getattr(evaluation, name) for name in counts},
        "measures": list(_measure_rows(evaluation)),
    }


def _measure_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    for measure in evaluation.measures:
        facts = asdict(measure)
        del facts["counts"]
        threshold = None if measure.category == ALL else evaluation.thresholds.of(measure.category)
        rates = {"precision": measure.counts.precision, "recall": measure.counts.recall}
        yield {
            name: round(value, DECIMALS) if isinstance(value, float) else value
            for name, value in {**facts, "threshold": threshold, **measure.counts._asdict(), **rates}.items()
        }


def _curve_rows(evaluation: Evaluation) -> Iterator[tuple[object, ...]]:
    for category in evaluation.categories:
        for threshold, counts in evaluation.scored[category].curve():
            rates = (None if rate is None else round(rate, DECIMALS) for rate in (counts.precision, counts.recall))
            yield category, threshold, *counts, *rates


def _new_table(title: str, first: str, evaluation: Evaluation) -> Table:
    table = new_table(title)
    precisions = ("AP 50:95", "AP 50") if evaluation.by == "box" else ("AP",)
    table.add_column(first, overflow="fold")
    for name in ("images", "truths", *precisions, "threshold", "right", "wrong", "missed", "precision", "recall"):
        table.add_column(name, justify="right")
    return table


def _add_row(table: Table, name: str, measure: Measure, evaluation: Evaluation) -> None:
    precisions = [measure.average_precision, measure.average_precision_50][: 2 if evaluation.by == "box" else 1]
    threshold = "" if measure.category == ALL else f"{evaluation.thresholds.of(measure.category):g}"
    table.add_row(
        *(printable(name), f"{measure.images:,}", f"{measure.truths:,}"),
        *(_share(value) for value in precisions),
        threshold,
        *(f"{count:,}" for count in measure.counts),
        *(_share(measure.counts.precision), _share(measure.counts.recall)),
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
