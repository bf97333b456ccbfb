"""Where images lie on the ground, and windows by geographic bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cache
from math import floor

import numpy as np
import pandas as pd

from treeline.datasets.targets import Boxes
from treeline.datasets.windows import LEAST_VISIBLE, Crops, Cut, Ground, Windows, check_share
from treeline.errors import ConfigError
from treeline.io.datasets.samples import Bands, Mask
from treeline.io.images import Size

FIELDS = ("crs", "x_offset", "y_offset", "x_gsd", "y_gsd")


@dataclass(frozen=True)
class Bounds(Windows):
    """The part of each image within bounds; an image that has no pixel there gives no sample.

    The first row and column, the height and the width are each rounded to whole pixels, halves upwards; there is at
    least one. Images with pixels of one size give windows of one size, wherever their pixels lie. What of it is beyond
    an image is left out.

    Args:
        left: Least x, in units of the coordinates.
        bottom: Least y.
        right: Greatest x.
        top: Greatest y.
        crs: Their coordinate reference system, which is that of every image, such as `EPSG:32633`.
        least_visible: Share of a box that must be in the window.

    Raises:
        ConfigError: There is nothing in the bounds.
    """

    left: float
    bottom: float
    right: float
    top: float
    crs: str
    _: KW_ONLY
    least_visible: float = LEAST_VISIBLE

    def __post_init__(self) -> None:
        if not (self.left < self.right and self.bottom < self.top):
            raise ConfigError("spatial: nothing is in the bounds; they are left, bottom, right, top.")
        check_share(self.least_visible)

    def at(self, ground: Ground | None) -> Windows:
        """The pixels of an image that lies there.

        Raises:
            ConfigError: Nothing says where it lies, or it has other coordinates.
        """
        if ground is None:
            raise ConfigError("spatial: Bounds need to know where each image lies: crs, x_offset, y_offset, x_gsd.")
        if not _is_same(ground.crs, self.crs):
            raise ConfigError(f"spatial: the bounds are in {self.crs}, an image in {ground.crs}: give them in that.")
        columns = sorted((x - ground.x_offset) / ground.x_gsd for x in (self.left, self.right))
        rows = sorted((ground.y_offset - y) / ground.y_gsd for y in (self.bottom, self.top))
        (left, width), (top, height) = (_whole(*edges) for edges in (columns, rows))
        return _Part(top, left, height, width, self.least_visible)

    def count(self, height: int, width: int) -> int:
        """Not known without the ground."""
        return self.at(None).count(height, width)

    def size(self, height: int, width: int) -> Size:
        """Not known without the ground."""
        return self.at(None).size(height, width)

    def cut(
        self, bands: Bands, mask: Mask | None, boxes: Boxes | None, number: int, generator: np.random.Generator
    ) -> Cut:
        """Not known without the ground."""
        return self.at(None).cut(bands, mask, boxes, number, generator)


@dataclass(frozen=True)
class _Part(Crops):
    """One window, as much of it as the image has."""

    top: int
    left: int
    height: int
    width: int
    least_visible: float

    def count(self, height: int, width: int) -> int:
        """None or one."""
        return int(min(self.size(height, width)) > 0)

    def size(self, height: int, width: int) -> Size:
        """What the image has of it."""
        rows = min(self.top + self.height, height) - max(self.top, 0)
        columns = min(self.left + self.width, width) - max(self.left, 0)
        return max(0, rows), max(0, columns)

    def corner(self, height: int, width: int, number: int, generator: np.random.Generator) -> tuple[int, int]:
        """The first pixel that the image has of it."""
        return max(self.top, 0), max(self.left, 0)


def grounds_of(facts: pd.DataFrame) -> Sequence[Ground | None]:
    """Where the image of each row lies; None where that is not known.

    Args:
        facts: Rows of the table `spatial`, or of one that has its columns.
    """
    if any(name not in facts for name in FIELDS):
        return [None] * len(facts)
    offsets = facts[list(FIELDS[1:])].to_numpy(np.float64)
    known = (facts["crs"].fillna("") != "").to_numpy() & np.isfinite(offsets).all(axis=1)
    rows = zip(facts["crs"], offsets.tolist(), known, strict=True)
    return [Ground(crs, *numbers) if is_known else None for crs, numbers, is_known in rows]


def _whole(first: float, last: float) -> tuple[int, int]:
    """The first pixel and how many they are, of a span whose edges are between pixels."""
    return floor(first + 0.5), max(1, floor(last - first + 0.5))


@cache
def _is_same(one: str, other: str) -> bool:
    if one == other:
        return True
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return bool(CRS.from_user_input(one) == CRS.from_user_input(other))
    except CRSError:
        return False
