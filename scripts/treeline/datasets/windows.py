"""Spatial sampling: which windows of an image are samples, and how an image is brought to a size.

What is cut from an image is cut from its mask and its boxes too. Rows and columns are whole pixels, so that nothing is
interpolated but by those in `resizing`. A box is clipped to its window; one of which less than `least_visible` is left
is dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np

from treeline.datasets.boxes import clip, visible
from treeline.datasets.sample_sets import check_least
from treeline.datasets.targets import Boxes
from treeline.errors import ConfigError
from treeline.io.datasets.samples import Bands, Mask
from treeline.io.images import Size

Cut = tuple[Bands, Mask | None, Boxes | None]
LEAST_VISIBLE = 0.25


class Ground(NamedTuple):
    """Where an image lies.

    Args:
        crs: Its coordinate reference system.
        x_offset: Coordinate of the first column's outer edge.
        y_offset: Coordinate of the first row's outer edge.
        x_gsd: Width of a pixel, in units of the coordinates: columns go with x where it is positive.
        y_gsd: Height of a pixel, likewise: rows go against y where it is positive.
    """

    crs: str
    x_offset: float
    y_offset: float
    x_gsd: float
    y_gsd: float


class Windows(ABC):
    """The windows of an image; all windows of one image are of one size."""

    @abstractmethod
    def count(self, height: int, width: int) -> int:
        """How many windows an image of this size has.

        Raises:
            ConfigError: It is too small.
        """

    @abstractmethod
    def size(self, height: int, width: int) -> Size:
        """Height and width of each window of an image of this size."""

    @abstractmethod
    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> Cut:
        """Cut a window.

        Args:
            bands: Height x width x channels.
            mask: Height x width.
            boxes: In pixels of the image.
            number: Of the window, from 0 to the count - 1.
            generator: What is drawn comes from it alone.

        Returns:
            The same of the window, in memory of its own.
        """

    def at(self, ground: Ground | None) -> Windows:
        """The windows of an image that lies there; the same wherever that is, but for `Bounds`."""
        return self


@dataclass(frozen=True)
class Then(Windows):
    """Windows of windows: `Then(ResizeShorter(256), CentreCrop(224, 224))`.

    Args:
        first: What is done with the image.
        second: What is done with each window of that.
    """

    first: Windows
    second: Windows

    def count(self, height: int, width: int) -> int:
        """Those of the one times those of the other."""
        outer = self.first.count(height, width)
        return outer * self.second.count(*self.first.size(height, width)) if outer else 0

    def size(self, height: int, width: int) -> Size:
        """That of the second."""
        return self.second.size(*self.first.size(height, width))

    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> Cut:
        """Cut a window, and a window out of that."""
        height, width = bands.shape[:2]
        outer, inner = divmod(number, self.second.count(*self.first.size(height, width)))
        return self.second.cut(*self.first.cut(bands, mask, boxes, outer, generator), inner, generator)

    def at(self, ground: Ground | None) -> Windows:
        """The first kind knows the ground."""
        return Then(self.first.at(ground), self.second)


class Crops(Windows):
    """Windows that are parts of the image, as they are."""

    least_visible: float

    @abstractmethod
    def corner(self, height: int, width: int, number: int, generator: np.random.Generator) -> tuple[int, int]:
        """First row and column of a window."""

    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> Cut:
        """Cut a window out."""
        height, width = bands.shape[:2]
        size = self.size(height, width)
        top, left = self.corner(height, width, number, generator)
        part = slice(top, top + size[0]), slice(left, left + size[1])
        window_mask = None if mask is None else np.array(mask[part])
        window_boxes = None if boxes is None else self._clipped(boxes, left, top, size)
        return np.array(bands[part]), window_mask, window_boxes

    def _clipped(self, boxes: Boxes, left: int, top: int, size: Size) -> Boxes:
        corners, shares = clip(boxes.corners - [left, top, left, top], size)
        kept = visible(shares, self.least_visible)
        return Boxes(corners[kept], boxes.labels[kept])


@dataclass(frozen=True)
class _SizedCrops(Crops):
    """Windows of a size that is given."""

    height: int
    width: int
    _: KW_ONLY
    least_visible: float = LEAST_VISIBLE

    def __post_init__(self) -> None:
        check_least(height=(self.height, 1), width=(self.width, 1))
        check_share(self.least_visible)

    def size(self, height: int, width: int) -> Size:
        """The size that is given."""
        if self.height > height or self.width > width:
            raise ConfigError(
                f"spatial: a window of {self.width} x {self.height} does not fit into an image of {width} x {height}: "
                "resize first, as in Then(ResizeShorter(...), ...), or leave small images out by Tabular('query', ...)."
            )
        return self.height, self.width


@dataclass(frozen=True)
class RandomCrop(_SizedCrops):
    """Windows anywhere; others in another epoch.

    Args:
        height: In pixels.
        width: In pixels.
        windows: How many of each image.
        least_visible: Share of a box that must be in the window.
    """

    windows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(windows=(self.windows, 1))

    def count(self, height: int, width: int) -> int:
        """As many as are asked for."""
        self.size(height, width)
        return self.windows

    def corner(self, height: int, width: int, number: int, generator: np.random.Generator) -> tuple[int, int]:
        """Draw one, each with the same probability."""
        rows, columns = height - self.height + 1, width - self.width + 1
        return int(generator.integers(rows)), int(generator.integers(columns))


@dataclass(frozen=True)
class CentreCrop(_SizedCrops):
    """The window in the middle, or half a pixel to the upper left of it.

    Args:
        height: In pixels.
        width: In pixels.
        least_visible: Share of a box that must be in the window.
    """

    def count(self, height: int, width: int) -> int:
        """One."""
        self.size(height, width)
        return 1

    def corner(self, height: int, width: int, number: int, generator: np.random.Generator) -> tuple[int, int]:
        """The same for every image of one size."""
        return (height - self.height) // 2, (width - self.width) // 2


@dataclass(frozen=True)
class SlidingWindows(_SizedCrops):
    """Windows from the upper left to the lower right, row by row, that leave nothing out.

    The last of each row and column is moved inwards, so that it ends at the border.

    Args:
        height: In pixels.
        width: In pixels.
        stride: Pixels from a window to the next, down and to the right, at most the height and the width; None is the
            window's own size: nothing is in two windows, but for the last ones.
        least_visible: Share of a box that must be in the window.
    """

    stride: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for step, side in zip(self._strides(), (self.height, self.width), strict=True):
            if not 1 <= step <= side:
                raise ConfigError(f"spatial: stride is {step}; it is from 1 to the window's side, {side}.")

    def count(self, height: int, width: int) -> int:
        """Rows times columns of windows."""
        self.size(height, width)
        rows, columns = self._places(height, width)
        return rows * columns

    def corner(self, height: int, width: int, number: int, generator: np.random.Generator) -> tuple[int, int]:
        """At whole strides, but for the last ones."""
        row, column = divmod(number, self._places(height, width)[1])
        down, right = self._strides()
        return min(row * down, height - self.height), min(column * right, width - self.width)

    def _strides(self) -> tuple[int, int]:
        return self.stride or (self.height, self.width)

    def _places(self, height: int, width: int) -> tuple[int, int]:
        down, right = self._strides()
        return 1 - (self.height - height) // down, 1 - (self.width - width) // right


@dataclass(frozen=True)
class GridCrops(Crops):
    """So many rows and columns of windows of one size, as small as leaves nothing out.

    Where the image's side is no multiple, they overlap by some pixels.

    Args:
        rows: Windows from top to bottom.
        columns: Windows from left to right.
        least_visible: Share of a box that must be in the window.
    """

    rows: int
    columns: int
    least_visible: float = LEAST_VISIBLE

    def __post_init__(self) -> None:
        check_least(rows=(self.rows, 1), columns=(self.columns, 1))
        check_share(self.least_visible)

    def count(self, height: int, width: int) -> int:
        """Rows times columns."""
        return self.rows * self.columns

    def size(self, height: int, width: int) -> Size:
        """The image's, divided and rounded up."""
        return -(-height // self.rows), -(-width // self.columns)

    def corner(self, height: int, width: int, number: int, generator: np.random.Generator) -> tuple[int, int]:
        """At equal distances, rounded down."""
        tall, wide = self.size(height, width)
        row, column = divmod(number, self.columns)
        return row * (height - tall) // max(1, self.rows - 1), column * (width - wide) // max(1, self.columns - 1)


def check_share(share: float) -> None:
    """Check a least visible share.

    Raises:
        ConfigError: It is none.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"spatial: least_visible is {share}; it is from 0 to 1.")
