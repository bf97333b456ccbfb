"""Losses: how far a model's outputs are from their targets, as a number that training makes small.

The loss of an image is the sum of the experiment's terms, each times its weight; that of a batch is the mean over its
images. A term is the mean over what is labelled of the image: its labels, or its pixels. So images count alike,
whatever their class weights and however many of their pixels are labelled; an image of which nothing is labelled does
not count.

To add a loss of your own: write a function of the form `PerImage` here or in a module that this one imports, decorate
it with `@loss("its_name")`, and add the name to `LossName` and `LOSSES` in `treeline.models.experiment`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from treeline.errors import ConfigError
from treeline.models.experiment import LOSSES, Experiment, LossName, LossTerm, Task
from treeline.models.tasks import labelled

SMOOTH = 1.0
"""Pixels that are added to both sides of the Dice coefficient, so that a class that is nowhere counts as found."""


class Setting(NamedTuple):
    """What a loss needs beside outputs and targets.

    Args:
        task: What is learned.
        class_weights: A weight a class, mean about 1; ones where the experiment names none.
        gamma: Of the focal loss.
    """

    task: Task
    class_weights: Tensor
    gamma: float


PerImage = Callable[[Tensor, Tensor, Setting], Tensor]
"""From outputs and targets of N images to N losses; of an image of which nothing is labelled, 0 and not NaN."""

_LOSSES: dict[LossName, PerImage] = {}


def loss(name: LossName) -> Callable[[PerImage], PerImage]:
    """Have experiments find a loss by its name."""

    def register(function: PerImage) -> PerImage:
        _LOSSES[name] = function
        return function

    return register


class Loss(nn.Module):
    """The loss of an experiment.

    Args:
        task: What is learned.
        terms: What is added; without any, the first that fits the task.
        class_weights: Of each term, a weight a class.
    """

    def __init__(self, task: Task, terms: Sequence[LossTerm], class_weights: Sequence[Tensor]) -> None:
        super().__init__()
        self._task, self._terms = task, list(terms)
        for number, weights in enumerate(class_weights):
            self.register_buffer(f"class_weights_{number}", weights, persistent=False)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch: one number, 0 where nothing of it is labelled."""
        counted = self._counted(target)
        return (self._sum(outputs, target) * counted).sum() / counted.sum().clamp(min=1)

    def per_image(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The loss of each image: N numbers, NaN for an image of which nothing is labelled."""
        values = self._sum(outputs, target)
        return torch.where(self._counted(target), values, torch.full_like(values, torch.nan))

    def _sum(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Of half precision, in single: sums over pixels overflow else."""
        outputs = outputs.float()
        total = outputs.new_zeros(len(outputs))
        for number, term in enumerate(self._terms):
            setting = Setting(self._task, self.get_buffer(f"class_weights_{number}"), term.gamma)
            total = total + term.weight * _LOSSES[term.name](outputs, target, setting)
        return total

    def _counted(self, target: Tensor) -> Tensor:
        return labelled(self._task, target).flatten(1 if target.ndim > 1 else 0).reshape(len(target), -1).any(1)


def make_loss(experiment: Experiment, class_counts: Sequence[int]) -> Loss:
    """Make the loss of an experiment.

    Args:
        experiment: Its task and terms.
        class_counts: Samples of `train` of each class; of a segmentation, pixels. Empty for a regression. Only
            `balanced` reads the numbers, the others their count.

    Raises:
        ConfigError: The class weights are not as many as the classes, or a class is empty and is to be balanced.
    """
    terms = experiment.loss or [LossTerm(name=LOSSES[experiment.task][0])]
    return Loss(experiment.task, terms, [_class_weights(term, class_counts) for term in terms])


def needs_class_counts(experiment: Experiment) -> bool:
    """Whether a term is balanced by the numbers of samples or pixels."""
    return any(term.class_weights == "balanced" for term in experiment.loss)


def _class_weights(term: LossTerm, counts: Sequence[int]) -> Tensor:
    if term.class_weights is None:
        return torch.ones(max(len(counts), 1))
    if not counts:
        raise ConfigError(f"loss: {term.name} has class_weights, and a regression has no classes: leave them out.")
    if term.class_weights == "balanced":
        if 0 in counts:
            raise ConfigError(f"loss: class {counts.index(0)} has nothing in train, and cannot be balanced.")
        return sum(counts) / (len(counts) * torch.tensor(counts, dtype=torch.float32))
    if len(term.class_weights) != len(counts):
        raise ConfigError(
            f"loss: {term.name} has {len(term.class_weights)} class_weights, and the dataset {len(counts)} classes: "
            "give one a class, in their order."
        )
    return torch.tensor(term.class_weights, dtype=torch.float32)


@loss("cross_entropy")
def _cross_entropy(outputs: Tensor, target: Tensor, setting: Setting) -> Tensor:
    """`torch.nn.functional.cross_entropy`; of labels, or of the soft ones of CutMix and MixUp."""
    weights = setting.class_weights
    if target.is_floating_point():
        return functional.cross_entropy(outputs, target, weights, reduction="none")
    known = labelled(setting.task, target)
    values = functional.cross_entropy(outputs, target.where(known, 0), weights, reduction="none")
    return _mean(values, known)


@loss("focal")
def _focal(outputs: Tensor, target: Tensor, setting: Setting) -> Tensor:
    """`Focal Loss for Dense Object Detection` (Lin et al. 2017), https://arxiv.org/abs/1708.02002, equation 4.

    Of labels that exclude one another: the softmax in place of the sigmoid, with a weight a class as alpha.
    """
    known = labelled(setting.task, target)
    if setting.task == "multilabel":
        from torchvision.ops import sigmoid_focal_loss

        values = sigmoid_focal_loss(outputs, target.where(known, 0), alpha=-1, gamma=setting.gamma)
        return _mean(values * setting.class_weights, known)
    logarithms = torch.log_softmax(outputs, 1)
    shape = (-1, *[1] * (outputs.ndim - 2))
    weighted = setting.class_weights.reshape(shape) * (1 - logarithms.exp()) ** setting.gamma * -logarithms
    if target.is_floating_point():
        return (target * weighted).sum(1)
    return _mean(weighted.gather(1, target.where(known, 0).unsqueeze(1)).squeeze(1), known)


@loss("dice")
def _dice(outputs: Tensor, target: Tensor, setting: Setting) -> Tensor:
    """One minus the Dice coefficient of each class, averaged over them by their weights.

    `V-Net` (Milletari et al. 2016), https://arxiv.org/abs/1606.04797, with plain sums below the line as in MONAI's
    `DiceLoss`.
    """
    known = labelled(setting.task, target).unsqueeze(1)
    found = torch.softmax(outputs, 1) * known
    true = functional.one_hot(target.where(known.squeeze(1), 0), outputs.shape[1]).movedim(-1, 1) * known
    both, each = (found * true).sum((2, 3)), (found + true).sum((2, 3))
    coefficients = (2 * both + SMOOTH) / (each + SMOOTH)
    return ((1 - coefficients) * setting.class_weights).sum(1) / setting.class_weights.sum()


@loss("binary_cross_entropy")
def _binary_cross_entropy(outputs: Tensor, target: Tensor, setting: Setting) -> Tensor:
    """`torch.nn.functional.binary_cross_entropy_with_logits`."""
    known = labelled(setting.task, target)
    values = functional.binary_cross_entropy_with_logits(outputs, target.where(known, 0), reduction="none")
    return _mean(values * setting.class_weights, known)


@loss("mean_squared_error")
def _squared_error(outputs: Tensor, target: Tensor, setting: Setting) -> Tensor:
    known = labelled(setting.task, target)
    return (outputs.squeeze(1) - target.where(known, 0)) ** 2 * known


@loss("mean_absolute_error")
def _absolute_error(outputs: Tensor, target: Tensor, setting: Setting) -> Tensor:
    known = labelled(setting.task, target)
    return (outputs.squeeze(1) - target.where(known, 0)).abs() * known


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """The mean of each image over what is known of it, 0 where nothing is."""
    if values.ndim == 1:
        return values * known
    axes = tuple(range(1, values.ndim))
    return (values * known).sum(axes) / known.sum(axes).clamp(min=1)
