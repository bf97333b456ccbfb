"""The values of pixels: their range by type, and how they become those that a model is given.

| type | range |
|---|---|
| uint8 | 0 to 255 |
| uint16 | 0 to 65,535 |
| float | 0 to 1 |

Any other type has no range that means anything; it is brought to one by `to_float`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

import numpy as np
import torch
from kornia.enhance import normalize
from pydantic import Field, model_validator

from treeline.datasets.augmentations.base import Augmentation, Parts, Positive
from treeline.errors import ConfigError, ImageError

RANGES = {torch.uint8: 255, torch.uint16: 65_535}
SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""PyTorch does little with these but look at their bits as those of another type."""

Change = Callable[[torch.Tensor], torch.Tensor]


def moved(tensor: torch.Tensor, change: Change) -> torch.Tensor:
    """Have pixels change their places, and nothing else, whatever their type."""
    if (signed := SIGNED.get(tensor.dtype)) is None:
        return change(tensor)
    return change(tensor.contiguous().view(signed)).contiguous().view(tensor.dtype)


def interpolated(tensor: torch.Tensor, change: Change) -> torch.Tensor:
    """Have a change of floats be one of any type: whole numbers are rounded, and stay in their type's range."""
    dtype = tensor.dtype
    if dtype in (torch.float32, torch.float64):
        return change(tensor)
    # Whole numbers of more than 24 bits are no float32.
    values = change(tensor.to(torch.float64 if dtype.itemsize > 2 else torch.float32))
    if dtype.is_floating_point:
        return values.to(dtype)
    limits = np.iinfo(str(dtype).removeprefix("torch."))
    return values.round().clamp(limits.min, limits.max).to(dtype)


def in_unit_range(name: str, image: torch.Tensor, change: Change) -> torch.Tensor:
    """Have a change of values from 0 to 1 be one of the image's own type.

    Raises:
        ImageError: The type has no range, or floats are outside of 0 to 1.
    """
    if (most := RANGES.get(image.dtype)) is not None:
        values = change(image.to(torch.float32) / most)
        return (values.clamp(0, 1) * most).round().to(image.dtype)
    if not image.dtype.is_floating_point:
        kind = str(image.dtype).removeprefix("torch.")
        raise ImageError(f"{name}: values of type {kind} have no range; put `to_float` with `divide_by` before it")
    outside = (image < 0) | (image > 1)
    if outside.any():
        problem = f"{name}: floats are from 0 to 1, and one is {image[outside][0].item():g}"
        raise ImageError(f"{problem}; put `to_float` with `divide_by` before it")
    values = image.to(torch.promote_types(image.dtype, torch.float32))
    return _beside_missing(values, change).clamp(0, 1).to(image.dtype)


def _beside_missing(values: torch.Tensor, change: Change) -> torch.Tensor:
    """Change values that are there; NaN stays, and is the band's mean for those about it."""
    missing = values.isnan()
    if not missing.any():
        return change(values)
    means = values.nanmean(dim=(-2, -1), keepdim=True).nan_to_num()
    return torch.where(missing, values, change(torch.where(missing, means, values)))


class ToFloat(Augmentation):
    """Make values 32-bit floats."""

    name: ClassVar = "to_float"
    localises: ClassVar = True

    divide_by: Positive | None = None
    """What values are divided by. None takes the type's greatest: 255 or 65,535; floats stay as they are."""

    def apply(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Divide."""
        image = parts.image
        if self.divide_by is None and not image.dtype.is_floating_point and image.dtype not in RANGES:
            kind = str(image.dtype).removeprefix("torch.")
            raise ImageError(f"{self.name}: values of type {kind} have no range; give `divide_by`")
        return parts._replace(image=image.to(torch.float32) / (self.divide_by or RANGES.get(image.dtype, 1)))


class Normalise(Augmentation):
    """Take the mean from each band, and divide by the standard deviation."""

    name: ClassVar = "normalise"
    localises: ClassVar = True

    mean: Annotated[list[float], Field(min_length=1)]
    """One number a band, in units of what `to_float` gives."""
    std: Annotated[list[Positive], Field(min_length=1)]
    """One number a band, likewise."""

    @model_validator(mode="after")
    def _fits_together(self) -> Normalise:
        if len(self.mean) != len(self.std):
            raise ValueError(f"has {len(self.mean)} means and {len(self.std)} standard deviations")
        return self

    def check_channels(self, channels: Sequence[str]) -> None:
        """Check that there is a mean for each band."""
        if len(channels) != len(self.mean):
            found = f"the images have {len(channels)}: {', '.join(channels)}"
            raise ConfigError(f"{self.name} has means of {len(self.mean)} bands; {found}.")

    def apply(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Normalise."""
        image = parts.image
        if not image.dtype.is_floating_point:
            raise ImageError(f"{self.name}: values are whole numbers; put `to_float` before it")
        moments = (torch.tensor(numbers, dtype=image.dtype) for numbers in (self.mean, self.std))
        return parts._replace(image=normalize(image[None], *moments)[0])
