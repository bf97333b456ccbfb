"""CutMix and MixUp: each sample of a batch is mixed with another of it, and so are their labels.

For classification only: a mixture of two pictures has two labels by halves, but no boxes or masks by halves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from treeline.config_values import Block
from treeline.datasets.augmentations.base import Positive
from treeline.datasets.augmentations.values import interpolated

MIXED_TASKS = ("multiclass", "multilabel")
Batch = tuple[torch.Tensor, torch.Tensor]
"""Images, B x C x H x W, and labels, B x classes."""


class Mixing(Block, ABC):
    """One that mixes the samples of a batch."""

    name: ClassVar[str]

    probability: float = Field(0.5, ge=0, le=1)
    """Share of the batches that are mixed."""
    alpha: Positive = 1
    """Shares are drawn from Beta(alpha, alpha): at 1, all are as probable; below, most are near to 0 or 1."""

    def apply(self, images: torch.Tensor, labels: torch.Tensor, generator: np.random.Generator) -> Batch:
        """Mix a batch, or leave it.

        Args:
            images: B x C x H x W.
            labels: B x classes, from 0 to 1.
            generator: What is drawn comes from it alone.

        Returns:
            Images and labels.
        """
        if generator.random() >= self.probability:
            return images, labels
        others = torch.from_numpy(generator.permutation(len(images)))
        share = float(generator.beta(self.alpha, self.alpha))
        images, share = self.mix(images, others, share, generator)
        return images, share * labels + (1 - share) * labels[others]

    @abstractmethod
    def mix(
        self, images: torch.Tensor, others: torch.Tensor, share: float, generator: np.random.Generator
    ) -> tuple[torch.Tensor, float]:
        """Mix images.

        Args:
            images: B x C x H x W.
            others: Number of the other image of each.
            share: How much of each image is to stay.
            generator: What is drawn comes from it alone.

        Returns:
            The mixed images, and how much of each has stayed.
        """


class MixUp(Mixing):
    """Each pixel is the weighted mean of two (Zhang et al., 2018)."""

    name: ClassVar = "mixup"

    def mix(
        self, images: torch.Tensor, others: torch.Tensor, share: float, generator: np.random.Generator
    ) -> tuple[torch.Tensor, float]:
        """Take the mean; whole numbers are rounded."""
        return interpolated(images, lambda values: share * values + (1 - share) * values[others]), share


class CutMix(Mixing):
    """A rectangle is that of another image (Yun et al., 2019)."""

    name: ClassVar = "cutmix"

    def mix(
        self, images: torch.Tensor, others: torch.Tensor, share: float, generator: np.random.Generator
    ) -> tuple[torch.Tensor, float]:
        """Draw the rectangle's middle; what of it is beyond the image's border is left out."""
        height, width = images.shape[-2:]
        side = sqrt(1 - share)
        rows, columns = _span(height, side, generator), _span(width, side, generator)
        mixed = images.clone()
        mixed[..., rows, columns] = images[others][..., rows, columns]
        return mixed, 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)


def _span(length: int, share: float, generator: np.random.Generator) -> slice:
    half = round(length * share) / 2
    middle = int(generator.integers(length))
    return slice(max(0, int(middle - half)), min(length, int(middle + half)))
