"""What every augmentation is: an entry of the list, with its options, that changes a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import exp, log, sqrt
from types import EllipsisType
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import AfterValidator, Field

from treeline.config_values import Block
from treeline.datasets.boxes import Outlines, visible
from treeline.errors import ConfigError
from treeline.io.images import Size

Part = tuple[EllipsisType, slice, slice]
"""Rows and columns of an image or a mask."""


class Parts(NamedTuple):
    """A sample on its way through the list.

    Args:
        image: C x H x W.
        mask: H x W, where the task has masks.
        outlines: Of the boxes, where the task has boxes.
        labels: N numbers of classes, of the boxes.
    """

    image: torch.Tensor
    mask: torch.Tensor | None = None
    outlines: Outlines | None = None
    labels: torch.Tensor | None = None

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    def with_visible(self, outlines: Outlines, least: float) -> Parts:
        """The same with outlines that have moved, of which at least such a share must be visible."""
        assert self.labels is not None  # beside boxes there are always labels
        kept = visible(outlines.shares(), least)
        return self._replace(outlines=outlines.only(kept), labels=self.labels[torch.from_numpy(kept)])


class Augmentation(Block, ABC):
    """An entry of the list."""

    name: ClassVar[str]
    """What it is called in the list."""
    localises: ClassVar[bool] = False
    """Whether it may be used where the task is to find places."""

    @abstractmethod
    def apply(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Change a sample; what is drawn comes from `generator` alone.

        Raises:
            ImageError: The image's values are none that it can change.
        """

    def check_channels(self, channels: Sequence[str]) -> None:
        """Check that it fits images of these channels.

        Raises:
            ConfigError: It does not.
        """


class Drawn(Augmentation):
    """One that changes some of the samples."""

    probability: float = Field(0.5, ge=0, le=1)
    """Share of the samples that are changed."""

    def apply(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Change the sample, or leave it."""
        return self.change(parts, generator) if generator.random() < self.probability else parts

    @abstractmethod
    def change(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Change the sample."""


def need_rgb(name: str, channels: Sequence[str]) -> None:
    """Check that images are in colour.

    Raises:
        ConfigError: They are not; names their bands.
    """
    if len(channels) != 3:
        raise ConfigError(
            f"{name} needs the three bands red, green and blue; the images have {len(channels)}: "
            f"{', '.join(channels)}. Leave it out, or choose bands: spectral=Spectral([...])."
        )


def uniform(generator: np.random.Generator, bounds: Sequence[float]) -> float:
    """Draw a number between two."""
    return float(generator.uniform(bounds[0], bounds[1]))


def draw_part(size: Size, area: Sequence[float], ratio: Sequence[float], generator: np.random.Generator) -> Part:
    """Draw a rectangle in an image of height x width.

    Args:
        size: In pixels.
        area: Least and greatest share of the image's area.
        ratio: Least and greatest width by height, as if there were room; of what is wider or higher than the image, it
            is what the image has.
        generator: What is drawn comes from it alone.
    """
    pixels = uniform(generator, area) * size[0] * size[1]
    wide = exp(uniform(generator, [log(bound) for bound in ratio]))
    height, width = min(max(1, round(sqrt(pixels / wide))), size[0]), min(max(1, round(sqrt(pixels * wide))), size[1])
    top, left = int(generator.integers(size[0] - height + 1)), int(generator.integers(size[1] - width + 1))
    return ..., slice(top, top + height), slice(left, left + width)


def check_order(bounds: list[float]) -> list[float]:
    """Refuse a range that ends before it begins."""
    if bounds[0] > bounds[1]:
        raise ValueError("must be the smaller and the larger number")
    return bounds


Pair = Field(min_length=2, max_length=2)
Range = Annotated[list[float], Pair, AfterValidator(check_order)]
"""Least and greatest; each time a number between them is drawn, each with the same probability."""
Positive = Annotated[float, Field(gt=0)]
PositiveRange = Annotated[list[Positive], Pair, AfterValidator(check_order)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareRange = Annotated[list[Share], Pair, AfterValidator(check_order)]
