"""Small pictures that show more than the image: where the model looks, what the mask says, two images side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import matplotlib
import numpy as np
import numpy.typing as npt

from treeline.io.datasets.samples import NOT_LABELLED, Mask, decode_mask
from treeline.io.images import Pixels

HEAT = "inferno"
"""Evenly brighter from low to high, for the colour-blind, too."""
STRONGEST = 0.75
"""Opacity of the highest attribution."""
PAINTED = 0.55
GAP = 4
"""Pixels between two pictures."""

COLOURS = {
    "blue": (0, 114, 178),
    "orange": (230, 159, 0),
    "green": (0, 158, 115),
    "pink": (204, 121, 167),
    "vermilion": (213, 94, 0),
    "light blue": (86, 180, 233),
    "yellow": (240, 228, 66),
}
"""Of classes: Okabe's and Ito's; those beyond the seventh begin anew."""
CLASS_COLOURS = np.array(list(COLOURS.values()), np.uint8)


def with_heat(pixels: Pixels, attribution: npt.NDArray[np.float32]) -> Pixels:
    """Lay an attribution over a grey picture: the higher, the brighter and the less of the picture.

    Args:
        pixels: Height x width x 3.
        attribution: Any height and width, of the same view; no sign. What is no number is 0.
    """
    values = np.nan_to_num(_resized(attribution, pixels.shape[:2]), nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
    values = np.clip(values, 0, None)
    values = values / (values.max() or 1.0)
    grey = pixels.mean(axis=2, keepdims=True).repeat(3, 2)
    colours = 255 * matplotlib.colormaps[HEAT](values)[..., :3]
    opacity = STRONGEST * values[..., None]
    return _rounded(grey * (1 - opacity) + colours * opacity)


def with_mask(pixels: Pixels, mask: bytes | Mask) -> Pixels:
    """Paint the classes of a mask over a picture; what is not labelled is dark.

    Raises:
        ImageError: The mask cannot be decoded.
    """
    classes = decode_mask(mask) if isinstance(mask, bytes) else mask
    classes = _resized(classes, pixels.shape[:2])
    colours = CLASS_COLOURS[classes % len(CLASS_COLOURS)].astype(np.float64)
    colours[classes == NOT_LABELLED] = 0
    return _rounded(pixels * (1 - PAINTED) + colours * PAINTED)


def colours_of(class_names: Sequence[str]) -> str:
    """Say which class has which colour."""
    named = [f"{colour} is {name}" for colour, name in zip(COLOURS, class_names, strict=False)]
    return ", ".join(named) + (", and so on" if len(class_names) > len(COLOURS) else "")


def side_by_side(first: Pixels, second: Pixels) -> Pixels:
    """Two pictures in one, the second as high as the first."""
    height = first.shape[0]
    second = _resized(second, (height, max(1, round(second.shape[1] * height / second.shape[0]))))
    gap = np.full((height, GAP, 3), 128, np.uint8)
    return np.concatenate([first, gap, second], axis=1)


Value = TypeVar("Value", bound=np.generic)


def _resized(values: npt.NDArray[Value], size: tuple[int, ...]) -> npt.NDArray[Value]:
    """The nearest value for each pixel: masks and steps of an attribution stay what they are."""
    rows, columns = (
        np.minimum((np.arange(wanted) + 0.5) * there / wanted, there - 1).astype(np.int64)
        for wanted, there in zip(size, values.shape, strict=False)
    )
    resized: npt.NDArray[Value] = values[rows[:, None], columns]
    return resized


def _rounded(values: npt.NDArray[np.float64]) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
