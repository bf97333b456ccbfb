"""Which pixels speak for what a model says, by captum (https://captum.ai).

| method | what it is |
|---|---|
| `integrated_gradients` | gradients along the way from an image of nothing but the mean colour: |
| | `Axiomatic Attribution for Deep Networks` (Sundararajan et al. 2017), https://arxiv.org/abs/1703.01365 |
| `grad_cam` | the encoder's last map, each channel by its mean gradient, what speaks for it alone: |
| | `Grad-CAM` (Selvaraju et al. 2017), https://arxiv.org/abs/1610.02391 |
| `occlusion` | what is lost where a window has the mean colour: |
| | `Visualizing and Understanding Convolutional Networks` (Zeiler, Fergus 2014), https://arxiv.org/abs/1311.2901 |

What is explained is one number an image: the logit of the predicted class, that of the most probable label, the number
of a regression; of a segmentation the sum of the logits of the class that is predicted most, over its pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion
from torch import Tensor, nn

from treeline.models.architecture.model import Model
from treeline.models.experiment import Task

Method = Literal["integrated_gradients", "grad_cam", "occlusion"]

BACKGROUND = "background"
"""A class of this name is not explained where another is predicted."""
STEPS = 50
"""Points on the way of integrated gradients."""
AT_ONCE = 16
"""Images that are computed with at once, each point and each window counted."""
WINDOWS = 8
"""The side of the window that is occluded is this part of the image's; it moves by half of that."""


class Explained(NamedTuple):
    """What is explained of N images.

    Args:
        target: The number of the class or label, N; 0 of a regression.
        pixels: Of a segmentation where it is predicted, N x height x width of 0 and 1; else None.
    """

    target: Tensor
    pixels: Tensor | None


class Scores(nn.Module):
    """The model with one number a class for each image, as captum asks for.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, pixels: Tensor | None = None) -> Tensor:
        """Scores, N x outputs; of a segmentation the sums over `pixels`."""
        outputs: Tensor = self.model(images)[0]
        return outputs if pixels is None else (outputs * pixels[:, None]).sum(dim=(2, 3))


def choose_explained(task: Task, outputs: Tensor, class_names: Sequence[str]) -> Explained:
    """Choose what is explained of each image.

    Args:
        task: What was learned.
        outputs: As the model gives them.
        class_names: In the order of the outputs.
    """
    predicted = outputs.argmax(dim=1)
    if task != "segmentation":
        return Explained(predicted, None)
    areas = nn.functional.one_hot(predicted, outputs.shape[1]).sum(dim=(1, 2))
    if BACKGROUND in class_names:
        areas[:, class_names.index(BACKGROUND)] = 0
    target = areas.argmax(dim=1)
    return Explained(target, (predicted == target[:, None, None]).to(outputs.dtype))


def attribute(method: Method, model: Model, images: Tensor, explained: Explained) -> Tensor:
    """Attribute what is explained to the pixels of images.

    Args:
        method: By which method.
        model: In evaluation mode.
        images: N x channels x height x width, in their own units.
        explained: What is explained of each.

    Returns:
        N x height x width numbers, above 0 where a pixel speaks for it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of captum: what it does to gradients, and to small batches
        return _METHODS[method](model, images, explained).detach()


def _integrated_gradients(model: Model, images: Tensor, explained: Explained) -> Tensor:
    found: Tensor = IntegratedGradients(Scores(model)).attribute(
        images,
        baselines=_mean_colour(model, images),
        target=explained.target,
        additional_forward_args=explained.pixels,
        n_steps=STEPS,
        internal_batch_size=max(AT_ONCE, len(images)),
    )
    return found.sum(dim=1)


def _grad_cam(model: Model, images: Tensor, explained: Explained) -> Tensor:
    found: Tensor = LayerGradCam(Scores(model), model.encoder.last).attribute(
        images,
        target=explained.target,
        additional_forward_args=explained.pixels,
        relu_attributions=True,
    )
    upsampled: Tensor = LayerAttribution.interpolate(found, tuple(images.shape[-2:]), "bilinear")
    return upsampled[:, 0]


def _occlusion(model: Model, images: Tensor, explained: Explained) -> Tensor:
    window = [max(side // WINDOWS, 1) for side in images.shape[-2:]]
    with torch.no_grad():
        found: Tensor = Occlusion(Scores(model)).attribute(
            images,
            sliding_window_shapes=(images.shape[1], *window),
            strides=(images.shape[1], *((side + 1) // 2 for side in window)),
            baselines=_mean_colour(model, images),
            target=explained.target,
            additional_forward_args=explained.pixels,
            perturbations_per_eval=max(AT_ONCE // len(images), 1),
        )
    return found[:, 0]  # a window has all channels: they are alike


def _mean_colour(model: Model, images: Tensor) -> Tensor:
    return model.mean.expand_as(images[:1])


_METHODS: dict[Method, Callable[[Model, Tensor, Explained], Tensor]] = {
    "integrated_gradients": _integrated_gradients,
    "grad_cam": _grad_cam,
    "occlusion": _occlusion,
}
