"""Boxes move as masks of them do, and as the geometry library Shapely moves them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import affine_transform

from treeline.datasets import boxes
from treeline.datasets.boxes import Move
from treeline.datasets.targets import BoxArray
from treeline.io.images import Size

SIZE = (17, 23)


@st.composite
def placed_boxes(draw: st.DrawFn, size: Size = SIZE) -> BoxArray:
    """Up to three boxes of whole pixels."""
    corners = []
    for _ in range(draw(st.integers(0, 3))):
        x0, y0 = draw(st.integers(0, size[1] - 1)), draw(st.integers(0, size[0] - 1))
        corners.append([x0, y0, draw(st.integers(x0 + 1, size[1])), draw(st.integers(y0 + 1, size[0]))])
    return np.array(corners, dtype=np.float64).reshape(-1, 4)


@st.composite
def affines(draw: st.DrawFn) -> Move:
    shift = st.floats(-10, 10)
    return boxes.affine(
        SIZE, draw(st.floats(-180, 180)), (draw(shift), draw(shift)), draw(st.floats(0.2, 3)), draw(st.floats(-60, 60))
    )


def drawn(corners: BoxArray, size: Size) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros((len(corners), *size), dtype=np.bool_)
    for layer, (x0, y0, x1, y1) in zip(mask, corners.astype(int), strict=True):
        layer[y0:y1, x0:x1] = True
    return mask


def measured(masks: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> BoxArray:
    found = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        found.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return np.array(found, dtype=np.float64).reshape(-1, 4)


@given(placed_boxes(), st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_flips_and_turns_are_those_of_masks(corners: BoxArray, moves: list[int]) -> None:
    masks, outlines, size = drawn(corners, SIZE), boxes.outline(corners), SIZE
    for move in moves:
        if move == 4:
            masks, step = masks[:, :, ::-1], boxes.flip_horizontally(size)
        elif move == 5:
            masks, step = masks[:, ::-1], boxes.flip_vertically(size)
        else:
            masks, step = np.rot90(masks, move, (1, 2)), boxes.turn_by_quarters(move, size)
        outlines, size = boxes.move(outlines, step), step.size
    assert size == masks.shape[1:]
    assert np.array_equal(boxes.bounds(outlines), measured(masks))


@given(placed_boxes(), st.integers(1, 4), st.integers(0, 9), st.integers(0, 9))
def test_crop_and_resize_are_those_of_masks(corners: BoxArray, factor: int, left: int, top: int) -> None:
    part = (8, 11)
    masks = drawn(corners, SIZE)[:, top : top + part[0], left : left + part[1]]
    kept = masks.any(axis=(1, 2))
    outlines = boxes.move(boxes.outline(corners), boxes.crop(left, top, part))
    assert np.array_equal(boxes.visible(outlines.shares(), 0), kept)
    whole = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    assert np.allclose(outlines.shares(), masks.sum(axis=(1, 2)) / whole)
    step = boxes.resize(part, (part[0] * factor, part[1] * factor))
    enlarged = masks[kept].repeat(factor, axis=1).repeat(factor, axis=2)
    assert np.allclose(boxes.bounds(boxes.move(outlines.only(kept), step)), measured(enlarged))
    assert np.allclose(boxes.clip(corners - [left, top, left, top], part)[1], outlines.shares())


@given(placed_boxes(), st.lists(affines(), min_size=1, max_size=3))
def test_affine_is_that_of_shapely(corners: BoxArray, moves: list[Move]) -> None:
    image = shapely.box(0, 0, SIZE[1], SIZE[0])
    outlines = boxes.outline(corners)
    shapes = [shapely.box(*box) for box in corners]
    areas = np.array([shape.area for shape in shapes])
    for move in moves:
        outlines = boxes.move(outlines, move)
        (a, b, x), (d, e, y) = move.matrix
        shapes = [affine_transform(shape, [a, b, d, e, x, y]).intersection(image) for shape in shapes]
        areas = areas * abs(a * e - b * d)
    shares = np.array([shape.area for shape in shapes]) / areas
    assert np.allclose(outlines.shares(), shares, atol=1e-6)
    kept = shares > 1e-6
    expected = np.array([shape.bounds for shape, keep in zip(shapes, kept, strict=True) if keep]).reshape(-1, 4)
    assert np.allclose(boxes.bounds(outlines.only(kept)), expected, atol=1e-6)


def test_affine_turns_as_quarters_do() -> None:
    square = (10, 10)
    for turns in range(4):
        turned, expected = boxes.affine(square, 90 * turns, (0, 0), 1, 0), boxes.turn_by_quarters(turns, square)
        assert np.allclose(turned.matrix, expected.matrix)


def test_directions() -> None:
    corners = np.array([[4.0, 0, 6, 2]])
    for options, expected in (
        ((0, (1, 2), 1, 0), [5, 2, 7, 4]),
        ((0, (0, 0), 0.5, 0), [4.5, 2.5, 5.5, 3.5]),
        ((0, (0, 0), 1, 45), [0, 0, 3, 2]),
    ):
        moved = boxes.move(boxes.outline(corners), boxes.affine((10, 10), *options))  # type: ignore[arg-type]
        assert boxes.bounds(moved)[0] == pytest.approx(expected), options


def test_what_is_left_of_a_box() -> None:
    corners = np.array([[-2.0, 0, 2, 4], [30, 0, 40, 4], [0, 0, 23, 17]])
    clipped, shares = boxes.clip(corners, SIZE)
    assert shares.tolist() == [0.5, 0, 1]
    assert clipped[[0, 2]].tolist() == [[0, 0, 2, 4], [0, 0, 23, 17]]
    assert boxes.visible(shares, 0).tolist() == [True, False, True]
    assert boxes.visible(shares, 0.5).tolist() == [True, False, True]
    assert boxes.visible(shares, 0.51).tolist() == [False, False, True]
