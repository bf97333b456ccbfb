"""Group boxes that are nearly the same, without comparing all pairs.

Boxes are taken in the order given. One that no group's first box resembles begins a group; one that several resemble
belongs to each of their groups. It is what the megadetector package's repeat detection elimination does with the
images of one camera. A grid tells which groups can be like a box at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""Number of boxes x 4: left, top, width, height; width and height are above 0."""

Places = npt.NDArray[np.int64]
"""Of boxes among all."""

Keys = npt.NDArray[np.int64]

BOXES_AT_ONCE = 16_384
"""Each lot of boxes is compared with the groups begun before at once, and only what is new one by one."""

SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")

MARGIN = 1e-9
"""For rounding: cells are so much wider than they need to be."""

HASH_FACTORS = (0x1E3779B97F4A7C15, 0x1FA26D0A2E1B4DC3, 0x27D4EB2F165667C5)
"""Odd, without a pattern: cells that get the same key by chance cost a comparison and change nothing."""


def group_boxes(boxes: Boxes, iou: float) -> list[list[int]]:
    """Group boxes whose intersection over union with a group's first box is at least `iou`.

    Args:
        boxes: In the order that they are taken in.
        iou: Above 0, up to 1.

    Returns:
        The groups by their first box, each with the places of its boxes, ascending.
    """
    grid = _Grid(boxes, iou)
    firsts = np.empty(0, np.int64)
    pairs = [np.empty((0, 2), np.int64)]
    for start in range(0, len(boxes), BOXES_AT_ONCE):
        places = np.arange(start, min(start + BOXES_AT_ONCE, len(boxes)))
        of_known = grid.pairs_alike(firsts, places)
        begun = grid.first_boxes(np.setdiff1d(places, of_known[:, 1]))
        pairs += [of_known, grid.pairs_alike(begun, places)]
        firsts = np.concatenate([firsts, begun])
    first, place = np.concatenate(pairs).T
    order = np.lexsort((place, first))
    begins = np.flatnonzero(np.diff(first[order], prepend=-1))
    return [group.tolist() for group in np.split(place[order], begins[1:])] if len(boxes) else []


class _Grid:
    """Boxes and the cells that they lie in.

    Args:
        boxes: All of them.
        iou: Least intersection over union of two that are alike.
    """

    def __init__(self, boxes: Boxes, iou: float) -> None:
        self._boxes, self._iou = boxes, iou
        self._homes, self._reached = _cells(boxes, iou)
        self._middles = boxes[:, :2] + boxes[:, 2:] / 2
        self._farthest = boxes[:, 2:] * ((1 - iou) / (2 * iou) + MARGIN)

    def first_boxes(self, places: Places) -> Places:
        """Those boxes that resemble none of them that begins a group before."""
        begun: list[int] = []
        begun_at: dict[int, list[int]] = {}
        boxes, homes = self._boxes[places].tolist(), self._homes[places].tolist()
        for number, (box, home, reached) in enumerate(zip(boxes, homes, self._reached[places].tolist(), strict=True)):
            near = (other for key in reached for other in begun_at.get(key, ()))
            if not any(intersection_over_union(box, boxes[other]) >= self._iou for other in near):
                begun.append(number)
                begun_at.setdefault(home, []).append(number)
        return places[begun]

    def pairs_alike(self, firsts: Places, places: Places) -> Places:
        """All pairs of a group's first box and one that resembles it, itself included; none comes before its first.

        Returns:
            Number of pairs x 2.
        """
        by_home = firsts[np.argsort(self._homes[firsts], kind="stable")]
        begin, end = (np.searchsorted(self._homes[by_home], self._reached[places].ravel(), side) for side in SIDES)
        counts = end - begin
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        first = by_home[np.repeat(begin, counts) + within]
        place = np.repeat(np.repeat(places, self._reached.shape[1]), counts)
        # Most boxes of a cell are told apart by their middles alone, which is quicker.
        apart = np.abs(self._middles[first] - self._middles[place])
        near = (first <= place) & (apart <= self._farthest[place]).all(axis=1)
        first, place = first[near], place[near]
        alike = intersections_over_unions(self._boxes[first], self._boxes[place]) >= self._iou
        # Two cells that got the same key give the same pair twice.
        keys = np.unique(first[alike] * len(self._boxes) + place[alike])
        return np.stack(np.divmod(keys, len(self._boxes)), axis=1)


