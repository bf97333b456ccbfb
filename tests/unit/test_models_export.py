"""Exported models give what the trained ones give, and say what they are."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from huggingface_hub import ModelCard
from typer.testing import CliRunner

from tests.evaluation_cases import write_case
from tests.exported_models import RUN, SIZE, Colours, make_trained, write_colours, write_model, write_run
from tests.model_cases import make_dataset
from treeline.errors import InputError
from treeline.io.datasets.encodings import open_encoding
from treeline.io.datasets.metadata import read_metadata
from treeline.io.parquet import sha256_of_file
from treeline.models.cli import app
from treeline.models.experiment import Task
from treeline.models.export import parity
from treeline.models.export.card import write_card
from treeline.models.export.run import CARD, DESCRIPTION, MODEL, export_run
from treeline.models.inference import OnnxModel
from treeline.models.onnx_file import export_onnx
from treeline.models.trained import Trained


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "shapes", count=15, encodings=["hdf5"])


@pytest.fixture(scope="module")
def trained(dataset: Path) -> Trained:
    return make_trained("multiclass", dataset_hash=sha256_of_file(dataset / "metadata.h5"))


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


@pytest.mark.parametrize(("task", "agreement"), [("multilabel", 1), ("regression", None)])
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


def test_another_dataset_is_refused(run: Path, tmp_path: Path) -> None:
    changed = make_dataset(tmp_path / "changed", count=16, encodings=["hdf5"])
    with pytest.raises(InputError, match="is not the dataset that"):
        export_run(run, changed, tmp_path / "out")
    with pytest.raises(InputError, match="is not there"):
        export_run(run, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_card_is_one_of_the_hub(run: Path, dataset: Path, trained: Trained) -> None:
    trained_on = {"run": RUN, "trained_on_hash": trained.facts.dataset_hash}
    file = run / f"{RUN}_shapes_evaluation.h5"
    write_case(file, "multiclass", **trained_on)
    export_run(run, dataset, run)
    card = ModelCard.load(run / CARD)
    assert card.data.library_name == "onnx"
    assert card.data.pipeline_tag == "image-classification"
    [result] = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("example", 0.5, "shapes")
    for line in ("| example | 0.5000 |", "On 40 images", "| train | 9 |", "| green | 3 | 1 | 1 |"):
        assert line in card.text

    write_case(file, "multiclass", **{**trained_on, "run": "other"})
    with pytest.raises(InputError, match="is of the model other"):
        export_run(run, dataset, run)
    file.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="is no evaluation"):
        export_run(run, dataset, run)


def test_a_card_counts_whose_images_they_are(trained: Trained, exported: Path, dataset: Path, tmp_path: Path) -> None:
    metadata = read_metadata(dataset / "metadata.h5")
    whose = {
        "license": ["CC BY 4.0"] * 5 + ["https://creativecommons.org/licenses/by/4.0/"] * 4 + ["CC0"] * 5 + [""],
        "creator": ["Ä | <b>\n---"] * 15,
    }
    known = metadata.with_tables(additional=metadata.index[["id"]].assign(**whose))
    described = json.loads((exported / DESCRIPTION).read_text("utf-8"))
    write_card(tmp_path / CARD, trained, known, described, tmp_path)
    text = ModelCard.load(tmp_path / CARD).text
    for line in ("| CC BY 4.0 | 9 |", "| CC0 1.0 | 5 |", "| not given | 1 |", "| Ä \\| &lt;b> --- | 15 |"):
        assert line in text


def test_a_card_without_an_evaluation_says_so(exported: Path) -> None:
    card = ModelCard.load(exported / CARD)
    assert card.data.eval_results is None
    assert "has not been evaluated" in card.text
    assert "The licence of the images is not given" in card.text
