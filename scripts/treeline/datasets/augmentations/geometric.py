"""Augmentations that move pixels: image, mask and boxes alike.

Images are interpolated linearly, masks take the nearest pixel: no class appears that was not there. Where the moved
image shows nothing, it is 0, and the mask not labelled. Boxes are clipped to the image, as `treeline.datasets.boxes`
says.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
from kornia.geometry.transform import warp_affine
from pydantic import AfterValidator, Field

from treeline.datasets import boxes
from treeline.datasets.augmentations.base import (
    Drawn,
    Pair,
    Parts,
    PositiveRange,
    Range,
    Share,
    ShareRange,
    check_order,
    draw_part,
    uniform,
)
from treeline.datasets.augmentations.values import Change, interpolated, moved
from treeline.datasets.boxes import Move
from treeline.io.datasets.samples import NOT_LABELLED
from treeline.io.images import Size

LEAST_VISIBLE = 0.25


class Step(NamedTuple):
    """One move of a sample.

    Args:
        move: Where points go.
        image: Moves an image, C x H x W.
        mask: Moves a mask, 1 x H x W.
    """

    move: Move
    image: Change
    mask: Change


class Geometric(Drawn):
    """One that moves pixels."""

    localises: ClassVar = True

    def change(self, parts: Parts, generator: np.random.Generator) -> Parts:
        """Move the image, the mask and the boxes."""
        for step in self.draw(parts.size, generator):
            parts = parts._replace(image=step.image(parts.image))
            if parts.mask is not None:
                parts = parts._replace(mask=step.mask(parts.mask[None])[0])
            if parts.outlines is not None:
                parts = parts.with_visible(boxes.move(parts.outlines, step.move), self.least())
        return parts

    @abstractmethod
    def draw(self, size: Size, generator: np.random.Generator) -> Sequence[Step]:
        """Draw what is done with an image of this height and width."""

    def least(self) -> float:
        """Share of a box that must stay in the image."""
        return 0


class HorizontalFlip(Geometric):
    """Left becomes right."""

    name: ClassVar = "horizontal_flip"

    def draw(self, size: Size, generator: np.random.Generator) -> Sequence[Step]:
        """Nothing is drawn."""
        return [_exact(boxes.flip_horizontally(size), lambda pixels: pixels.flip(-1))]


class VerticalFlip(Geometric):
    """Top becomes bottom."""

    name: ClassVar = "vertical_flip"

    def draw(self, size: Size, generator: np.random.Generator) -> Sequence[Step]:
        """Nothing is drawn."""
        return [_exact(boxes.flip_vertically(size), lambda pixels: pixels.flip(-2))]


class QuarterTurns(Geometric):
    """Turn anticlockwise by quarters; by one and by three, height and width change places."""

    name: ClassVar = "quarter_turns"

    turns: Annotated[list[Annotated[int, Field(ge=0, le=3)]], Field(min_length=1)] = [1, 2, 3]
    """Numbers of quarters, of which one is drawn. `[2]` leaves images that are not square their size."""

    def draw(self, size: Size, generator: np.random.Generator) -> Sequence[Step]:
        """Draw the number of turns."""
        turns = self.turns[int(generator.integers(len(self.turns)))]
        return [_exact(boxes.turn_by_quarters(turns, size), lambda pixels: torch.rot90(pixels, turns, (-2, -1)))]


class _Cutting(Geometric):
    """One by which boxes may leave the image."""

    least_visible: Share = LEAST_VISIBLE
    """Boxes of which less than this share is left in the image are dropped."""

    def least(self) -> float:
        """As is said."""
        return self.least_visible


class Affine(_Cutting):
    """Shear, scale and turn about the middle, then shift; the size stays."""

    name: ClassVar = "affine"

    degrees: Range = [-15, 15]
    """By how much it is turned, anticlockwise."""
    translate: Range = [-0.1, 0.1]
    """By how much it is shifted, as a share of the width to the right, and as one of the height downwards."""
    scale: PositiveRange = [0.9, 1.1]
    """By how much it is enlarged."""
    shear: Annotated[list[Annotated[float, Field(gt=-90, lt=90)]], Pair, AfterValidator(check_order)] = [0, 0]
    """Degrees by which what is upright leans to the left."""

    def draw(self, size: Size, generator: np.random.Generator) -> Sequence[Step]:
        """Draw the turn, the shifts, the scale and the shear."""
        degrees = uniform(generator, self.degrees)
        right, down = (uniform(generator, self.translate) * side for side in (size[1], size[0]))
        scale, shear = uniform(generator, self.scale), uniform(generator, self.shear)
        move = boxes.affine(size, degrees, (right, down), scale, shear)
        return [Step(move, partial(_warp_image, move=move), partial(_warp_mask, move=move))]


class CropResize(_Cutting):
    """Cut out a part, and bring it to a size."""

    name: ClassVar = "crop_resize"

    size: Annotated[list[Annotated[int, Field(ge=1)]], Pair]
    """Height and width of the result, in pixels."""
    area: ShareRange = [0.3, 1]
    """Share of the image's area that is cut out."""
    ratio: PositiveRange = [0.75, 4 / 3]
    """Its width by its height. Of a part that is wider or higher than the image, what the image has."""

    def draw(self, size: Size, generator: np.random.Generator) -> Sequence[Step]:
        """Draw the part."""
        part = draw_part(size, self.area, self.ratio, generator)
        _, rows, columns = part
        height, width = rows.stop - rows.start, columns.stop - columns.start
        target = self.size[0], self.size[1]
        return [
            _exact(boxes.crop(columns.start, rows.start, (height, width)), lambda pixels: pixels[part]),
            Step(
                boxes.resize((height, width), target),
                partial(_resize_image, size=target),
                partial(_resize_mask, size=target),
            ),
        ]


def _exact(move: Move, change: Change) -> Step:
    """A move of whole pixels."""
    whole = partial(moved, change=change)
    return Step(move, whole, whole)


def _warp_image(image: torch.Tensor, move: Move) -> torch.Tensor:
    return interpolated(image, partial(_warp, move=move, mode="bilinear"))


def _warp_mask(mask: torch.Tensor, move: Move) -> torch.Tensor:
    # Kornia fills up with 0, which is a class.
    filled = NOT_LABELLED - _warp((NOT_LABELLED - mask).to(torch.float32), move, mode="nearest")
    return filled.to(mask.dtype)


def _warp(pixels: torch.Tensor, move: Move, mode: str) -> torch.Tensor:
    # Kornia's coordinates are those of pixels' middles: the first one's is 0, not 0.5.
    matrix = move.matrix.copy()
    matrix[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
    as_tensor = torch.from_numpy(matrix).to(pixels.dtype)[None]
    return warp_affine(pixels[None], as_tensor, move.size, mode=mode, align_corners=True)[0]


def _resize_image(image: torch.Tensor, size: Size) -> torch.Tensor:
    if image.shape[-2:] == size:
        return image
    resize = partial(torch.nn.functional.interpolate, size=size, mode="bilinear", antialias=True)
    return interpolated(image, lambda pixels: resize(pixels[None])[0])


def _resize_mask(mask: torch.Tensor, size: Size) -> torch.Tensor:
    return torch.nn.functional.interpolate(mask[None].to(torch.float32), size=size, mode="nearest-exact")[0].to(
        mask.dtype
    )
