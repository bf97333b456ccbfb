"""Windows of images: where they are, that nothing is left out, and that masks and boxes go along."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.datasets.resizing import ResizeShorter
from treeline.datasets.targets import Boxes
from treeline.datasets.windows import CentreCrop, GridCrops, RandomCrop, SlidingWindows, Then, Windows
from treeline.errors import ConfigError

SIDES = st.integers(1, 40)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbered(height: int, width: int) -> npt.NDArray[np.int64]:
    """An image whose pixels are all different: the place of each."""
    return np.arange(height * width).reshape(height, width, 1)


def cuts(windows: Windows, height: int, width: int, seed: int = 0) -> list[npt.NDArray[Any]]:
    image = numbered(height, width)
    count = windows.count(height, width)
    return [windows.cut(image, None, None, number, generator(seed))[0] for number in range(count)]


def check_covers(windows: Windows, height: int, width: int) -> None:
    """Each window is a part of the image as it is, of the size that is said, and no pixel is in none."""
    image, seen = numbered(height, width), np.zeros(height * width, dtype=bool)
    for cut in cuts(windows, height, width):
        assert cut.shape[:2] == windows.size(height, width)
        top, left = divmod(int(cut[0, 0, 0]), width)
        assert np.array_equal(cut, image[top : top + cut.shape[0], left : left + cut.shape[1]])
        seen[cut] = True
    assert seen.all()


@given(SIDES, SIDES, st.data())
def test_sliding_windows_leave_nothing_out(height: int, width: int, data: st.DataObject) -> None:
    tall, wide = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    stride = data.draw(st.none() | st.tuples(st.integers(1, tall), st.integers(1, wide)))
    windows = SlidingWindows(tall, wide, stride)
    check_covers(windows, height, width)
    corners = [int(cut[0, 0, 0]) for cut in cuts(windows, height, width)]
    assert corners == sorted(set(corners))
    down, right = stride or (tall, wide)
    inner = [divmod(corner, width) for corner in corners]
    assert all(top % down == 0 or top == height - tall for top, _ in inner)
    assert all(left % right == 0 or left == width - wide for _, left in inner)


@given(SIDES, SIDES, st.integers(1, 6), st.integers(1, 6))
def test_grids_leave_nothing_out(height: int, width: int, rows: int, columns: int) -> None:
    grid = GridCrops(rows, columns)
    assert grid.count(height, width) == rows * columns
    check_covers(grid, height, width)
    if height % rows == width % columns == 0:
        places = np.concatenate([cut.ravel() for cut in cuts(grid, height, width)])
        assert len(places) == height * width  # no two overlap


@given(SIDES, SIDES, st.data())
def test_crops_are_parts(height: int, width: int, data: st.DataObject) -> None:
    tall, wide = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    image = numbered(height, width)
    for windows in (CentreCrop(tall, wide), RandomCrop(tall, wide, windows=3)):
        for cut in cuts(windows, height, width):
            top, left = divmod(int(cut[0, 0, 0]), width)
            assert np.array_equal(cut, image[top : top + tall, left : left + wide])
            assert cut.shape[:2] == (tall, wide) == windows.size(height, width)
    [centre] = cuts(CentreCrop(tall, wide), height, width)
    top, left = divmod(int(centre[0, 0, 0]), width)
    assert 0 <= (height - tall - top) - top <= 1 and 0 <= (width - wide - left) - left <= 1


def test_random_crops_come_from_the_generator_alone_and_reach_everywhere() -> None:
    corners = {int(cuts(RandomCrop(3, 4), 5, 6, seed)[0][0, 0, 0]) for seed in range(100)}
    assert corners == {row * 6 + column for row in range(3) for column in range(3)}
    one, other = (cuts(RandomCrop(3, 4), 50, 60, seed=8)[0] for _ in range(2))
    assert np.array_equal(one, other)


@given(st.integers(0, 50), st.integers(1, 20), st.integers(1, 20), st.integers(0, 20), st.integers(0, 20))
def test_masks_and_boxes_go_along(seed: int, wide: int, tall: int, x: int, y: int) -> None:
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[y : y + tall, x : x + wide] = 1
    corners = np.array([[x, y, x + wide, y + tall], [0, 0, 40, 40]], dtype=np.float64)
    boxes = Boxes(corners, np.array([7, 8]))
    bands, cut_mask, cut_boxes = RandomCrop(15, 18, least_visible=0).cut(
        mask[..., None], mask, boxes, 0, generator(seed)
    )
    assert cut_mask is not None and cut_boxes is not None
    assert np.array_equal(bands[..., 0], cut_mask)
    rows, columns = np.nonzero(cut_mask)
    found = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]] if rows.size else []
    assert cut_boxes.corners.tolist() == [*found, [0, 0, 18, 15]]
    assert cut_boxes.labels.tolist() == ([7, 8] if found else [8])


def test_boxes_of_which_too_little_is_visible_are_dropped() -> None:
    boxes = Boxes(np.array([[2.0, 0, 6, 4], [3.0, 0, 7, 4], [3.5, 0, 7.5, 4]]), np.array([0, 1, 2]))
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    for least, expected in ((0, [0, 1, 2]), (0.25, [0, 1]), (0.5, [0]), (0.6, [])):
        cut = SlidingWindows(4, 4, least_visible=least).cut(image, None, boxes, 0, generator())[2]
        assert cut is not None and cut.labels.tolist() == expected
        assert cut.corners.tolist() == [[2 + 0.5 * label + (label > 0) * 0.5, 0, 4, 4] for label in expected]


def test_windows_have_memory_of_their_own() -> None:
    image, mask = np.zeros((4, 8, 3), dtype=np.uint8), np.zeros((4, 8), dtype=np.uint8)
    bands, cut, _ = CentreCrop(2, 2).cut(image, mask, None, 0, generator())
    assert cut is not None
    bands[:], cut[:] = 1, 1
    assert not image.any() and not mask.any()


@given(SIDES, SIDES)
def test_windows_of_windows(height: int, width: int) -> None:
    check_covers(Then(GridCrops(2, 1), GridCrops(1, 3)), height, width)
    windows = Then(ResizeShorter(6), SlidingWindows(6, 6))
    tall, wide = ResizeShorter(6).size(height, width)
    assert windows.count(height, width) == SlidingWindows(6, 6).count(tall, wide)
    assert windows.size(height, width) == (6, 6)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: RandomCrop(0, 4), "height is 0"),
        (lambda: RandomCrop(4, 4, windows=0), "windows is 0"),
        (lambda: SlidingWindows(4, 4, (5, 4)), "stride is 5; it is from 1 to the window's side, 4"),
        (lambda: SlidingWindows(4, 4, (4, 0)), "stride is 0"),
        (lambda: CentreCrop(4, 4, least_visible=1.5), "least_visible is 1.5"),
        (lambda: GridCrops(1, 0), "columns is 0"),
        (lambda: CentreCrop(5, 4).count(4, 9), "4 x 5 does not fit into an image of 9 x 4"),
        (lambda: SlidingWindows(5, 4).count(4, 9), "resize first"),
        (lambda: RandomCrop(5, 4).cut(numbered(4, 9), None, None, 0, generator()), "does not fit"),
        (lambda: Then(ResizeShorter(4), CentreCrop(5, 5)).count(8, 8), "does not fit into an image of 4 x 4"),
    ],
)
def test_refusals(make: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make()
