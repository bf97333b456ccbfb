"""One page that shows what an evaluation says about a model; it asks nothing of any network.

<page>                         all in one: styles, figures, small pictures, the numbers behind each figure
figures/<name>.svg, .png       beside it: each figure for a paper
understanding.json             every number of the page (`findings`)
understanding/<table>.parquet  every table
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import matplotlib
import pandas as pd
import sklearn

from treeline import __version__
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.datasets.metadata import TRAINVALTEST
from treeline.io.figures.drawing import Drawing, Listing
from treeline.io.figures.page import FIGURES, number, page_environment, whole, write_sections
from treeline.io.parquet import sha256_of_file
from treeline.models.understanding.figures import maps, predictions, scores
from treeline.models.understanding.figures.names import metric_title
from treeline.models.understanding.findings import Findings, find, write_findings
from treeline.models.understanding.galleries import make_albums
from treeline.models.understanding.subject import Subject, read_subject

PAGE = Path(__file__).parent / "page"

Draw: TypeAlias = Callable[[Findings], Iterator[Drawing | Listing] | Iterator[Drawing]]
SECTIONS: dict[str, Draw] = {
    "Learning curves": predictions.draw_curves,
    "Classes": scores.draw_classes,
    "Confusion": scores.draw_confusion,
    "Groups": scores.draw_groups,
    "Calibration": predictions.draw_calibration,
    "Predictions": predictions.draw_residuals,
    "Map of the embeddings": maps.draw_maps,
}
"""Sections of figures; one that has nothing to show is left out."""

INTERVALS = {"wilson": "Wilson", "bootstrap": "bootstrap", "none": "–"}


def write_report(run: Path, evaluation: Path, dataset: Path, output: Path) -> None:
    """Write the page of an evaluation, with its figures, numbers and tables beside it; the same bytes each time.

    Args:
        run: Folder of the run, in which `metrics.csv` is.
        evaluation: What `treeline models evaluate` has written.
        dataset: Folder of the dataset that it is of.
        output: The page.

    Raises:
        InputError: A file is missing or damaged, or they do not belong together.
    """
    if not run.is_dir():
        raise InputError(run, "is no folder of a run.", fix="Train the model: treeline models train --help.")
    subject = read_subject(evaluation, dataset)
    findings = find(subject, run)
    drawn = {title: draw(findings) for title, draw in SECTIONS.items()}
    about = subject.evaluation.about
    page = (
        page_environment(PAGE)
        .get_template("report.html")
        .render(
            name=about.run,
            dataset=about.dataset,
            split="all its samples" if about.split == TRAINVALTEST else about.split,
            facts=_facts(subject, findings),
            without_numbers=subject.without_numbers,
            headline=_headline(findings.tables["headline"]),
            sections=list(write_sections(drawn, output.parent / FIGURES)),
            albums=list(make_albums(subject, findings)),
            provenance=_provenance(subject),
            about=about,
        )
    )
    write_findings(findings, output.parent)
    write_text(output, page)


def _facts(subject: Subject, findings: Findings) -> dict[str, str]:
    """What stands at the head of the page, by its name."""
    first = findings.tables["headline"].iloc[0]
    facts = {
        metric_title(first["metric"]): f"{number(first['value'])} ({number(first['low'])} to {number(first['high'])})",
        "Images": whole(len(subject.rows)),
        "Classes": whole(len(subject.class_names)) if subject.class_names else "–",
        "Expected calibration error": number(findings.numbers.get("expected_calibration_error") or float("nan")),
        "Near duplicates": whole(len(findings.tables["near_duplicates"])),
        "Labels that may be wrong": whole(len(findings.tables.get("label_errors", ()))),
    }
    if "label_errors" not in findings.tables:
        del facts["Labels that may be wrong"]
    return {name: value for name, value in facts.items() if value != "–"}


def _headline(table: pd.DataFrame) -> Listing:
    shown = table.drop(columns="images").rename(columns={"low": "from", "high": "to"})
    shown["metric"] = [metric_title(name) for name in table["metric"]]
    shown["interval"] = [INTERVALS[name] for name in table["interval"]]
    return Listing("Scores of all images, with their intervals of 95 %", shown)


def _provenance(subject: Subject) -> Listing:
    """What the report was made of, with checksums, and the programs that made it."""
    file = subject.evaluation.file
    rows = {
        file.name: f"SHA-256 {sha256_of_file(file)}",
        f"metadata.h5 of {subject.evaluation.about.dataset}": f"SHA-256 {subject.evaluation.about.dataset_hash}",
        "Treeline": __version__,
        "scikit-learn": sklearn.__version__,
        "Matplotlib": matplotlib.__version__,
    }
    return Listing("Where the numbers come from", pd.DataFrame({"what": rows.keys(), "which": rows.values()}))