def intersection_over_union(one: Sequence[float], other: Sequence[float]) -> float:
    """Share of the area of two boxes (left, top, width, height; with an area) that both cover, 0 to 1."""
    right, bottom = one[0] + one[2], one[1] + one[3]
    other_right, other_bottom = other[0] + other[2], other[1] + other[3]
    width = min(right, other_right) - max(one[0], other[0])
    height = min(bottom, other_bottom) - max(one[1], other[1])
    if width < 0 or height < 0:
        return 0.0
    common = width * height
    area, other_area = (right - one[0]) * (bottom - one[1]), (other_right - other[0]) * (other_bottom - other[1])
    return common / (area + other_area - common)


def intersections_over_unions(some: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """`intersection_over_union` of each pair of boxes, with the same rounding."""
    ends, other_ends = some[:, :2] + some[:, 2:], others[:, :2] + others[:, 2:]
    sides = np.minimum(ends, other_ends) - np.maximum(some[:, :2], others[:, :2])
    common = sides.clip(min=0).prod(axis=1)
    areas = (ends - some[:, :2]).prod(axis=1) + (other_ends - others[:, :2]).prod(axis=1)
    return np.asarray(common / (areas - common))


def _cells(boxes: Boxes, iou: float) -> tuple[Keys, Keys]:
    """The cell that each box lies in, and the 16 cells in which all boxes like it lie."""
    (x_home, x_reached), (y_home, y_reached) = (_cells_along(boxes, axis, iou) for axis in (0, 1))
    home = _join(x_home, y_home)
    return home, _join(x_reached[:, :, np.newaxis], y_reached[:, np.newaxis, :]).reshape(len(boxes), -1)


def _cells_along(boxes: Boxes, axis: int, iou: float) -> tuple[Keys, Keys]:
    """The cell of each box along one axis, and the 4 cells in which all boxes like it lie.

    If the IoU of two boxes is at least t, so is that of their sides along an axis. Then the longer side is at most 1/t
    times the shorter one, and the middles are at most (1 - t) / 2t times the shorter one apart. Sides fall into
    classes whose longest is 1/t^2 times the shortest, positions into steps of twice that distance for the class's
    longest side: each of two neighbouring ones at most can hold what is like the box.
    """
    side, middle = boxes[:, axis + 2], boxes[:, axis] + boxes[:, axis + 2] / 2
    class_width = 2 * (-np.log(iou) + MARGIN)
    step_of_longest = (1 - iou) / iou + MARGIN
    size = np.log(side) / class_width

    def cell(size_class: npt.NDArray[np.float64], offset: float) -> Keys:
        step = step_of_longest * np.exp(class_width * (size_class + 1))
        return _join(size_class.astype(np.int64), np.floor(middle / step + offset).astype(np.int64))

    lower = np.floor(size - 0.5)
    reached = [cell(size_class, offset) for size_class in (lower, lower + 1) for offset in (-0.5, 0.5)]
    return cell(np.floor(size), 0), np.stack(reached, axis=1)


def _join(one: Keys, other: Keys) -> Keys:
    """Make one key of two."""
    with np.errstate(over="ignore"):
        mixed = (one * np.int64(HASH_FACTORS[0])) ^ ((other + np.int64(1)) * np.int64(HASH_FACTORS[1]))
        return np.asarray((mixed ^ (mixed >> 29)) * np.int64(HASH_FACTORS[2]), dtype=np.int64)
