"""Evaluation files: each number in them against torchmetrics, scikit-learn, captum, or a plain pass of the model."""

from __future__ import annotations

import os
import signal
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn import metrics as sklearn
from torch import Tensor
from torch.nn import functional
from torchmetrics import functional as torchmetrics

from tests.evaluation_cases import about, write_case
from tests.evaluation_runs import write_run
from tests.model_cases import make_dataset
from treeline.datasets import Dataset, Resize
from treeline.io.datasets.samples import NOT_LABELLED
from treeline.models.evaluation.evaluate import evaluate
from treeline.models.evaluation.reading import Evaluation, read_evaluation
from treeline.models.evaluation.writing import Batch, write_evaluation
from treeline.models.experiment import METRICS, Task
from treeline.models.trained import load_trained

SIDE = 16
TASKS: tuple[Task, ...] = ("multiclass", "multilabel", "regression", "segmentation")


class Case(NamedTuple):
    """An evaluation, and what a plain pass over the same images gives."""

    evaluation: Evaluation
    aggregates: Mapping[str, float]
    run: Path
    dataset: Path
    outputs: Tensor
    embeddings: Tensor
    targets: Tensor
    images: Tensor


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Case]:
    folder = tmp_path_factory.mktemp("evaluations")
    return {task: make_case(folder / task, task) for task in TASKS}


def make_case(folder: Path, task: Task) -> Case:
    dataset = make_dataset(folder / "shapes", task, count=60, side=20, encodings=["hdf5"])
    run = write_run(folder / "first", dataset, image_size=[SIDE, SIDE])
    aggregates = evaluate(run, dataset, folder / "e.h5", attributions_of=1)
    samples = list(Dataset(dataset / "dataset.h5", "test", spatial=Resize(SIDE, SIDE)))
    images = torch.stack([sample["image"] for sample in samples]).float()
    with torch.no_grad():
        outputs, embeddings = load_trained(run).model(images)
    targets = torch.stack([torch.as_tensor(sample["target"]) for sample in samples])
    return Case(read_evaluation(folder / "e.h5"), aggregates, run, dataset, outputs, embeddings, targets, images)


@pytest.fixture(params=TASKS)
def case(cases: dict[Task, Case], request: pytest.FixtureRequest) -> Case:
    return cases[request.param]


def close(found: Any, expected: Any) -> bool:
    return bool(np.allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=1e-5, equal_nan=True))


def test_rows_are_those_of_the_split_in_the_order_of_their_ids(case: Case) -> None:
    index = pd.read_hdf(case.dataset / "metadata.h5", "index")
    expected = index.loc[index["split"] == "test", "id"].tolist()
    assert case.evaluation.ids.tolist() == expected == sorted(expected)
    assert case.evaluation.metrics()["id"].tolist() == expected
    assert pd.read_hdf(case.evaluation.file, "metrics").index.tolist() == list(range(12))


def test_embeddings_and_outputs_are_those_of_a_plain_pass(case: Case) -> None:
    with h5py.File(case.evaluation.file) as file:
        assert file["embeddings"].dtype == np.float16
    assert np.allclose(case.evaluation.embeddings(), case.embeddings, rtol=1e-3, atol=1e-4)
    assert close(case.evaluation.embeddings(slice(3, 5)), case.evaluation.embeddings()[3:5])
    if case.evaluation.about.task != "segmentation":
        assert close(case.evaluation.outputs(), case.outputs)


def test_losses_are_those_of_torch(cases: dict[Task, Case]) -> None:
    losses: dict[Task, Callable[[Tensor, Tensor], Tensor]] = {
        "multiclass": functional.cross_entropy,
        "multilabel": functional.binary_cross_entropy_with_logits,
        "regression": lambda outputs, targets: functional.mse_loss(outputs[:, 0], targets.float()),
        "segmentation": partial(functional.cross_entropy, ignore_index=NOT_LABELLED),
    }
    for task, loss in losses.items():
        case = cases[task]
        expected = [
            float(loss(case.outputs[place : place + 1], case.targets[place : place + 1]))
            for place in range(len(case.targets))
        ]
        rows = case.evaluation.metrics()
        assert close(rows["squared_error" if task == "regression" else "loss"], expected), task
        assert close(case.aggregates["loss"], np.mean(expected)), task


