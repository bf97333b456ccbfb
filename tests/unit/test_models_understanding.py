"""What a report says is what others count: scikit-learn, torchmetrics, SciPy, and what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional.classification import multiclass_calibration_error

from tests.understanding_cases import Case, answered, generated
from treeline.errors import InputError
from treeline.models.metrics import make_metrics
from treeline.models.understanding.calibration import calibration, expected_calibration_error
from treeline.models.understanding.embedding_map import embedding_map
from treeline.models.understanding.intervals import block_of, bootstrap, sum_blocks, wilson
from treeline.models.understanding.neighbours import find_neighbours
from treeline.models.understanding.scores import classes, confusion, headline

NAMES = ("ant", "bee", "cat", "dog")


def scores(case: Case) -> pd.Series:
    return headline(case.subject).set_index("metric")["value"]


def some_classes(images: int, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right two times of three or so, and labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), labels] += 1.5
    return logits, labels


@given(st.integers(1, 10_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_proportions_have_the_interval_that_scipy_gives(drawn: tuple[int, int]) -> None:
    successes, trials = drawn
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    value, low, high = wilson(successes, trials)
    assert value == successes / trials
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= value <= high <= 1


def test_a_bootstrapped_mean_has_the_interval_that_scipy_gives() -> None:
    values = np.random.default_rng(1).exponential(size=400)
    for repeats in (1, 20):  # 8,000 images are more than the blocks
        images = np.tile(values, repeats)
        sums = {"sum": sum_blocks(images, block_of(len(images))), "n": sum_blocks(images**0, block_of(len(images)))}
        value, low, high = bootstrap(sums, lambda totals: {"mean": totals["sum"] / totals["n"]})["mean"]
        expected = scipy_bootstrap((images,), np.mean, n_resamples=1000, method="percentile", rng=2).confidence_interval
        assert value == pytest.approx(images.mean())
        assert (low, high) == pytest.approx((expected.low, expected.high), rel=0.02)


def test_scores_of_classes_are_those_of_scikit_learn(tmp_path: Path) -> None:
    logits, labels = some_classes(300)
    labels[labels == 3] = 2  # a class that is predicted, and never there
    subject = answered(tmp_path, "multiclass", logits, labels, class_names=NAMES).subject
    predicted = logits.argmax(1)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(4), zero_division=np.nan
    )
    table = classes(subject)
    for name, expected in {"precision": precision, "recall": recall, "support": support}.items():
        np.testing.assert_allclose(table[name], expected)
    np.testing.assert_allclose(table["f1"], np.nan_to_num(f1))
    assert (table["precision_low"] <= table["precision"]).all() and (table["f1"] <= table["f1_high"]).all()
    pairs = confusion(subject)
    counts = pairs.pivot(index="label", columns="predicted", values="count").fillna(0)
    expected = sklearn_metrics.confusion_matrix(labels, predicted, labels=range(4))
    np.testing.assert_array_equal(counts.reindex(NAMES, fill_value=0)[list(NAMES)], expected)
    assert pairs.groupby("label")["share"].sum().to_numpy() == pytest.approx(1)


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_scores_of_all_images_are_those_of_torchmetrics(tmp_path: Path, task: str) -> None:
    logits, labels = some_classes(200, seed=3)
    outputs, targets, names = logits, labels, NAMES
    if task == "multilabel":
        targets = (logits + np.random.default_rng(1).normal(size=logits.shape) > 0).astype(int)
        targets[:, 3] = 0
    elif task == "regression":
        outputs, names = logits[:, :1], ()
        targets = (logits[:, 0] + 0.2 * logits[:, 1]).astype(np.float32)
    found = scores(answered(tmp_path, task, outputs, targets, class_names=names))  # type: ignore[arg-type]
    collection = make_metrics(task, [], len(names))  # type: ignore[arg-type]
    given_outputs = torch.tensor(outputs, dtype=torch.float32)
    given_outputs = given_outputs[:, 0] if task == "regression" else given_outputs
    collection.update(given_outputs, torch.tensor(targets))
    expected = {name: float(value) for name, value in collection.compute().items() if name in found}
    assert len(expected) >= 2
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=2e-6), name


def test_the_iou_of_a_segmentation_is_counted_over_all_pixels(tmp_path: Path) -> None:
    case = generated(tmp_path, "segmentation", count=15)
    rows, found = case.subject.rows, case.find()
    ious = [rows[f"tp_{k}"].sum() / rows[[f"tp_{k}", f"fp_{k}", f"fn_{k}"]].sum().sum() for k in range(4)]
    np.testing.assert_allclose(found.tables["classes"]["iou"], ious)
    assert found.score("iou") == pytest.approx(np.mean(ious))
    assert found.score("loss") == pytest.approx(rows["loss"].mean())


def test_the_calibration_error_is_that_of_torchmetrics(tmp_path: Path) -> None:
    logits, labels = some_classes(500, seed=5)
    bins = calibration(answered(tmp_path / "c", "multiclass", logits, labels, class_names=NAMES).subject)
    expected = multiclass_calibration_error(torch.tensor(logits).softmax(1), torch.tensor(labels), 4, n_bins=15)
    assert expected_calibration_error(bins) == pytest.approx(float(expected), abs=1e-6)
    assert bins["count"].sum() == 500


def test_labels_are_calibrated_by_their_own_probability(tmp_path: Path) -> None:
    logits = some_classes(500, seed=6)[0]
    truth = (logits + np.random.default_rng(0).normal(size=logits.shape) > 0.3).astype(int)
    bins = calibration(answered(tmp_path, "multilabel", logits, truth, class_names=NAMES).subject)
    assert bins["count"].sum() == 2000
    probabilities = torch.tensor(logits).sigmoid().ravel().numpy()
    for row in bins.to_dict("records"):
        of_bin = (probabilities > row["bin_low"]) & (probabilities <= row["bin_high"])
        assert row["count"] == of_bin.sum()
        assert row["accuracy"] == pytest.approx(truth.ravel()[of_bin].mean())
        assert row["confidence"] == pytest.approx(probabilities[of_bin].mean(), abs=1e-6)


def test_groups_have_the_mean_of_their_images(tmp_path: Path) -> None:
    logits, labels = some_classes(120)
    places = np.array(["creek", "ridge", ""])[np.arange(120) % 3]
    hours = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(120) % 4, unit="h")
    ids = np.sort(np.arange(120) * 7 % 1009)
    tables = {
        "temporal": pd.DataFrame({"id": ids[2:], "time_of_capture": hours[2:]}),
        "spatial": pd.DataFrame({"id": ids, "image_width": 10 + np.arange(120), "image_height": 10}),
        "additional": pd.DataFrame({"id": ids, "camera": "only", "frame": np.arange(120)}),
    }
    case = answered(tmp_path, "multiclass", logits, labels, class_names=NAMES, tables=tables, location=places)
    table = case.find().tables["groups"]
    assert list(table["column"].unique()) == ["location", "hour", "size"]  # neither a constant nor a key
    correct = logits.argmax(1) == labels
    rows = table[table["column"] == "location"].set_index("value")
    for place, name in (("creek", "creek"), ("ridge", "ridge"), ("", "(none)")):
        assert rows.loc[name, "score"] == pytest.approx(correct[places == place].mean())
        assert rows.loc[name, "images"] == 40
    assert list(table.loc[table["column"] == "hour", "value"]) == ["0", "1", "2", "3", "(none)"]
    sizes = table[table["column"] == "size"]
    assert len(sizes) == 3 and sizes["images"].sum() == 120


def test_what_was_planted_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    vectors = np.eye(8)[labels] * 4 + random.normal(scale=0.6, size=(90, 8))
    vectors[50] = vectors[20] * 1.5  # the same direction
    vectors[81] = vectors[80]
    labels[80] = labels[81] = 2
    logits = 4 * np.eye(3)[np.arange(90) % 3] + random.normal(scale=0.2, size=(90, 3))
    wrong = 33
    labels[wrong] = (labels[wrong] + 1) % 3
    hashes = [f"{n:x}" for n in range(90)]
    hashes[81] = hashes[80]
    case = answered(tmp_path, "multiclass", logits, labels, class_names=NAMES[:3], embeddings=vectors, sha256=hashes)
    found = case.find()
    ids = case.subject.rows["id"]
    pairs = {(a, b): same for a, b, same in found.tables["near_duplicates"][["first", "second", "same_file"]].values}
    assert not pairs[ids[20], ids[50]] and pairs[ids[80], ids[81]]
    table = found.tables["label_errors"]
    assert ids[wrong] in set(table["id"])
    row = table[table["id"] == ids[wrong]].iloc[0]
    assert (row["label"], row["suggested"]) == (NAMES[labels[wrong]], NAMES[wrong % 3])
    assert set(table["id"]) <= {ids[wrong], ids[80], ids[81]}


def test_neighbours_are_the_nearest_by_cosine(tmp_path: Path) -> None:
    logits, labels = some_classes(50)
    subject = answered(tmp_path, "multiclass", logits, labels, class_names=NAMES).subject
    found = find_neighbours(subject)
    vectors = subject.evaluation.embeddings().astype(float)
    cosine = vectors @ vectors.T / np.outer(np.linalg.norm(vectors, axis=1), np.linalg.norm(vectors, axis=1))
    np.fill_diagonal(cosine, -2)
    np.testing.assert_allclose(found.similarity, -np.sort(-cosine, axis=1)[:, :10], atol=1e-6)


def test_the_map_keeps_the_distances_that_components_explain(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    plane = random.normal(size=(40, 2)) @ np.linalg.qr(random.normal(size=(6, 2)))[0].T
    case = answered(tmp_path, "regression", plane[:, :1], plane[:, 0].astype(np.float32), embeddings=plane)
    table, explained = embedding_map(case.subject)
    assert sum(explained) == pytest.approx(1, abs=1e-5)
    flat = table[["pca_x", "pca_y"]].to_numpy()
    stored = case.subject.evaluation.embeddings().astype(float)
    np.testing.assert_allclose(
        np.linalg.norm(flat[0] - flat, axis=1), np.linalg.norm(stored[0] - stored, axis=1), atol=2e-3
    )
    assert table[["tsne_x", "tsne_y"]].notna().all().all()
    assert embedding_map(case.subject)[0].equals(table)


def test_images_without_numbers_are_counted_and_left_out(tmp_path: Path) -> None:
    logits, labels = some_classes(40)
    logits[5] = np.nan
    embeddings = some_classes(40)[0]
    embeddings[7] = np.inf
    case = answered(tmp_path, "multiclass", logits, labels, class_names=NAMES, embeddings=embeddings)
    found = case.find()
    assert (found.numbers["images"], found.numbers["images_without_numbers"]) == (39, 1)
    assert found.numbers["images_searched"] == 38
    assert case.subject.without_numbers == [35]
    right = np.delete(logits.argmax(1) == labels, 5)
    assert found.score("accuracy") == pytest.approx(right.mean())


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    logits, labels = some_classes(12)
    case = answered(tmp_path / "one", "multiclass", logits, labels, class_names=NAMES)
    other = answered(tmp_path / "other", "multiclass", logits, labels, class_names=NAMES, location="elsewhere")
    with pytest.raises(InputError, match="is not the dataset shapes"):
        Case(case.evaluation, other.dataset, case.run).report()
    hopeless = answered(tmp_path / "nan", "multiclass", logits * np.nan, labels, class_names=NAMES)
    with pytest.raises(InputError, match="no image for which the model gives numbers"):
        hopeless.report()
    with pytest.raises(InputError, match="is no folder of a run"):
        Case(case.evaluation, case.dataset, tmp_path / "nowhere").report()
    for text in ("", "epoch,loss\nx,1\n", "epoch,step,split,loss\n0,1,train,\xff\n"):
        (case.run / "metrics.csv").write_text(text, encoding="latin-1")
        with pytest.raises(InputError, match="is no table of metrics"):
            case.report()
    assert not list(tmp_path.rglob("report.html"))
