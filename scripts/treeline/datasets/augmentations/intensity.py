"""Augmentations that change values and leave pixels where they are.

Each works on values from 0 to 1, and gives back the type that it was given: `values` says what a type's range is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from math import ceil, exp, log
from typing import Annotated, ClassVar

import numpy as np
import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    posterize,
    solarize,
)
from kornia.filters import gaussian_blur2d
from pydantic import AfterValidator, Field

from treeline.datasets.augmentations.base import (
    Drawn,
    Pair,
    Parts,
    PositiveRange,
    ShareRange,
    check_order,
    draw_part,
    need_rgb,
    uniform,
)
from treeline.datasets.augmentations.values import RANGES, in_unit_range

Factors = Annotated[list[Annotated[float, Field(ge=0)]], Pair, AfterValidator(check_order)]
"""Least and greatest factor; 1 changes nothing."""
Turn = Annotated[list[Annotated[float, Field(ge=-0.5, le=0.5)]], Pair, AfterValidator(check_order)]
"""Least and greatest part of a whole turn; 0 changes nothing."""
TURN = 2 * np.pi


class Intensity(Drawn):
    """One that changes values."""

    needs_rgb: ClassVar[bool] = False

    def change(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Change the image."""
        adjust = partial(self.adjust, generator=generator)
        return parts._replace(image=in_unit_range(self.name, parts.image, adjust))

    @abstractmethod
    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Change values from 0 to 1, C x H x W; what leaves that range is clipped afterwards."""

    def check_channels(self, channels: Sequence[str]) -> None:
        """Check that there is colour where colour is changed."""
        if self.needs_rgb:
            need_rgb(self.name, channels)


class Brightness(Intensity):
    """Multiply all values."""

    name: ClassVar = "brightness"

    factor: Factors = [0.8, 1.2]
    """0 is black."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the factor."""
        return adjust_brightness_accumulative(image, uniform(generator, self.factor))


class Contrast(Intensity):
    """Multiply the distance of all values from the image's mean: that of its grey, or of all its bands."""

    name: ClassVar = "contrast"

    factor: Factors = [0.8, 1.2]
    """0 is all the mean."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the factor."""
        return adjust_contrast_with_mean_subtraction(image, uniform(generator, self.factor))


class Saturation(Intensity):
    """Multiply the saturation (of HSV)."""

    name: ClassVar = "saturation"
    needs_rgb: ClassVar = True

    factor: Factors = [0.8, 1.2]
    """0 is grey."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the factor."""
        return adjust_saturation(image, uniform(generator, self.factor))


class Hue(Intensity):
    """Turn the hue (of HSV)."""

    name: ClassVar = "hue"
    needs_rgb: ClassVar = True

    turn: Turn = [-0.05, 0.05]
    """0.5 gives the complementary colour."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the turn."""
        return adjust_hue(image, TURN * uniform(generator, self.turn))


class ColourJitter(Intensity):
    """Brightness, contrast, saturation and hue, in this order."""

    name: ClassVar = "colour_jitter"
    needs_rgb: ClassVar = True

    brightness: Factors = [0.8, 1.2]
    """As `brightness` says."""
    contrast: Factors = [0.8, 1.2]
    """As `contrast` says."""
    saturation: Factors = [0.8, 1.2]
    """As `saturation` says."""
    hue: Turn = [-0.05, 0.05]
    """As `hue` says."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw all four."""
        image = Brightness(factor=self.brightness).adjust(image, generator)
        image = Contrast(factor=self.contrast).adjust(image, generator)
        image = Saturation(factor=self.saturation).adjust(image, generator)
        return Hue(turn=self.hue).adjust(image, generator)


class Gamma(Intensity):
    """Raise all values to a power."""

    name: ClassVar = "gamma"

    gamma: PositiveRange = [0.8, 1.25]
    """Above 1 darkens."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the power."""
        return adjust_gamma(image, exp(uniform(generator, [log(bound) for bound in self.gamma])))


class GaussianNoise(Intensity):
    """Add noise, independent in each pixel and band."""

    name: ClassVar = "gaussian_noise"

    std: ShareRange = [0, 0.05]
    """Its standard deviation, as a share of the range."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the standard deviation, and the noise."""
        std = uniform(generator, self.std)
        return image + std * torch.from_numpy(generator.standard_normal(image.shape, dtype=np.float32))


class GaussianBlur(Intensity):
    """Blur; the border is continued by its own pixels."""

    name: ClassVar = "gaussian_blur"

    sigma: PositiveRange = [0.1, 2]
    """Standard deviation in pixels."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw sigma."""
        sigma = uniform(generator, self.sigma)
        return gaussian_blur2d(image[None], 2 * ceil(3 * sigma) + 1, (sigma, sigma), border_type="replicate")[0]


class Grayscale(Intensity):
    """Make it grey (ITU-R BT.601), in three equal bands."""

    name: ClassVar = "grayscale"
    needs_rgb: ClassVar = True

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Nothing is drawn."""
        return rgb_to_grayscale(image).expand_as(image)


class Solarize(Intensity):
    """Turn values from a threshold on into their negative."""

    name: ClassVar = "solarize"

    threshold: ShareRange = [0.5, 1]
    """As a share of the range."""

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the threshold."""
        return solarize(image, uniform(generator, self.threshold))


class Posterize(Intensity):
    """Keep the highest bits of each value: of 8, and of uint16 of 16; floats are taken as 8 bits."""

    name: ClassVar = "posterize"

    bits: Annotated[list[Annotated[int, Field(ge=1, le=8)]], Pair, AfterValidator(check_order)] = [4, 7]
    """Least and most."""

    def change(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Keep bits of whole numbers as they are."""
        if (most := RANGES.get(parts.image.dtype)) is None:
            return super().change(parts, generator)
        dropped = most.bit_length() - self._draw(generator)
        return parts._replace(image=parts.image & (most >> dropped << dropped))

    def adjust(self, image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Draw the bits."""
        return posterize(image, self._draw(generator))

    def _draw(self, generator: np.random.Generator) -> int:
        return int(generator.integers(self.bits[0], self.bits[1] + 1))


class Erasing(Drawn):
    """Make a rectangle 0, of values of whatever type (Zhong et al., 2020)."""

    name: ClassVar = "erasing"

    area: ShareRange = [0.02, 0.2]
    """Share of the image's area."""
    ratio: PositiveRange = [0.3, 1 / 0.3]
    """Its width by its height. Of one that is wider or higher than the image, what the image has."""

    def change(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Draw the rectangle."""
        part = draw_part(parts.size, self.area, self.ratio, generator)
        image = parts.image.clone()
        image[part] = 0
        return parts._replace(image=image)
