"""`treeline models optimise`: all forms of a trained model, and that what is measured of them is true."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from tests.model_cases import CLASSES, experiment, make_dataset
from tests.optimised_runs import new_trained, read_result, save_run
from treeline.datasets import Dataset
from treeline.errors import ConfigError, InputError
from treeline.models.architecture.model import Model
from treeline.models.cli import app
from treeline.models.evaluation.data import open_samples
from treeline.models.inference import OnnxModel
from treeline.models.optimisation.compare import compare
from treeline.models.optimisation.cutting import cut_channels
from treeline.models.optimisation.fine_tuning import fine_tune
from treeline.models.optimisation.forms import Workshop
from treeline.models.optimisation.names import FORM_NAMES, check_forms
from treeline.models.optimisation.optimise import optimise
from treeline.models.optimisation.pareto import pareto_front
from treeline.models.optimisation.results import form_rows
from treeline.models.trained import load_trained
from treeline.models.training.data import open_training_data
from treeline.models.training.train import train

MEASURED = [name for name in FORM_NAMES if name not in ("compiled", "pruned-30", "pruned-80", "cut-25")]


def files_below(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a run that has learned it, and all that is made of it; `compiled` apart, which takes half a minute."""
    folder = tmp_path_factory.mktemp("optimisation")
    dataset = make_dataset(folder / "dataset", encodings=["hdf5"])
    train(experiment(), dataset, folder / "run", "shapes")
    optimise(folder / "run", dataset, folder / "output", check_forms(MEASURED), "test", 3)
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Any:
    return read_result(folder / "output")


@pytest.fixture(scope="module")
def by_form(found: Any) -> dict[str, Any]:
    return {row["form"]: row for row in found["forms"]}


def test_every_form_is_a_file_of_the_size_that_is_said(folder: Path, found: Any, by_form: dict[str, Any]) -> None:
    assert [row["form"] for row in found["forms"]] == [name for name in FORM_NAMES if name in MEASURED]
    assert found["not_available"] == []
    for row in found["forms"]:
        assert (folder / "output" / row["file"]).stat().st_size == row["bytes"]
    written = {f"optimised/{name}" for name in files_below(folder / "output" / "optimised")}
    assert written == {row["file"] for row in found["forms"]}


def test_smaller_forms_are_smaller_by_what_is_taken_away(by_form: dict[str, Any]) -> None:
    eager, exported, pruned, cut = (by_form[name] for name in ("eager", "exported", "pruned-50", "cut-50"))
    weights = eager["parameters"] - sum(width * 4 for width in (16, 32, 64, 128)) - len(CLASSES)
    assert pruned["parameters"] == eager["parameters"]
    assert pruned["nonzero_parameters"] == eager["parameters"] - round(weights / 2)
    assert pruned["bytes"] == exported["bytes"]
    assert pruned["compressed_bytes"] < 0.7 * exported["compressed_bytes"]
    kept = [(8, 3, 16), (16, 16, 32), (32, 32, 64), (64, 64, 128)]
    sizes = [9 * inner * (before + after) + 2 * inner + 2 * after for inner, before, after in kept]
    assert cut["parameters"] == sum(sizes) + 128 * len(CLASSES) + len(CLASSES)
    assert cut["bytes"] < 0.6 * exported["bytes"]
    assert all(by_form[name]["bytes"] < 0.35 * exported["bytes"] for name in ("int8-dynamic", "int8-static"))
    assert all(by_form[name]["bytes"] < 0.55 * eager["bytes"] for name in ("bfloat16", "float16"))


@pytest.mark.parametrize(
    ("name", "most"), [("exported", 1e-5), ("float16", 5e-3), ("int8-dynamic", 0.05), ("int8-static", 0.05)]
)
def test_a_form_that_was_not_trained_answers_as_the_model_does(
    folder: Path, by_form: dict[str, Any], name: str, most: float
) -> None:
    """Run from its file, apart from what measured it; `most` is a share of the largest output."""
    images, targets = read_test_split(folder)
    trained = load_trained(folder / "run")
    with torch.inference_mode():
        wanted = trained.model(torch.from_numpy(images))[0].numpy()
    file = folder / "output" / by_form[name]["file"]
    if file.suffix == ".onnx":
        model = OnnxModel(file)
        assert model.facts == trained.facts
        given = model.run(images).outputs
    else:
        with torch.inference_mode():
            given = load_trained(file).model(torch.from_numpy(images))[0].numpy()
    deviation = float(np.abs(given - wanted).max())
    assert 0 < deviation < most * float(np.abs(wanted).max())
    if file.suffix == ".onnx":
        assert by_form[name]["largest_deviation"] == pytest.approx(deviation, rel=0.02, abs=1e-6)
        assert by_form[name]["metric"] == pytest.approx((given.argmax(1) == targets).mean(), abs=1e-6)
    assert (given.argmax(1) == wanted.argmax(1)).mean() > 0.9


