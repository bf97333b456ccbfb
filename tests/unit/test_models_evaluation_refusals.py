"""What is refused of models, datasets and evaluation files; and what is not."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from tests.evaluation_cases import write_case
from tests.evaluation_runs import write_run
from tests.model_cases import make_dataset
from treeline.config_datasets import EncodingOptions
from treeline.errors import ConfigError, InputError, TreelineError
from treeline.io.datasets.encodings import open_encoding, write_encoding
from treeline.io.datasets.samples import Sample
from treeline.models.cli import app
from treeline.models.evaluation.evaluate import evaluate
from treeline.models.evaluation.reading import read_evaluation
from treeline.models.trained import BEST, WEIGHTS

SIDE = 16


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("shapes") / "shapes", count=20, side=SIDE, encodings=["hdf5"])


@pytest.fixture(scope="module")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    return write_run(folder, dataset, image_size=[SIDE, SIDE], attributions=["grad_cam"])


def change(run: Path, target: Path, changes: Callable[[dict[str, Any]], object]) -> Path:
    """Write a run whose checkpoint is another one."""
    content = torch.load(run / BEST, weights_only=True)
    changes(content)
    target.mkdir()
    torch.save(content, target / BEST)
    return target


def test_another_dataset_of_the_same_classes_is_recorded(run: Path, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "others", count=10, seed=9, side=24, name="others", encodings=["tar"])
    evaluate(run, other, tmp_path / "e.h5", split="val", attributions_of=0)
    evaluation = read_evaluation(tmp_path / "e.h5")
    assert (evaluation.about.dataset, evaluation.about.trained_on) == ("others", "shapes")
    assert evaluation.about.dataset_hash != evaluation.about.trained_on_hash
    assert (len(evaluation.ids), len(evaluation.attributed), evaluation.methods) == (2, 0, ())
    with pytest.raises(InputError, match="grad_cam.*is not in it"):
        evaluation.attribution("grad_cam", 0)


def test_the_command_prints_the_metrics(run: Path, dataset: Path, tmp_path: Path) -> None:
    treeline = typer.Typer()
    treeline.add_typer(app, name="models")
    arguments = ["models", "evaluate", str(run), "--dataset", str(dataset), "--output", str(tmp_path / "e.h5")]
    result = CliRunner().invoke(treeline, [*arguments, "--split", "val"], catch_exceptions=False)
    evaluation = read_evaluation(tmp_path / "e.h5")
    assert evaluation.about.split == "val"
    printed = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert printed.pop("accuracy") == f"{evaluation.aggregates['accuracy']:.4f}"
    assert {*printed, "accuracy"} == {*evaluation.aggregates}


def test_a_metric_that_is_not_defined_is_null(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "shapes", "regression", count=3, side=SIDE, encodings=["hdf5"])
    run = write_run(tmp_path / "first", folder, image_size=[SIDE, SIDE], attributions=[])
    assert np.isnan(evaluate(run, folder, tmp_path / "e.h5", split="val")["r2"])
    with h5py.File(tmp_path / "e.h5") as file:
        assert '"r2": null' in file.attrs["aggregates"]
    assert read_evaluation(tmp_path / "e.h5").aggregates["r2"] is None


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"class_names": ["blue", "green", "pink"]}, "its classes are blue, green, red; .* blue, green, pink"),
        ({"channels": ["red", "green", "near"]}, "its channels are red, green, blue; .* red, green, near"),
        ({"task": "multilabel"}, "its task is multiclass, that of the model first multilabel"),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused(
    run: Path, dataset: Path, tmp_path: Path, facts: dict[str, Any], problem: str
) -> None:
    def alter(content: dict[str, Any]) -> None:
        content["treeline"]["facts"].update(facts)
        content["treeline"]["experiment"]["task"] = facts.get("task", "multiclass")

    other = change(run, tmp_path / "other", alter)
    with pytest.raises(InputError, match=problem):
        evaluate(other, dataset, tmp_path / "e.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_model_that_gives_no_numbers_is_refused_by_the_first_image(run: Path, dataset: Path, tmp_path: Path) -> None:
    def poison(content: dict[str, Any]) -> None:
        content[WEIGHTS]["model.decoder.layer.bias"][1] = torch.nan

    def enlarge(content: dict[str, Any]) -> None:
        content[WEIGHTS]["model.encoder.blocks.3.4.bias"][:] = 70_000.0  # beyond a float16

    for name, spoil in (("nan", poison), ("huge", enlarge)):
        with pytest.raises(InputError, match=r"not finite, or beyond 65,504, for image 48\."):
            evaluate(change(run, tmp_path / name, spoil), dataset, tmp_path / "e.h5")
    assert not (tmp_path / "e.h5").exists()


def test_checkpoints_and_datasets_that_are_none_are_refused(run: Path, dataset: Path, tmp_path: Path) -> None:
    whole = (run / BEST).read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("noise", b"noise" * 99), ("empty", b"")):
        (tmp_path / f"{name}.ckpt").write_bytes(content)
    for name in ("cut.ckpt", "noise.ckpt", "empty.ckpt", "absent"):
        with pytest.raises(InputError, match=name):
            evaluate(tmp_path / name, dataset, tmp_path / "e.h5")
    (tmp_path / "hollow").mkdir()
    for name in ("hollow", "nowhere"):
        with pytest.raises(InputError, match=f"{name}: holds no encoding"):
            evaluate(run, tmp_path / name, tmp_path / "e.h5")
    with pytest.raises(ConfigError, match="split is 'tset'"):
        evaluate(run, dataset, tmp_path / "e.h5", split="tset")
    small = make_dataset(tmp_path / "small", count=2, encodings=["hdf5"])
    with pytest.raises(ConfigError, match="no sample is left by split val"):
        evaluate(run, small, tmp_path / "e.h5", split="val")
    (small / "metadata.h5").unlink()
    with pytest.raises(InputError, match="metadata.h5: is not there"):
        evaluate(run, small, tmp_path / "e.h5", split="train")
    assert not (tmp_path / "e.h5").exists()


def test_a_corrupt_image_is_named_and_the_older_file_stays(run: Path, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "shapes", count=20, side=SIDE, encodings=["hdf5"])
    with h5py.File(folder / "dataset.h5", "r+") as file:
        start, end = file["offsets"][-1]
        file["images"][start:end] = 0
    (tmp_path / "e.h5").write_bytes(b"older")
    with pytest.raises(InputError, match=r"photos/000057\.jpg"):
        evaluate(run, folder, tmp_path / "e.h5")
    assert (tmp_path / "e.h5").read_bytes() == b"older"
    assert {path.name for path in tmp_path.iterdir()} == {"shapes", "e.h5"}


def test_a_disk_that_is_full_is_said(run: Path, dataset: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for kilobytes in (4, 60):  # nothing can be written; the end cannot
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, hard))
        try:
            with pytest.raises(InputError, match=r"e.h5: cannot be written .*\. Make room"):
                evaluate(run, dataset, tmp_path / "e.h5")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [*tmp_path.iterdir()]


def test_samples_that_are_not_in_the_order_of_their_ids_are_refused(run: Path, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "shapes", count=20, side=SIDE, encodings=["hdf5"])
    encoding = open_encoding(folder / "dataset.h5")
    index = encoding.metadata.index
    samples = [Sample(int(id), encoding.encoded(place), None) for place, id in enumerate(index["id"])]
    backwards = encoding.metadata.with_tables(index=index[::-1].reset_index(drop=True))
    write_encoding(backwards, samples, folder / "dataset.h5", EncodingOptions(kind="hdf5"))
    with pytest.raises(InputError, match="not in the order of their ids"):
        evaluate(run, folder, tmp_path / "e.h5")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (Path.unlink, "is not there"),
        (lambda file: file.write_bytes(b"text"), "is no evaluation, or a damaged one"),
        (lambda file: file.write_bytes(file.read_bytes()[:3000]), "is no evaluation, or a damaged one"),
        (lambda file: drop(file, "training_hparams"), "is no evaluation, or a damaged one"),
        (lambda file: drop(file, "embeddings"), "field 'embeddings': is not in it"),
        (lambda file: drop(file, "id"), "is no evaluation, or a damaged one"),
        (lambda file: set_attribute(file, "schema_version", 99), "holds no evaluation of version 1"),
        (lambda file: set_attribute(file, "aggregates", "{"), "is no evaluation, or a damaged one"),
        (lambda file: shorten(file, "outputs"), "field 'outputs': has 3 rows, and 40 images"),
    ],
)
def test_files_that_are_no_evaluation_are_refused(
    tmp_path: Path, spoil: Callable[[Path], object], problem: str
) -> None:
    write_case(tmp_path / "e.h5")
    spoil(tmp_path / "e.h5")
    with pytest.raises(TreelineError, match=f"e.h5.*{problem}"):
        read_evaluation(tmp_path / "e.h5")


def test_what_a_task_has_not_is_refused(tmp_path: Path) -> None:
    evaluation = write_case(tmp_path / "e.h5", "segmentation")
    for read in (evaluation.outputs, evaluation.targets):
        with pytest.raises(InputError, match="is not in it"):
            read()


def drop(file: Path, name: str) -> None:
    with h5py.File(file, "r+") as content:
        del content[name]


def set_attribute(file: Path, name: str, value: Any) -> None:
    with h5py.File(file, "r+") as content:
        content.attrs[name] = value


def shorten(file: Path, name: str) -> None:
    with h5py.File(file, "r+") as content:
        rows = content[name][:3]
        del content[name]
        content[name] = rows
