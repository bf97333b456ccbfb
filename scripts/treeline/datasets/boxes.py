"""Box geometry: a box moves as a mask of it would.

Coordinates are those of edges, not of pixels' middles: the pixel in column 3 reaches from 3.0 to 4.0, and an image from
0 to its width. A flip takes x to `width - x`; what flips pixels' middles (`width - 1 - x`) is off by one pixel.

Through a series of moves a box is carried as its outline, a convex polygon, and only at the end made a box again. A box
about a box about a turned box would grow with each turn.
"""

from __future__ import annotations

from math import cos, radians, sin, tan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from treeline.datasets.targets import BoxArray
from treeline.io.images import Size

Matrix = npt.NDArray[np.float64]
"""2 x 3: from x, y, 1 in an image to x, y in the moved one."""
Polygon = npt.NDArray[np.float64]
"""P x 2: x, y of the corners, in order; none where nothing is left."""
Shares = npt.NDArray[np.float64]
"""N: from 0 to 1."""

TINY = np.finfo(np.float64).tiny


class Move(NamedTuple):
    """Where an image's points go.

    Args:
        matrix: From old coordinates to new ones.
        size: Height and width of the new image, in pixels.
    """

    matrix: Matrix
    size: Size


class Outlines(NamedTuple):
    """What is visible of each box.

    Args:
        polygons: One a box.
        areas: Of each whole box, visible or not, in pixels of the present image.
    """

    polygons: tuple[Polygon, ...]
    areas: npt.NDArray[np.float64]

    def shares(self) -> Shares:
        """How much of each box is visible."""
        return np.array([_area(polygon) for polygon in self.polygons]) / np.maximum(self.areas, TINY)

    def only(self, kept: npt.NDArray[np.bool_]) -> Outlines:
        """Those of some boxes."""
        polygons = tuple(polygon for polygon, keep in zip(self.polygons, kept, strict=True) if keep)
        return Outlines(polygons, self.areas[kept])


def outline(corners: BoxArray) -> Outlines:
    """The outlines of boxes, N x 4: x0, y0, x1, y1, each with an area."""
    x0, y0, x1, y1 = corners.T
    polygons = np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=-1).reshape(-1, 4, 2)
    return Outlines(tuple(polygons), (x1 - x0) * (y1 - y0))


def bounds(outlines: Outlines) -> BoxArray:
    """The smallest box about each outline, N x 4: x0, y0, x1, y1."""
    found = [[*polygon.min(axis=0), *polygon.max(axis=0)] for polygon in outlines.polygons]
    return np.array(found, dtype=np.float64).reshape(-1, 4)


def move(outlines: Outlines, to: Move) -> Outlines:
    """Move outlines, and cut off what leaves the image."""
    turn, shift = to.matrix[:, :2], to.matrix[:, 2]
    polygons = (clip_polygon(polygon @ turn.T + shift, to.size) for polygon in outlines.polygons)
    return Outlines(tuple(polygons), outlines.areas * abs(np.linalg.det(turn)))


def clip(corners: BoxArray, size: Size) -> tuple[BoxArray, Shares]:
    """Clip boxes to an image of height x width, and say how much of each is left; of one that is outside, 0."""
    limits = np.array([size[1], size[0]] * 2, dtype=np.float64)
    clipped = np.clip(corners, 0, limits)
    left, whole = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (clipped, corners))
    return clipped, left / np.maximum(whole, TINY)


def visible(shares: Shares, least: float) -> npt.NDArray[np.bool_]:
    """Which boxes are kept: those of which something is left, and no smaller a share than `least`."""
    return (shares > 0) & (shares >= least)


def clip_polygon(polygon: Polygon, size: Size) -> Polygon:
    """Clip a convex polygon to an image of height x width (Sutherland and Hodgman, 1974)."""
    limits = np.array(size[::-1], dtype=np.float64)
    if (polygon >= 0).all() and (polygon <= limits).all():
        return polygon
    for axis in (0, 1):
        polygon = _cut_off(polygon, polygon[:, axis])
        polygon = _cut_off(polygon, limits[axis] - polygon[:, axis])
    return polygon


def flip_horizontally(size: Size) -> Move:
    """Left becomes right."""
    return Move(np.array([[-1.0, 0, size[1]], [0, 1, 0]]), size)


def flip_vertically(size: Size) -> Move:
    """Top becomes bottom."""
    return Move(np.array([[1.0, 0, 0], [0, -1, size[0]]]), size)


def turn_by_quarters(turns: int, size: Size) -> Move:
    """Turn anticlockwise by 0 to 3 quarters, as `numpy.rot90` does."""
    height, width = size
    matrices = (
        [[1, 0, 0], [0, 1, 0]],
        [[0, 1, 0], [-1, 0, width]],
        [[-1, 0, width], [0, -1, height]],
        [[0, -1, height], [1, 0, 0]],
    )
    return Move(np.array(matrices[turns], dtype=np.float64), size if turns % 2 == 0 else (width, height))


def crop(left: float, top: float, size: Size) -> Move:
    """Cut out a window of height x width."""
    return Move(np.array([[1.0, 0, -left], [0, 1, -top]]), size)


def resize(size: Size, target: Size) -> Move:
    """Bring an image of height x width to another."""
    return Move(np.array([[target[1] / size[1], 0, 0], [0, target[0] / size[0], 0]]), target)


def affine(size: Size, degrees: float, translation: tuple[float, float], scale: float, shear: float) -> Move:
    """Shear, scale and turn about the middle of the image, then shift.

    Args:
        size: Height and width in pixels.
        degrees: Anticlockwise.
        translation: To the right and downwards, in pixels.
        scale: Above 1 enlarges.
        shear: Degrees by which what is upright leans to the left.
    """
    angle = radians(degrees)
    turn = scale * np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])
    linear = turn @ np.array([[1, tan(radians(shear))], [0, 1]])
    middle = np.array([size[1] / 2, size[0] / 2])
    return Move(np.column_stack([linear, middle + translation - linear @ middle]), size)


def _cut_off(polygon: Polygon, inside: npt.NDArray[np.float64]) -> Polygon:
    """Cut off what is outside of a line; `inside`: how far each corner is on the inner side of it."""
    kept: list[npt.NDArray[np.float64]] = []
    corners = zip(polygon, np.roll(polygon, -1, axis=0), inside, np.roll(inside, -1), strict=True)
    for corner, following, here, there in corners:
        if here >= 0:
            kept.append(corner)
        if here * there < 0:
            kept.append(corner + (following - corner) * (here / (here - there)))
    return np.array(kept, dtype=np.float64).reshape(-1, 2)


def _area(polygon: Polygon) -> float:
    """By the trapezoid formula of Gauss."""
    x, y = polygon.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
