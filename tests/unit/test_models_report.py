"""The page of a model says what its tables say, is whole in itself, and stands whatever the model does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn import metrics as sklearn_metrics
from typer.main import get_group

from tests.report_pages import ReportPage
from tests.understanding_cases import Case, answered, generated
from treeline.io.figures import style
from treeline.io.figures.page import number
from treeline.models.cli import app
from treeline.models.experiment import Task
from treeline.models.understanding import overlays

HOSTILE = "<b>$x_1$ & 'deer'</b>\u2028"
SECTIONS: dict[Task, set[str]] = {
    "multiclass": {"Classes", "Confusion", "Calibration"},
    "multilabel": {"Classes", "Calibration"},
    "regression": {"Predictions"},
    "segmentation": {"Classes"},
}
OF_ALL = {"Results", "Learning curves", "Groups", "Map of the embeddings", "Errors", "Where the model looks"}


@pytest.fixture(scope="module", autouse=True)
def no_pictures_for_print() -> Iterator[None]:
    """The tests of the report of an analysis look at them; they are half of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "as_png", lambda figure: b"PNG")
        yield


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], Case]:
    """A report of a task, beside its run; made once."""

    @cache
    def make(task: Task) -> Case:
        case = generated(tmp_path_factory.mktemp(task), task, count=24, methods=("grad_cam", "occlusion"))
        case.report()
        return case

    return make


@pytest.mark.parametrize("task", SECTIONS)
def test_the_page_is_whole_in_itself(cases: Callable[[Task], Case], task: Task) -> None:
    case = cases(task)
    page = ReportPage((case.run / "report.html").read_text(encoding="utf-8"))
    wanted = OF_ALL | SECTIONS[task] | {"Model", "Provenance"}
    assert wanted <= set(page.headings) <= wanted | {"Labels that may be wrong", "Images that are almost the same"}
    assert len(page.ids) == len(set(page.ids))
    assert page.images and all(image.startswith("data:image/jpeg;base64,") for image in page.images)
    links = [link for link in page.links.values() if not link.startswith(("data:", "#"))]
    assert links and all((case.run / link).is_file() for link in links)
    assert {f"#{anchor}" for anchor in page.ids} >= {link for link in page.links if link.startswith("#")}
    assert not re.findall(r'(?:src|href|url\()="?https?:', page.text)


@pytest.mark.parametrize("task", SECTIONS)
def test_the_page_says_what_the_tables_say(cases: Callable[[Task], Case], task: Task) -> None:
    case = cases(task)
    page = ReportPage((case.run / "report.html").read_text(encoding="utf-8"))
    content = json.loads((case.run / "understanding.json").read_text(encoding="utf-8"))
    for name, rows in content["tables"].items():
        table = pd.read_parquet(case.run / "understanding" / f"{name}.parquet")
        assert len(table) == len(rows) and (table.empty or set(table) == set(rows[0]))
    shown = page.tables["Scores of all images, with their intervals of 95 %"][1:]
    for row, score in zip(shown, content["tables"]["headline"], strict=True):
        assert row[1:4] == [number(np.nan if score[end] is None else score[end]) for end in ("value", "low", "high")]
    curve = page.csv("curve_loss").to_dict("records")
    assert curve == [row for row in content["tables"]["curves"] if row["metric"] == "loss"]
    assert content["tables"]["curves"][-1]["value"] == 0.6


def test_the_numbers_are_what_scikit_learn_makes_of_the_evaluation(cases: Callable[[Task], Case]) -> None:
    case = cases("multiclass")
    content = json.loads((case.run / "understanding.json").read_text(encoding="utf-8"))
    evaluation = case.subject.evaluation
    labels, predicted = evaluation.metrics()["label_idx"], evaluation.outputs().argmax(1)
    scores = {row["metric"]: row["value"] for row in content["tables"]["headline"]}
    assert scores["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert scores["balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(labels, predicted))
    assert scores["f1"] == pytest.approx(sklearn_metrics.f1_score(labels, predicted, average="macro"))
    wrong = content["tables"]["errors"]
    assert {row["id"] for row in wrong if row["kind"] == "confident_errors"} == set(evaluation.ids[labels != predicted])


def test_the_command_writes_the_same_bytes(cases: Callable[[Task], Case], tmp_path: Path) -> None:
    case = cases("regression")
    command = ["report", str(case.run), "--evaluation", str(case.evaluation), "--dataset", str(case.dataset)]
    done = CliRunner().invoke(get_group(app), [*command, "--output", str(tmp_path / "report.html")])
    assert done.exit_code == 0, done.output
    files = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert len(files) > 30
    assert all((tmp_path / file).read_bytes() == (case.run / file).read_bytes() for file in files)


def test_one_image_that_is_wrong(tmp_path: Path) -> None:
    case = answered(tmp_path, "multiclass", [[0.0, 3.0]], [0], class_names=("fox", HOSTILE))
    page = ReportPage(case.report().read_text(encoding="utf-8"))
    accuracy = page.tables["Scores of all images, with their intervals of 95 %"][1]
    assert accuracy == ["Accuracy", "0", "0", "0.7935", "Wilson"]  # of no success in one trial
    assert HOSTILE not in page.text and "&lt;b&gt;$x_1$" in page.text
    assert "no picture" in page.text


def test_one_class_and_all_right(tmp_path: Path) -> None:
    case = answered(tmp_path, "multiclass", np.full((12, 1), 2.0), np.zeros(12, int), class_names=("fox",))
    page = ReportPage(case.report().read_text(encoding="utf-8"))
    assert page.tables["Classes, in images"][1] == ["fox", "12", "12", "1", "1", "1"]
    assert "Map of the embeddings" not in page.headings  # all embeddings are the same
    assert "Classes that are taken for others" not in page.tables


def test_a_hundred_classes_some_images_without_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    outputs, labels = random.normal(size=(90, 100)), random.integers(0, 50, 90)
    outputs[::30] = np.nan
    names = [f"species of a rather long name {place}" for place in range(100)]
    case = answered(
        tmp_path, "multiclass", outputs, labels, class_names=names, location=[f"L{n % 7}" for n in range(90)]
    )
    (case.run / "metrics.csv").unlink()
    page = ReportPage(case.report().read_text(encoding="utf-8"))
    assert "For 3 images the model gives no numbers" in page.text
    assert "figure-confused_pairs" in page.ids and "figure-confusion" not in page.ids
    assert "Learning curves" not in page.headings
    counts = page.csv("confused_pairs")["count"]
    assert counts.sum() == (outputs.argmax(1) != labels)[np.isfinite(outputs).all(1)].sum()


def test_pictures_show_where_and_what(tmp_path: Path) -> None:
    grey = np.full((8, 12, 3), 100, np.uint8)
    attribution = np.zeros((4, 4), np.float32)
    attribution[0, 3], attribution[2, 2] = 5, np.nan
    hot = overlays.with_heat(grey, attribution)
    assert (hot[4:] == 100).all() and (hot[:2, :9] == 100).all()
    assert (hot[:2, 9:] != 100).any(axis=2).all()
    mask = np.zeros((8, 12), np.uint8)
    mask[4:] = 255
    painted = overlays.with_mask(grey, mask)
    assert (painted[4:] == 45).all() and painted[0, 0, 2] > painted[0, 0, 0]
    assert overlays.side_by_side(grey, np.zeros((4, 4, 3), np.uint8)).shape == (8, 12 + overlays.GAP + 8, 3)
