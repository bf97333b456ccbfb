"""Boxes that are the same are found by a grid, as comparing each with each would find them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from treeline.detections.repeats.boxes import group_boxes, intersection_over_union

positions = st.floats(0, 0.6)
sides = st.floats(0.01, 0.4)
boxes_anywhere = st.tuples(positions, positions, sides, sides)


@st.composite
def crowds(draw: st.DrawFn) -> list[tuple[float, ...]]:
    """Boxes around a few places, most of them close to the limit of being the same."""
    centres = draw(st.lists(boxes_anywhere, min_size=1, max_size=4))
    tremble = st.lists(st.floats(-0.08, 0.08), min_size=4, max_size=4)
    crowd = []
    for centre in draw(st.lists(st.sampled_from(centres), min_size=1, max_size=40)):
        left, top, width, height = draw(tremble)
        x, y, w, h = centre
        crowd.append((x + left * w, y + top * h, w * (1 + width), h * (1 + height)))
    return crowd


def group_by_comparing_all(boxes: Sequence[Sequence[float]], iou: float) -> list[list[int]]:
    groups: list[list[int]] = []
    for place, box in enumerate(boxes):
        alike = [group for group in groups if intersection_over_union(box, boxes[group[0]]) >= iou]
        for group in alike:
            group.append(place)
        if not alike:
            groups.append([place])
    return groups


@given(crowds(), st.sampled_from([0.5, 0.75, 0.9, 0.95, 0.99]))
def test_the_grid_finds_what_comparing_all_finds(crowd: list[tuple[float, ...]], iou: float) -> None:
    assert group_boxes(np.array(crowd), iou) == group_by_comparing_all(crowd, iou)


@given(boxes_anywhere, st.integers(2, 5))
def test_equal_boxes_are_the_same_at_an_iou_of_1(box: tuple[float, ...], count: int) -> None:
    assert group_boxes(np.array([box] * count), 1.0) == [list(range(count))]


def test_boxes_that_only_just_are_alike_are_found_along_every_side() -> None:
    for side in range(4):
        for iou in (0.5, 0.8, 0.9):
            first, second = [0.3, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.1]
            if side < 2:
                second[side] += first[side + 2] * (1 - iou) / (1 + iou) * 0.999999
            else:
                second[side] *= iou * 1.000001
            assert group_boxes(np.array([first, second]), iou) == [[0, 1]], (side, iou)