def test_aggregates_of_multiclass_rows_are_those_of_torchmetrics_and_scikit_learn(cases: dict[Task, Case]) -> None:
    case = cases["multiclass"]
    rows = case.evaluation.metrics()
    true, found = rows["label_idx"], rows["predicted_idx"]
    assert found.nunique() == 3
    assert true.tolist() == case.targets.tolist()
    assert rows["correct"].tolist() == (true == found).tolist()
    scores = case.outputs.softmax(1)
    assert close(rows["confidence"], scores.max(1).values)
    assert close(rows["probability_of_label"], scores[range(len(scores)), case.targets])
    recall = rows.groupby("label_idx")["correct"].mean()
    expected = {
        "accuracy": (rows["correct"].mean(), sklearn.accuracy_score(true, found)),
        "balanced_accuracy": (recall.mean(), sklearn.balanced_accuracy_score(true, found)),
        "f1": (f1_of_table(pd.crosstab(true, found)), sklearn.f1_score(true, found, average="macro")),
    }
    for name, values in expected.items():
        assert close(values, case.aggregates[name]), name
    ranked = sklearn.roc_auc_score(true, scores / scores.sum(1, keepdim=True), multi_class="ovr")
    assert abs(case.aggregates["auroc"] - ranked) < 0.01  # at 1,000 thresholds


def f1_of_table(confusion: pd.DataFrame) -> float:
    hits = np.diag(confusion)
    return float((2 * hits / (confusion.sum(axis=0).to_numpy() + confusion.sum(axis=1).to_numpy())).mean())


def test_multilabel_rows_are_those_of_torchmetrics_and_scikit_learn(cases: dict[Task, Case]) -> None:
    case = cases["multilabel"]
    rows, true = case.evaluation.metrics(), case.evaluation.targets()
    assert (true == case.targets.numpy()).all()
    found = case.evaluation.outputs() > 0
    assert close(rows["hamming"], [sklearn.hamming_loss(*pair) for pair in zip(true, found, strict=True)])
    assert rows["exact_match"].tolist() == (true == found).all(1).tolist()
    each = [sklearn.f1_score(*pair, zero_division=1.0) for pair in zip(true, found, strict=True)]
    assert close(rows["f1"], each)
    assert close(1 - rows["hamming"].mean(), case.aggregates["accuracy"])
    assert close(sklearn.f1_score(true, found, average="macro"), case.aggregates["f1"])


def test_aggregates_of_regression_rows_are_those_of_torchmetrics_and_scikit_learn(cases: dict[Task, Case]) -> None:
    case = cases["regression"]
    rows = case.evaluation.metrics()
    true, found = rows["target"], rows["predicted"]
    assert close(true, case.targets)
    assert close(rows["error"], found - true)
    spread = ((true - true.mean()) ** 2).sum()
    expected = {
        "mean_absolute_error": (rows["absolute_error"].mean(), sklearn.mean_absolute_error(true, found)),
        "root_mean_squared_error": (
            rows["squared_error"].mean() ** 0.5,
            sklearn.root_mean_squared_error(true, found),
        ),
        "r2": (1 - rows["squared_error"].sum() / spread, sklearn.r2_score(true, found)),
    }
    for name, values in expected.items():
        assert close(values, case.aggregates[name]), name


