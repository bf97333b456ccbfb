"""Windows that are the whole image at another size: images by areas or linearly, masks by the nearest pixel."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from treeline.datasets.sample_sets import check_least
from treeline.datasets.targets import Boxes
from treeline.datasets.windows import Cut, Windows
from treeline.io.datasets.encodings.sizes import resize_bands, resize_mask
from treeline.io.datasets.samples import NOT_LABELLED, Bands, Mask
from treeline.io.images import Size


class _Resizes(Windows):
    def count(self, height: int, width: int) -> int:
        """One."""
        return 1

    @abstractmethod
    def inner(self, height: int, width: int) -> Size:
        """Height and width to which an image of this size is brought."""

    def size(self, height: int, width: int) -> Size:
        """That of the resized image."""
        return self.inner(height, width)

    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> Cut:
        """Resize."""
        height, width = bands.shape[:2]
        size = self.inner(height, width)
        resized = None if mask is None else resize_mask(mask, size)
        if boxes is not None:
            boxes = Boxes(boxes.corners * ([size[1] / width, size[0] / height] * 2), boxes.labels)
        return resize_bands(bands, size), resized, boxes


@dataclass(frozen=True)
class Resize(_Resizes):
    """Bring each image to one size, whatever its proportions.

    Args:
        height: In pixels.
        width: In pixels.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        check_least(height=(self.height, 1), width=(self.width, 1))

    def inner(self, height: int, width: int) -> Size:
        """The size that is given."""
        return self.height, self.width


@dataclass(frozen=True)
class _ToSide(_Resizes):
    side: int

    def __post_init__(self) -> None:
        check_least(side=(self.side, 1))


@dataclass(frozen=True)
class ResizeShorter(_ToSide):
    """Bring the shorter side of each image to a length; the other one keeps the proportions.

    Args:
        side: In pixels.
    """

    def inner(self, height: int, width: int) -> Size:
        """With the longer side rounded."""
        return _scaled(height, width, self.side / min(height, width))


@dataclass(frozen=True)
class ResizeLonger(_ToSide):
    """Bring the longer side of each image to a length; the other one keeps the proportions.

    Args:
        side: In pixels.
    """

    def inner(self, height: int, width: int) -> Size:
        """With the shorter side rounded, at least one pixel."""
        return _scaled(height, width, self.side / max(height, width))


@dataclass(frozen=True)
class Letterbox(Resize):
    """Bring each image to one size with its proportions kept: what is left of the size is 0, in masks not labelled.

    The image is in the middle, or half a pixel to the upper left of it.

    Args:
        height: In pixels.
        width: In pixels.
    """

    def inner(self, height: int, width: int) -> Size:
        """What fits into the size that is given."""
        return _scaled(height, width, min(self.height / height, self.width / width))

    def size(self, height: int, width: int) -> Size:
        """The size that is given."""
        return self.height, self.width

    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> Cut:
        """Resize, and fill up."""
        bands, mask, boxes = super().cut(bands, mask, boxes, number, generator)
        height, width = bands.shape[:2]
        top, left = (self.height - height) // 2, (self.width - width) // 2
        margins = (top, self.height - height - top), (left, self.width - width - left)
        if mask is not None:
            mask = np.pad(mask, margins, constant_values=NOT_LABELLED)
        if boxes is not None:
            boxes = Boxes(boxes.corners + [left, top, left, top], boxes.labels)
        return np.pad(bands, (*margins, (0, 0))), mask, boxes


def _scaled(height: int, width: int, factor: float) -> Size:
    return max(1, round(height * factor)), max(1, round(width * factor))
