"""Losses and metrics: as PyTorch, torchvision and scikit-learn compute them, also of what is not labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from tests.model_cases import experiment
from treeline.errors import ConfigError
from treeline.models import losses
from treeline.models.experiment import LOSSES, METRICS, Task
from treeline.models.losses import Loss, Setting, make_loss
from treeline.models.metrics import compute, is_better_higher, make_metrics, metric_inputs
from treeline.models.tasks import labelled, probabilities

CLASSES = 3
COUNTS = [10, 5, 1]
BALANCED = torch.tensor([16 / 30, 16 / 15, 16 / 3])
TASKS: tuple[Task, ...] = ("multiclass", "multilabel", "regression", "segmentation")


def outputs_of(task: Task, images: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = {"regression": (images, 1), "segmentation": (images, CLASSES, 5, 4)}.get(task, (images, CLASSES))
    return torch.randn(shape, generator=generator) * 2


def targets_of(task: Task, images: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1)
    if task == "multilabel":
        return torch.randint(0, 2, (images, CLASSES), generator=generator).float()
    if task == "regression":
        return torch.randn(images, generator=generator)
    shape = (images, 5, 4) if task == "segmentation" else (images,)
    return torch.randint(0, CLASSES, shape, generator=generator)


def loss_of(task: Task, *terms: dict[str, Any]) -> Loss:
    return make_loss(experiment(task, loss=list(terms)), [] if task == "regression" else COUNTS)


def test_cross_entropy_is_pytorchs() -> None:
    outputs, target = outputs_of("multiclass"), targets_of("multiclass")
    expected = functional.cross_entropy(outputs, target)
    torch.testing.assert_close(loss_of("multiclass")(outputs, target), expected)
    weighted = functional.cross_entropy(outputs, target, BALANCED, reduction="none")
    found = loss_of("multiclass", {"name": "cross_entropy", "class_weights": "balanced"})
    torch.testing.assert_close(found.per_image(outputs, target), weighted)
    torch.testing.assert_close(found(outputs, target), weighted.mean())
    given_weights = loss_of("multiclass", {"name": "cross_entropy", "class_weights": BALANCED.tolist()})
    torch.testing.assert_close(given_weights(outputs, target), weighted.mean())


def test_soft_labels_are_those_of_mixed_images() -> None:
    outputs, soft = outputs_of("multiclass"), torch.softmax(outputs_of("multiclass", seed=5), 1)
    for name in LOSSES["multiclass"]:
        term = {"name": name, "class_weights": "balanced", "gamma": 0.0}
        expected = functional.cross_entropy(outputs, soft, BALANCED)
        torch.testing.assert_close(loss_of("multiclass", term)(outputs, soft), expected)


def test_focal_is_torchvisions_and_without_gamma_cross_entropy() -> None:
    outputs, target = outputs_of("multilabel"), targets_of("multilabel")
    expected = sigmoid_focal_loss(outputs, target, alpha=-1, gamma=1.5).mean(1)
    found = loss_of("multilabel", {"name": "focal", "gamma": 1.5}).per_image(outputs, target)
    torch.testing.assert_close(found, expected)
    for task in ("multiclass", "segmentation"):
        plain, focal = loss_of(task), loss_of(task, {"name": "focal", "gamma": 0.0})
        pair = outputs_of(task), targets_of(task)
        torch.testing.assert_close(focal.per_image(*pair), plain.per_image(*pair))
    # Of two classes that exclude one another, the softmax is the sigmoid of the difference.
    two = make_loss(experiment("multiclass", loss=[{"name": "focal", "gamma": 2.0}]), [1, 1])
    logits, labels = torch.tensor([[0.5, -1.0], [2.0, 0.0]]), torch.tensor([1, 0])
    as_sigmoid = sigmoid_focal_loss(logits[:, 1] - logits[:, 0], labels.float(), alpha=-1, gamma=2.0)
    torch.testing.assert_close(two.per_image(logits, labels), as_sigmoid)


def test_dice_is_its_formula() -> None:
    outputs, target = outputs_of("segmentation"), targets_of("segmentation")
    target[0, 0] = 255
    found = loss_of("segmentation", {"name": "dice"}).per_image(outputs, target).numpy()
    shares, masks = torch.softmax(outputs, 1).numpy(), target.numpy()
    for image in range(len(masks)):
        coefficients = []
        for number in range(CLASSES):
            known = masks[image] != 255
            p, t = shares[image, number][known], (masks[image] == number)[known]
            coefficients.append((2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1))
        assert found[image] == pytest.approx(1 - np.mean(coefficients), abs=1e-6)
    perfect = functional.one_hot(target.where(target != 255, 0), CLASSES).movedim(-1, 1) * 100.0
    assert float(loss_of("segmentation", {"name": "dice"})(perfect, target)) == pytest.approx(0, abs=1e-6)


def test_the_others_are_pytorchs_and_sums_are_weighted() -> None:
    outputs, target = outputs_of("multilabel"), targets_of("multilabel")
    weighted = functional.binary_cross_entropy_with_logits(outputs, target, BALANCED)
    found = loss_of("multilabel", {"name": "binary_cross_entropy", "class_weights": "balanced"})
    torch.testing.assert_close(found(outputs, target), weighted)
    outputs, target = outputs_of("regression"), targets_of("regression")
    squared, absolute = functional.mse_loss(outputs[:, 0], target), functional.l1_loss(outputs[:, 0], target)
    torch.testing.assert_close(loss_of("regression")(outputs, target), squared)
    both = loss_of(
        "regression", {"name": "mean_squared_error", "weight": 0.5}, {"name": "mean_absolute_error", "weight": 2.0}
    )
    torch.testing.assert_close(both(outputs, target), 0.5 * squared + 2 * absolute)


@settings(max_examples=30)
@given(st.sampled_from([(task, name) for task in TASKS for name in LOSSES[task]]), st.integers(0, 99), st.data())
def test_what_is_not_labelled_changes_nothing(case: tuple[Task, Any], seed: int, data: st.DataObject) -> None:
    """Whatever the outputs are there, neither the loss nor its gradient is other than without it."""
    task, name = case
    loss = loss_of(task, {"name": name})
    outputs, target = outputs_of(task, seed=seed), targets_of(task, seed=seed)
    if task == "multiclass":
        assert labelled(task, target).all()
        return
    hidden = torch.tensor(data.draw(st.lists(st.booleans(), min_size=target.numel(), max_size=target.numel())))
    hidden = hidden.reshape(target.shape)
    target = torch.where(hidden, torch.tensor(255 if task == "segmentation" else torch.nan).to(target.dtype), target)
    spread = hidden.unsqueeze(1) if task != "multilabel" else hidden
    other = torch.where(spread, outputs_of(task, seed=seed + 1000), outputs).requires_grad_()
    torch.testing.assert_close(loss(other, target), loss(outputs, target))
    loss(other, target).backward()
    assert other.grad is not None and torch.isfinite(other.grad).all()
    assert not other.grad[spread.expand_as(other)].any()
    per_image = loss.per_image(outputs, target)
    assert torch.equal(torch.isnan(per_image), hidden.reshape(len(target), -1).all(1))
    expected = per_image[~torch.isnan(per_image)].mean() if not hidden.all() else torch.zeros(())
    torch.testing.assert_close(loss(outputs, target), expected)


def test_class_weights_that_do_not_fit_are_refused() -> None:
    def make(weights: Any, counts: list[int], task: Task = "multiclass") -> Loss:
        name = LOSSES[task][0]
        return make_loss(experiment(task, loss=[{"name": name, "class_weights": weights}]), counts)

    with pytest.raises(ConfigError, match="cross_entropy has 2 class_weights, and the dataset 3 classes"):
        make([1.0, 2.0], COUNTS)
    with pytest.raises(ConfigError, match="class 1 has nothing in train"):
        make("balanced", [3, 0, 4])
    with pytest.raises(ConfigError, match="a regression has no classes"):
        make("balanced", [], "regression")


def test_a_loss_of_ones_own_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "_LOSSES", dict(losses._LOSSES))

    @losses.loss("mean_squared_error")
    def _huber(outputs: torch.Tensor, target: torch.Tensor, setting: Setting) -> torch.Tensor:
        return functional.huber_loss(outputs.squeeze(1), target, reduction="none")

    outputs, target = outputs_of("regression"), targets_of("regression")
    expected = functional.huber_loss(outputs.squeeze(1), target)
    torch.testing.assert_close(loss_of("regression")(outputs, target), expected)


def values_of(task: Task, outputs: torch.Tensor, target: torch.Tensor, batches: int = 2) -> dict[str, float]:
    metrics = make_metrics(task, [], CLASSES)
    for one, other in zip(outputs.chunk(batches), target.chunk(batches), strict=True):
        metrics.update(*metric_inputs(task, one, other))
    return compute(metrics)


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_metrics_are_scikit_learns(seed: int) -> None:
    outputs, target = outputs_of("multiclass", 60, seed), targets_of("multiclass", 60, seed)
    found, true = values_of("multiclass", outputs, target), target.numpy()
    shares, best = probabilities("multiclass", outputs).numpy(), outputs.argmax(1).numpy()
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(true, best))
    assert found["balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(true, best))
    assert found["f1"] == pytest.approx(sklearn_metrics.f1_score(true, best, average="macro"))
    auroc = sklearn_metrics.roc_auc_score(true, shares / shares.sum(1, keepdims=True), multi_class="ovr")
    assert found["auroc"] == pytest.approx(auroc, abs=2e-3)
    outputs, target = outputs_of("multilabel", 60, seed), targets_of("multilabel", 60, seed)
    found, true = values_of("multilabel", outputs, target), target.numpy()
    assert found["accuracy"] == pytest.approx(float(((outputs > 0).numpy() == true).mean()))
    assert found["f1"] == pytest.approx(sklearn_metrics.f1_score(true, (outputs > 0).numpy(), average="macro"))
    precision = sklearn_metrics.average_precision_score(true, probabilities("multilabel", outputs).numpy())
    assert found["average_precision"] == pytest.approx(precision, abs=2e-2)
    outputs, target = outputs_of("regression", 60, seed), targets_of("regression", 60, seed)
    found, true, given_numbers = values_of("regression", outputs, target), target.numpy(), outputs.numpy()[:, 0]
    assert found["r2"] == pytest.approx(sklearn_metrics.r2_score(true, given_numbers), rel=1e-4)
    squared = sklearn_metrics.root_mean_squared_error(true, given_numbers)
    assert found["root_mean_squared_error"] == pytest.approx(squared, rel=1e-5)


def test_pixels_that_are_not_labelled_are_not_measured() -> None:
    outputs, target = outputs_of("segmentation"), targets_of("segmentation")
    target[:, :2] = 255
    found = values_of("segmentation", outputs, target)
    known = (target != 255).numpy()
    true, best = target.numpy()[known], outputs.argmax(1).numpy()[known]
    assert found["iou"] == pytest.approx(sklearn_metrics.jaccard_score(true, best, average="macro"))
    assert found["accuracy"] == pytest.approx((true == best).mean())
    assert found["f1"] == pytest.approx(sklearn_metrics.f1_score(true, best, average="macro"))


def test_metrics_of_hardly_anything_are_no_errors() -> None:
    outputs, target = torch.tensor([[0.3]]), torch.tensor([1.0])
    found = values_of("regression", outputs, target, batches=1)
    assert np.isnan(found["r2"]) and found["mean_absolute_error"] == pytest.approx(0.7)
    one_class = values_of("multiclass", outputs_of("multiclass", 4), torch.zeros(4, dtype=torch.long), batches=1)
    assert set(one_class) == set(METRICS["multiclass"])
    with pytest.raises(ConfigError, match="multiclass needs 2 classes or more, and there are 1"):
        make_metrics("multiclass", [], 1)
    for task in TASKS:
        for name, metric in make_metrics(task, [], CLASSES).items():
            assert is_better_higher(task, name) == metric.higher_is_better