def test_aggregates_of_segmentation_rows_are_those_of_torchmetrics_and_scikit_learn(cases: dict[Task, Case]) -> None:
    case = cases["segmentation"]
    rows = case.evaluation.metrics()
    sums = {name: np.array([rows[f"{name}_{number}"].sum() for number in range(4)]) for name in ("tp", "fp", "fn")}
    assert close((sums["tp"] / (sums["tp"] + sums["fp"] + sums["fn"])).mean(), case.aggregates["iou"])
    labelled = case.targets != NOT_LABELLED
    assert 0 < labelled.sum() < labelled.numel()
    true, found = case.targets[labelled].numpy(), case.outputs.argmax(1)[labelled].numpy()
    assert close(sums["tp"].sum() / labelled.sum(), case.aggregates["accuracy"])
    assert close(sklearn.jaccard_score(true, found, average="macro"), case.aggregates["iou"])
    assert close(sklearn.f1_score(true, found, average="macro"), case.aggregates["f1"])
    each = [
        float(torchmetrics.jaccard_index(one[None], target[None], "multiclass", num_classes=4, ignore_index=255))
        for one, target in zip(case.outputs, case.targets, strict=True)
    ]
    assert close(rows["iou"], each)


def test_the_file_says_what_was_evaluated(case: Case) -> None:
    subject = case.evaluation.about
    trained = load_trained(case.run)
    assert yaml.safe_load(subject.training_hparams) == trained.experiment.model_dump(mode="json")
    assert subject.model_architecture == str(trained.model)
    assert (subject.run, subject.dataset, subject.split) == ("first", "shapes", "test")
    assert subject.trained_on_hash == subject.dataset_hash == trained.facts.dataset_hash
    assert [*case.aggregates] == [*case.evaluation.aggregates]
    assert {*case.aggregates} == {"loss", *METRICS[subject.task]}
    assert close([*case.aggregates.values()], [*case.evaluation.aggregates.values()])
    *layers, whole = subject.model_graph.splitlines()[1:]
    parameters = [int(line.split()[2].replace(",", "")) for line in (*layers, whole)]
    assert parameters[-1] == sum(parameters[:-1]) == sum(each.numel() for each in trained.model.parameters())
    shape = " x ".join(map(str, case.outputs.shape[1:]))
    assert whole.endswith(f"  {shape}")
    assert layers[-1].startswith("decoder.layer ")


def test_the_same_evaluation_has_the_same_bytes(case: Case, tmp_path: Path) -> None:
    evaluate(case.run, case.dataset, tmp_path / "again.h5", attributions_of=1)
    assert (tmp_path / "again.h5").read_bytes() == case.evaluation.file.read_bytes()


def test_a_killed_process_leaves_no_file_and_the_next_one_writes_the_same(tmp_path: Path) -> None:
    whole = write_case(tmp_path / "whole" / "e.h5").file.read_bytes()
    target = tmp_path / "killed" / "e.h5"
    if not (child := os.fork()):
        with write_evaluation(target, about(), 4, 0) as writer:
            ids = np.arange(2)
            writer.add(Batch(ids, np.ones((2, 8), np.float32), pd.DataFrame({"id": ids})))
            writer.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert [*target.parent.iterdir()]
    assert not target.exists()
    write_case(target)
    assert [path.name for path in target.parent.iterdir()] == ["e.h5"]
    assert target.read_bytes() == whole


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    def peak(images: int) -> int:
        tracemalloc.start()
        with write_evaluation(tmp_path / f"{images}.h5", about(), images, 0) as writer:
            for start in range(0, images, 100):
                ids = np.arange(start, start + 100)
                rows = pd.DataFrame({"id": ids, "loss": 0.5})
                writer.add(Batch(ids, np.ones((100, 64), np.float32), rows, np.ones((100, 3), np.float32)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(read_evaluation(tmp_path / f"{images}.h5").metrics()) == images
        return most

    small, large = peak(10_000), peak(50_000)
    assert large < small * 1.2 + 2**16
    assert large < 50_000 * 64 * 2  # what the embeddings alone take
