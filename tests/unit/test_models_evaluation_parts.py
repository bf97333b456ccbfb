"""What evaluation files are made of: rows, masks and attributions, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn
from torch import Tensor
from torchmetrics.functional import classification

from tests.evaluation_runs import METHODS, write_run
from tests.model_cases import make_dataset
from treeline.datasets import Dataset, Resize
from treeline.models.evaluation.attributions import attribute, choose_explained
from treeline.models.evaluation.evaluate import evaluate
from treeline.models.evaluation.reading import read_evaluation
from treeline.models.evaluation.rows import Answered, rows_of
from treeline.models.evaluation.writing import as_bytes, evenly
from treeline.models.experiment import Task
from treeline.models.tasks import probabilities
from treeline.models.trained import Trained, load_trained

SIDE = 16
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("shapes") / "shapes", count=20, side=SIDE, encodings=["hdf5"])


@pytest.fixture(scope="module")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    return write_run(folder, dataset, image_size=[SIDE, SIDE], attributions=["grad_cam"])


def answer(task: Task, outputs: Tensor, targets: Tensor) -> Answered:
    images = len(outputs)
    return Answered(torch.arange(images), outputs, probabilities(task, outputs), targets, torch.zeros(images))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(2, 5))
def test_rows_of_labels_are_those_of_torchmetrics(seed: int, images: int, labels: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(images, labels, generator=generator)
    targets = (torch.rand(images, labels, generator=generator) < 0.3).float()
    rows = rows_of("multilabel", answer("multilabel", outputs, targets))
    found = (outputs.numpy() > 0).astype(int)
    options: dict[str, Any] = {"num_labels": labels, "multidim_average": "samplewise"}
    exact = classification.multilabel_exact_match(outputs[..., None].sigmoid(), targets[..., None].long(), **options)
    assert rows["exact_match"].tolist() == exact.bool().tolist()
    for row, true, predicted in zip(rows.itertuples(), targets.numpy().astype(int), found, strict=True):
        assert row.hamming == pytest.approx(sklearn.hamming_loss(true, predicted))
        assert row.f1 == pytest.approx(sklearn.f1_score(true, predicted, zero_division=1.0))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 4), st.integers(2, 5), st.floats(0, 1))
def test_rows_of_pixels_are_those_of_torchmetrics(seed: int, images: int, classes: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(images, classes, 3, 4, generator=generator)
    targets = torch.randint(classes, (images, 3, 4), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) < share] = 255
    rows = rows_of("segmentation", answer("segmentation", outputs, targets))
    counts = classification.multiclass_stat_scores(
        outputs, targets, classes, average="none", multidim_average="samplewise", ignore_index=255
    )
    for number in range(classes):
        columns = rows[[f"{name}_{number}" for name in ("tp", "fp", "fn")]].to_numpy()
        assert (columns == counts[:, number, [0, 1, 3]].numpy()).all()
    for row, one, target in zip(rows.itertuples(), outputs, targets, strict=True):
        if (target == 255).all():
            assert np.isnan([row.iou, row.accuracy]).all()
            continue
        expected = classification.multiclass_jaccard_index(one[None], target[None], classes, ignore_index=255)
        assert row.iou == pytest.approx(float(expected), abs=1e-6)


@given(SEEDS, st.sampled_from([1e-30, 1e-3, 1.0, 1e20]))
def test_bytes_of_masks_are_the_absolute_values_to_half_a_step(seed: int, size: float) -> None:
    values = (np.random.default_rng(seed).normal(size=(3, 4, 5)) * size).astype(np.float32)
    values[1] = 0
    masks, scales = as_bytes(values)
    assert masks.max(axis=(1, 2)).tolist() == [255, 0, 255]
    found = masks * scales[:, None, None].astype(np.float64)
    assert (np.abs(found - np.abs(values)) <= scales[:, None, None] * 0.501).all()


@given(st.integers(0, 1000), st.integers(0, 300))
def test_places_are_drawn_evenly(count: int, most: int) -> None:
    places = evenly(count, most)
    assert len(set(places.tolist())) == len(places) == min(count, most)
    steps = np.diff(places)
    assert not len(steps) or (steps.min() >= 1 and steps.max() - steps.min() <= 1)
    assert not len(steps) or (places[0], places[-1]) == (0, count - 1)


def captum_says(method: str, trained: Trained, images: Tensor, number: int, pixels: Tensor | None) -> Any:
    """captum as its documentation has it, of one image."""
    model = trained.model

    @torch.no_grad()
    def of(inputs: Tensor) -> float:
        return float(score(inputs))

    def score(inputs: Tensor) -> Tensor:
        outputs: Tensor = model(inputs)[0]
        return outputs[:, number] if pixels is None else (outputs[:, number] * pixels).sum((1, 2))

    mean = torch.tensor(trained.facts.mean).reshape(1, 3, 1, 1).expand_as(images)
    if method == "integrated_gradients":
        gradients = captum.attr.IntegratedGradients(score)
        found, delta = gradients.attribute(images, baselines=mean, n_steps=50, return_convergence_delta=True)
        assert abs(float(delta)) < 0.05 * abs(of(images) - of(mean)) + 0.05
        return found.sum(1)[0]
    if method == "grad_cam":
        maps = captum.attr.LayerGradCam(score, model.get_submodule("encoder.blocks.3"))
        found = maps.attribute(images, relu_attributions=True)
        return torch.nn.functional.interpolate(found, (SIDE, SIDE), mode="bilinear")[0, 0]
    occlusion = captum.attr.Occlusion(score)
    windows = {"sliding_window_shapes": (3, 2, 2), "strides": (3, 1, 1), "perturbations_per_eval": 75}
    return occlusion.attribute(images, baselines=mean, **windows)[0, 0]


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression", "segmentation"])
def test_attributions_are_those_of_captum(task: Task, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "shapes", task, count=10, side=SIDE, encodings=["hdf5"])
    run = write_run(tmp_path / "first", folder, image_size=[SIDE, SIDE])
    evaluate(run, folder, tmp_path / "e.h5", split="trainvaltest", attributions_of=2)
    evaluation = read_evaluation(tmp_path / "e.h5")
    assert sorted(evaluation.methods) == sorted(METHODS)
    assert evaluation.attributed.tolist() == evaluation.ids[evenly(10, 2)].tolist()
    samples, trained = Dataset(folder / "dataset.h5", spatial=Resize(SIDE, SIDE)), load_trained(run)
    for place, number in enumerate(evenly(10, 2).tolist()):
        image = samples[number]["image"][None].float()
        predicted = trained.model(image)[0][0].argmax(0)
        pixels = None
        if task == "segmentation":
            predicted, pixels = predicted.flatten().mode().values, predicted
            pixels = (pixels == predicted).float()
        assert evaluation.explained[place] == int(predicted)
        for method in METHODS:
            expected = captum_says(method, trained, image, int(predicted), pixels).detach().abs().numpy()
            found = evaluation.attribution(method, place)
            assert np.allclose(found, expected, atol=expected.max() / 255 * 0.51 + 1e-6), method


def test_integrated_gradients_add_up_to_the_difference_from_the_mean_colour(run: Path, dataset: Path) -> None:
    trained = load_trained(run)
    images = torch.stack([sample["image"] for sample in Dataset(dataset / "dataset.h5")]).float()[:4]
    outputs = trained.model(images)[0]
    explained = choose_explained("multiclass", outputs, trained.facts.class_names)
    found = attribute("integrated_gradients", trained.model, images, explained).sum((1, 2))
    of_mean = trained.model(trained.model.mean.expand(1, 3, SIDE, SIDE))[0][0]
    expected = outputs.gather(1, explained.target[:, None])[:, 0] - of_mean[explained.target]
    assert torch.allclose(found, expected.detach(), rtol=0.1, atol=0.1)


def test_background_is_explained_only_where_nothing_else_is_predicted() -> None:
    outputs = torch.zeros(2, 2, 2, 2)
    outputs[:, 0] = 1
    outputs[0, 1, 0, 0] = 2
    names = ["background", "deer"]
    explained = choose_explained("segmentation", outputs, names)
    assert explained.target.tolist() == [1, 0]
    assert explained.pixels is not None
    assert explained.pixels.sum((1, 2)).tolist() == [1, 4]
    assert choose_explained("segmentation", outputs, ["ant", "deer"]).target.tolist() == [0, 0]