def read_test_split(folder: Path) -> tuple[Any, Any]:
    samples = list(open_samples(folder / "dataset", "test", new_trained()))
    images = np.stack([sample["image"].float().numpy() for sample in samples])
    return images, np.array([sample["target"] for sample in samples])


def test_int8_files_compute_with_bytes(folder: Path) -> None:
    import onnx

    for name, nodes, wanted in (
        ("int8-static", {"QuantizeLinear", "DequantizeLinear"}, onnx.TensorProto.INT8),
        ("int8-dynamic", {"ConvInteger", "DynamicQuantizeLinear"}, onnx.TensorProto.UINT8),
    ):
        model = onnx.load(folder / "output" / "optimised" / f"{name}.onnx")
        onnx.checker.check_model(model, full_check=True)
        assert nodes <= {node.op_type for node in model.graph.node}
        large = {value.data_type for value in model.graph.initializer if math.prod(value.dims) > 128 * len(CLASSES)}
        assert large == {wanted}


def test_fine_tuned_forms_say_what_they_were_before(by_form: dict[str, Any]) -> None:
    tuned = {name for name, row in by_form.items() if row["metric_before_fine_tuning"] is not None}
    assert tuned == {"pruned-50", "cut-50"}
    assert all(by_form[name]["metric"] >= by_form[name]["metric_before_fine_tuning"] for name in tuned)


def test_marks_and_ratios_follow_from_the_numbers(found: Any) -> None:
    times = found["latency"]["forms"]
    metrics = [row["metric"] for row in found["forms"]]
    assert [row["form"] for row in times] == [row["form"] for row in found["forms"]]
    for rows, cost in ((found["forms"], "bytes"), (times, "median_ms_1")):
        front = pareto_front([(row[cost], metric) for row, metric in zip(rows, metrics, strict=True)])
        assert [row["is_on_front"] for row in rows] == front
    eager = times[0]
    for row in times:
        assert row["images_per_second"] == pytest.approx(32_000 / row["median_ms_32"], rel=1e-3)
        for batch in (1, 32):
            assert row[f"p95_ms_{batch}"] >= row[f"median_ms_{batch}"] > 0
            speed = eager[f"median_ms_{batch}"] / row[f"median_ms_{batch}"]
            assert row[f"speed_{batch}"] == pytest.approx(speed, rel=1e-2)
        assert row["is_slower"] == (row["speed_1"] < 1 and row["speed_32"] < 1)


def test_the_plot_is_labelled_and_shows_each_form(folder: Path) -> None:
    svg = (folder / "output" / "optimise.svg").read_text(encoding="utf-8")
    for text in ("File (MB)", "One image, one thread (ms, median)", "Accuracy (more is better)", *MEASURED):
        assert f">{text}<" in svg
    assert (folder / "output" / "optimise.png").read_bytes().startswith(b"\x89PNG")


def test_forms_are_the_same_bytes_each_time(folder: Path, tmp_path: Path) -> None:
    before = folder / "output" / "optimised"
    shutil.copy(before / "exported.onnx", tmp_path)
    trained = load_trained(folder / "run")
    workshop = Workshop(trained, open_training_data(trained.experiment, folder / "dataset", "shapes"), tmp_path)
    workshop.__dict__["exported"] = tmp_path / "exported.onnx"  # which has a test of its own, and takes long
    for name in ("eager", "float16", "int8-dynamic", "int8-static"):
        file = workshop.make(name).file
        assert file.read_bytes() == (before / file.name).read_bytes()


def test_fine_tuning_makes_up_for_what_was_cut_and_gives_the_same_weights_each_time(folder: Path) -> None:
    trained = load_trained(folder / "run")
    data = open_training_data(trained.experiment, folder / "dataset", "shapes")
    models = [load_trained(folder / "run").model for _ in range(2)]
    for model in models:
        cut_channels(model.encoder, 0.5)
        before = mean_loss(model, data.train)
        fine_tune(model, trained, data)
        assert not model.training
        assert mean_loss(model, data.train) < before / 2
    assert all(torch.equal(*pair) for pair in zip(*(model.state_dict().values() for model in models), strict=True))


