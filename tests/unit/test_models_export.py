"""Exported models give what the trained ones give, and say what they are."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from huggingface_hub import ModelCard
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from typer.testing import CliRunner

from tests.exported_models import RUN, SIZE, Colours, facts_of, make_trained, write_colours, write_model, write_run
from tests.model_cases import CLASSES, make_dataset
from treeline.errors import InputError
from treeline.io.datasets.encodings import open_encoding
from treeline.io.hdf_tables import put_table
from treeline.models.cli import app
from treeline.models.experiment import Task
from treeline.models.export import parity
from treeline.models.export.run import CARD, DESCRIPTION, MODEL, export_run
from treeline.models.export.scores import read_scores
from treeline.models.inference import OnnxModel
from treeline.models.onnx_file import export_onnx
from treeline.models.trained import Trained


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "shapes", count=15, encodings=["hdf5"])


@pytest.fixture(scope="module")
def trained() -> Trained:
    return make_trained("multiclass")


@pytest.fixture(scope="module")
def exported(trained: Trained, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose model was exported by the command."""
    run = write_run(tmp_path_factory.mktemp("models") / RUN, trained)
    command = ["export", str(run), "--dataset", str(dataset), "--output", str(run)]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    return run


@pytest.fixture
def run(trained: Trained, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose ONNX file is there already: it takes 2 seconds to make."""

    def take(model: object, facts: object, target: Path) -> None:
        shutil.copyfile(exported / MODEL, target)

    monkeypatch.setattr("treeline.models.export.run.export_onnx", take)
    return write_run(tmp_path / RUN, trained)


def check_equal(trained: Trained, file: Path) -> None:
    """What both give, of few and of many images."""
    model = OnnxModel(file)
    assert model.facts == trained.facts
    images = torch.randint(0, 256, (5, 3, *SIZE), generator=torch.Generator().manual_seed(1)).float()
    for count in (1, 5):
        outputs, embeddings = (values.detach().numpy() for values in trained.model(images[:count]))
        answers = model.run(images[:count].numpy())
        np.testing.assert_allclose(answers.outputs, outputs, atol=1e-4, rtol=0)
        np.testing.assert_allclose(answers.embeddings, embeddings, atol=1e-4, rtol=0)


def test_a_run_becomes_a_checked_file_with_proof_and_card(exported: Path, trained: Trained) -> None:
    assert {path.name for path in exported.iterdir()} == {"best.ckpt", MODEL, DESCRIPTION, CARD}
    onnx.checker.check_model(str(exported / MODEL), full_check=True)
    described = json.loads((exported / DESCRIPTION).read_text("utf-8"))
    assert described["parity"]["images"] == {"val": 3, "test": 3}
    assert described["parity"]["relative_difference"] <= parity.MOST_DIFFERENCE
    assert described["parity"]["top_1_agreement"] == 1
    assert described["facts"] == trained.facts.model_dump()
    check_equal(trained, exported / MODEL)


def test_a_network_that_shows_pixels_becomes_one_too(tmp_path: Path) -> None:
    file, trained = write_model(tmp_path / MODEL, "segmentation")
    check_equal(trained, file)


def test_the_same_model_makes_the_same_bytes_that_say_nothing_of_where(
    exported: Path, trained: Trained, tmp_path: Path
) -> None:
    export_onnx(trained.model, trained.facts, tmp_path / "second.onnx")
    content = (exported / MODEL).read_bytes()
    assert content == (tmp_path / "second.onnx").read_bytes()
    assert b".py" not in content


@pytest.mark.parametrize(("task", "agreement"), [("multilabel", 1), ("regression", None), ("segmentation", 1)])
def test_models_of_other_tasks_are_compared(task: Task, agreement: float | None, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "shapes", task, count=10, encodings=["hdf5"])
    model = OnnxModel(write_colours(tmp_path / MODEL, task))
    with contextlib.closing(open_encoding(dataset / "dataset.h5")) as encoding:
        found = parity.measure_parity(Colours(task), model, encoding)
        parity.check_parity(tmp_path, found)
        assert found.top_1_agreement == agreement
        assert found.images == {"val": 2, "test": 2}

        class Wrong(Colours):
            def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                outputs, embedding = super().forward(images)
                return -outputs, embedding

        found = parity.measure_parity(Wrong(task), model, encoding)
    assert found.top_1_agreement is None or found.top_1_agreement < 0.5
    with pytest.raises(InputError, match="differs from the trained one by"):
        parity.check_parity(tmp_path, found)


@pytest.mark.parametrize("change", [1e-3, float("nan")])
def test_a_model_that_says_something_else_is_not_exported(
    change: float, run: Path, trained: Trained, dataset: Path, tmp_path: Path
) -> None:
    other = copy.deepcopy(trained)
    with torch.no_grad():
        other.model.decoder.layer.bias += change
    shutil.rmtree(run)
    with pytest.raises(InputError, match="differs from the trained one by"):
        export_run(write_run(run, other), dataset, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_another_dataset_is_refused(dataset: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / RUN, make_trained("multiclass", class_names=["cat", "dog", "eel"]))
    with pytest.raises(InputError, match="the model was trained on shapes"):
        export_run(run, dataset, tmp_path / "out")
    with pytest.raises(InputError, match="no such file"):
        export_run(run, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def write_evaluation(run: Path, **columns: object) -> tuple[Path, pd.DataFrame]:
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"id": np.arange(40), "label_idx": generator.integers(0, 3, 40)})
    table["predicted_idx"] = np.where(generator.random(40) < 0.7, table["label_idx"], 0)
    table["correct"] = table["label_idx"] == table["predicted_idx"]
    table = table.assign(loss=generator.random(40), **columns)
    file = run / f"{RUN}_shapes_evaluation.h5"
    with pd.HDFStore(file, "w") as store:
        put_table(store, "metrics", table)
    with h5py.File(file, "a") as content:
        content.attrs.update(run=RUN, split="test")
    return file, table


def test_the_card_is_one_of_the_hub_and_counts_whose_images_they_are(run: Path, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", count=15, encodings=["hdf5"])
    ids = np.arange(15) * 3
    whose = {"license": ["CC BY 4.0"] * 9 + ["CC0"] * 5 + [""], "creator": ["Ä | <b>"] * 15}
    with pd.HDFStore(dataset / "dataset.h5", "a") as store:
        put_table(store, "additional", pd.DataFrame({"id": ids, **whose}))
    file, table = write_evaluation(run)
    export_run(run, dataset, run)

    card = ModelCard.load(run / CARD)
    assert card.data.library_name == "onnx"
    assert card.data.pipeline_tag == "image-classification"
    found = {result.metric_type: result.metric_value for result in card.data.eval_results}
    accuracy = accuracy_score(table["label_idx"], table["predicted_idx"])
    assert found["accuracy"] == round(accuracy, 4)
    for line in ("| CC BY 4.0 | 9 |", "| CC0 | 5 |", "| not given | 1 |", "| Ä \\| &lt;b> | 15 |", "| train | 9 |"):
        assert line in card.text

    f1 = precision_recall_fscore_support(table["label_idx"], table["predicted_idx"], average="macro")[2]
    assert read_scores(file, facts_of("multiclass")).metrics["f1"] == pytest.approx(f1)


def test_a_card_without_an_evaluation_says_so(exported: Path) -> None:
    card = ModelCard.load(exported / CARD)
    assert card.data.eval_results is None
    assert "has not been evaluated" in card.text
    assert "The licence of the images is not given" in card.text


def test_another_models_evaluation_is_refused(run: Path, dataset: Path) -> None:
    file, _ = write_evaluation(run)
    with h5py.File(file, "a") as content:
        content.attrs["run"] = "other"
    with pytest.raises(InputError, match="is the evaluation of other"):
        export_run(run, dataset, run)
    file.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="is no evaluation"):
        export_run(run, dataset, run)
    assert not (run / MODEL).exists()


def test_scores_of_a_segmentation_are_those_of_all_pixels_together(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    counts = {f"{kind}_{k}": generator.integers(0, 50, 40) for kind in ("tp", "fp", "fn") for k in range(3)}
    for k in range(3):
        counts[f"tp_{k}"][:10] = 0
    file, table = write_evaluation(tmp_path, **counts)
    scores = read_scores(file, facts_of("segmentation", class_names=list(CLASSES)))
    sums = table.sum()
    expected = [sums[f"tp_{k}"] / (sums[f"tp_{k}"] + sums[f"fp_{k}"] + sums[f"fn_{k}"]) for k in range(3)]
    assert scores.metrics["iou"] == pytest.approx(np.mean(expected))
    assert scores.images == 40
