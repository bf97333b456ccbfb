"""From a detection's box to the pixels around it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from treeline.io.images import Pixels, Size


class Region(NamedTuple):
    """A rectangle of pixels; where it reaches beyond the image, there are none.

    Args:
        left: First column; below 0 where it reaches beyond the image.
        top: First row, likewise.
        right: Column after the last.
        bottom: Row after the last.
    """

    left: int
    top: int
    right: int
    bottom: int


def region_of(box: Sequence[float], size: Size, *, margin: float = 0, square: bool = False) -> Region:
    """Find the pixels of a detection: all that its box touches, at least one.

    Args:
        box: Left, top, width and height as shares of the image; may overshoot it.
        size: The image's height and width in pixels, upright.
        margin: What is added on each side, as a share of the box's longer side in pixels; ends at the image's edge.
        square: Widen the shorter side about the middle of the box, also beyond the image's edge.

    Returns:
        The region. Only a square reaches beyond the image.
    """
    height, width = size
    extra = margin * max(box[2] * width, box[3] * height)
    left, right = _span(box[0] * width - extra, (box[0] + box[2]) * width + extra, width)
    top, bottom = _span(box[1] * height - extra, (box[1] + box[3]) * height + extra, height)
    if square:
        side = max(right - left, bottom - top)
        left -= (side - (right - left)) // 2
        top -= (side - (bottom - top)) // 2
        right, bottom = left + side, top + side
    return Region(left, top, right, bottom)


def cut(pixels: Pixels, region: Region) -> Pixels:
    """Cut a region out of an image; what is beyond the image is black.

    Args:
        pixels: Height x width x 3.
        region: Touches the image.

    Returns:
        Of the region's size.
    """
    height, width = pixels.shape[:2]
    inside = pixels[max(region.top, 0) : region.bottom, max(region.left, 0) : region.right]
    above, before = max(-region.top, 0), max(-region.left, 0)
    below, after = max(region.bottom - height, 0), max(region.right - width, 0)
    return np.ascontiguousarray(np.pad(inside, ((above, below), (before, after), (0, 0))))


def _span(start: float, end: float, length: int) -> tuple[int, int]:
    """The pixels that an interval touches, inside of the image and at least one."""
    # A box that ends on a pixel's edge must not take the next one for a rounding error of its shares.
    first = min(max(floor(round(start, 6)), 0), length - 1)
    return first, min(max(ceil(round(end, 6)), first + 1), length)