@torch.inference_mode()
def mean_loss(model: Model, samples: Dataset) -> float:
    images = torch.stack([sample["image"].float() for sample in samples])
    targets = torch.tensor([sample["target"] for sample in samples])
    return float(torch.nn.functional.cross_entropy(model.eval()(images)[0], targets))


def test_of_a_regression_less_is_better(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", "regression", encodings=["hdf5"], count=10)
    trained = new_trained("regression")
    data = open_training_data(trained.experiment, dataset, "shapes")
    workshop = Workshop(trained, data, tmp_path)
    forms = {name: workshop.make(name) for name in ("eager", "bfloat16")}
    qualities = compare(forms, trained, data.val)
    with torch.inference_mode():
        errors = [trained.model(one["image"][None].float())[0][0, 0] - one["target"] for one in data.val]
    assert qualities["eager"].metric == pytest.approx(float(torch.stack(errors).abs().mean()), rel=1e-5)
    worse = {**qualities, "eager": replace(qualities["eager"], metric=qualities["bfloat16"].metric + 1)}
    marks = {
        more: [row["is_on_front"] for row in form_rows(forms, worse, tmp_path, more_is_better=more)]
        for more in (True, False)
    }
    assert marks == {True: [True, True], False: [False, True]}


def test_what_cannot_be_made_here_is_listed_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose outputs half precision cannot hold, on a machine without a C++ compiler."""

    def no_compiler(model: Any) -> Any:
        def run(images: Any) -> Any:
            raise RuntimeError("No working C++ compiler found.\nMore of it.")

        return run

    monkeypatch.setattr(torch, "compile", no_compiler)
    dataset = make_dataset(tmp_path / "dataset", "segmentation", encodings=["hdf5"], count=10)
    trained = new_trained("segmentation")
    trained.model.decoder.layer.weight.data *= 1e7
    arguments = [str(save_run(trained, tmp_path / "run")), "--dataset", str(dataset), "--output", str(tmp_path)]
    arguments += ["--forms", "float16", "--forms", "compiled", "--forms", "int8-static", "--rounds", "1"]
    commands = typer.Typer()
    commands.add_typer(app, name="models")
    result = CliRunner().invoke(commands, ["models", "optimise", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    found = read_result(tmp_path)
    by_form = {row["form"]: row for row in found["forms"]}
    assert list(by_form) == ["eager", "exported", "int8-static"]
    assert by_form["int8-static"]["metric"] == pytest.approx(by_form["eager"]["metric"], abs=0.05)
    assert by_form["int8-static"]["bytes"] < 0.4 * by_form["exported"]["bytes"]
    assert found["not_available"] == [
        {"form": "compiled", "reason": "torch.compile: No working C++ compiler found."},
        {"form": "float16", "reason": "its outputs are not finite: its numbers are too short for this model."},
    ]
    files = {Path(row["file"]).name for row in found["forms"]}
    assert files == set(files_below(tmp_path / "optimised"))
    assert "compiled is not available: torch.compile: No working C++ compiler found." in result.output
    assert "iou of 2 images of test" in result.output


def test_refusals_come_before_any_work_and_leave_nothing(folder: Path, tmp_path: Path) -> None:
    good, dataset, output = folder / "run", folder / "dataset", tmp_path / "output"
    sick = new_trained()
    sick.model.decoder.layer.weight.data[0] = math.nan
    sick_run = save_run(sick, tmp_path / "sick")
    strangers = make_dataset(tmp_path / "strangers", "segmentation", encodings=["hdf5"], count=10)
    leaky = make_dataset(tmp_path / "leaky", encodings=["hdf5"], count=10, leaks=2)
    for run, data, split, error, text in (
        (tmp_path / "none", dataset, "test", InputError, "none: is not there"),
        (good, tmp_path, "test", InputError, "holds no encoding of a dataset"),
        (good, leaky, "test", InputError, "what is tested on is known from training"),
        (good, strangers, "test", InputError, "its task is segmentation, that of the model shapes multiclass"),
        (sick_run, dataset, "test", InputError, "the model's outputs are no finite numbers"),
        (good, dataset, "holdout", ConfigError, "holdout"),
    ):
        with pytest.raises(error, match=text):
            optimise(run, data, output, check_forms([]), split, 1)
        assert not output.exists() or not any(output.iterdir())
