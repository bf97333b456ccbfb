"""Group boxes that are nearly the same, without comparing all pairs.

Boxes are taken in the order given. One that no group's first box resembles begins a group; one that several resemble
belongs to each of their groups. It is what the megadetector package's repeat detection elimination does with the
images of one camera. A grid tells which groups can be like a box at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""Number of boxes x 4: left, top, width, height; width and height are above 0."""

Keys = npt.NDArray[np.int64]

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
    groups: dict[int, list[int]] = {}
    first_boxes_at: dict[int, list[tuple[float, float, int]]] = {}
    homes, reached = _cells(boxes, iou)
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    farthest = boxes[:, 2:] * ((1 - iou) / (2 * iou) + MARGIN)
    as_lists = boxes.tolist()
    columns = (homes.tolist(), middles.tolist(), farthest.tolist(), reached)
    for place, (home, (x, y), (far_x, far_y), keys) in enumerate(zip(*columns, strict=True)):
        box, is_new = as_lists[place], True
        for key in keys.tolist():
            for first_x, first_y, first in first_boxes_at.get(key, ()):
                # Most boxes of a cell are told apart by their middles alone, which is quicker.
                if abs(x - first_x) > far_x or abs(y - first_y) > far_y:
                    continue
                if intersection_over_union(box, as_lists[first]) >= iou:
                    is_new = False
                    if groups[first][-1] != place:
                        groups[first].append(place)
        if is_new:
            groups[place] = [place]
            first_boxes_at.setdefault(home, []).append((x, y, place))
    return list(groups.values())


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
