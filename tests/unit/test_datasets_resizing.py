"""Whole images at another size, and the parts of images that lie within bounds on the ground."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine
from rasterio.windows import from_bounds

from treeline.datasets.ground import Bounds, grounds_of
from treeline.datasets.resizing import Letterbox, Resize, ResizeLonger, ResizeShorter
from treeline.datasets.targets import Boxes
from treeline.datasets.windows import Ground, Then, Windows
from treeline.errors import ConfigError
from treeline.io.datasets.samples import NOT_LABELLED

SIDES = st.integers(1, 40)
GROUND = Ground("EPSG:32632", 500_000, 4_000_000, 10, 10)


def cut(windows: Windows, image: Any, mask: Any = None, boxes: Boxes | None = None) -> tuple[Any, Any, Any]:
    assert windows.count(*image.shape[:2]) == 1
    result = windows.cut(image, mask, boxes, 0, np.random.default_rng(0))
    assert result[0].shape[:2] == windows.size(*image.shape[:2])
    return result


@given(SIDES, SIDES, SIDES)
def test_sizes(height: int, width: int, side: int) -> None:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    assert cut(Resize(side, 7), image)[0].shape == (side, 7, 3)
    assert cut(Letterbox(side, 7), image)[0].shape == (side, 7, 3)
    shorter, longer = (cut(kind(side), image)[0].shape[:2] for kind in (ResizeShorter, ResizeLonger))
    assert min(shorter) == max(longer) == side
    for resized in (shorter, longer):
        factor = side / (min if resized == shorter else max)(height, width)
        assert abs(resized[0] - height * factor) <= 0.5 or resized[0] == 1
        assert abs(resized[1] - width * factor) <= 0.5 or resized[1] == 1


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.sampled_from(["uint8", "uint16", "float32"]))
def test_image_mask_and_boxes_go_together(height: int, width: int, factor: int, dtype: str) -> None:
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[height // 3 :, width // 2 :] = 3
    boxes = Boxes(np.array([[width // 2, height // 3, width, height]], dtype=np.float64), np.array([3]))
    image = np.full((height, width, 4), 200, dtype=dtype)
    windows = Resize(height * factor, width * factor)
    resized, resized_mask, resized_boxes = cut(windows, image, mask, boxes)
    assert resized.dtype == dtype and np.allclose(resized, 200)
    assert np.array_equal(resized_mask, mask.repeat(factor, axis=0).repeat(factor, axis=1))
    rows, columns = np.nonzero(resized_mask)
    assert np.allclose(resized_boxes.corners, [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])


@given(SIDES, SIDES, SIDES, SIDES)
def test_letterbox_keeps_the_whole_image_in_the_middle(height: int, width: int, tall: int, wide: int) -> None:
    image, mask = np.full((height, width, 1), 9, dtype=np.uint16), np.full((height, width), 2, dtype=np.uint8)
    boxes = Boxes(np.array([[0.0, 0, width, height]]), np.array([2]))
    filled, filled_mask, filled_boxes = cut(Letterbox(tall, wide), image, mask, boxes)
    rows, columns = np.nonzero(filled[..., 0])
    bounds = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.allclose(filled_boxes.corners, [bounds])
    assert 0 <= (wide - bounds[2]) - bounds[0] <= 1 and 0 <= (tall - bounds[3]) - bounds[1] <= 1
    assert bounds[0] == 0 or bounds[1] == 0 or min(filled.shape[:2]) == 1
    assert np.array_equal(filled_mask, np.where(filled[..., 0] == 9, 2, NOT_LABELLED))


def test_a_mask_has_no_class_that_was_not_there() -> None:
    mask = np.random.default_rng(1).choice([0, 5, 9, 255], (31, 17)).astype(np.uint8)
    for windows in (Resize(13, 40), ResizeShorter(9), ResizeLonger(50), Letterbox(20, 20)):
        assert set(np.unique(cut(windows, mask[..., None], mask)[1])) <= {0, 5, 9, 255}


@given(st.integers(-200, 500), st.integers(-200, 300), SIDES, st.integers(1, 400), st.sampled_from([8, -8]))
def test_bounds_are_the_pixels_that_rasterio_names(x: int, y: int, wide: int, tall: int, y_gsd: int) -> None:
    height, width = 30, 50
    ground = GROUND._replace(x_gsd=8, y_gsd=y_gsd)  # of powers of two, so that halves are halves
    upper, lower = ground.y_offset - np.sign(y_gsd) * np.array([y, y + tall])
    edges = ground.x_offset + x, lower, ground.x_offset + x + wide, upper
    named = from_bounds(*edges, Affine(8, 0, ground.x_offset, 0, -y_gsd, ground.y_offset))
    top, left, rows, columns = np.floor(np.add([named.row_off, named.col_off, named.height, named.width], 0.5))
    bottom, right = min(top + max(1, rows), height), min(left + max(1, columns), width)
    windows = Bounds(edges[0], min(edges[1::2]), edges[2], max(edges[1::2]), "EPSG:32632").at(ground)
    assert windows.count(height, width) == (bottom > max(0, top) and right > max(0, left))
    if windows.count(height, width):
        found = cut(windows, np.arange(height * width).reshape(height, width, 1))[0]
        assert divmod(int(found[0, 0, 0]), width) == (max(0, top), max(0, left))
        assert divmod(int(found[-1, -1, 0]), width) == (bottom - 1, right - 1)


@given(st.floats(0, 100), st.floats(0, 100))
def test_bounds_of_one_size_give_windows_of_one_size(x: float, y: float) -> None:
    left, top = GROUND.x_offset + x, GROUND.y_offset - y
    assert Bounds(left, top - 150, left + 250, top, GROUND.crs).at(GROUND).size(100, 100) == (15, 25)
    assert Bounds(left, top - 1, left + 1, top, GROUND.crs).at(GROUND).size(100, 100) == (1, 1)


def test_bounds_that_are_partly_beyond() -> None:
    image, mask = np.arange(12).reshape(3, 4, 1), np.zeros((3, 4), dtype=np.uint8)
    boxes = Boxes(np.array([[0.0, 0, 2, 2], [3, 2, 4, 3]]), np.array([1, 2]))
    windows = Bounds(499_000, 3_999_980, 500_020, 4_000_000, "EPSG:32632").at(GROUND)
    bands, _, found = cut(windows, image, mask, boxes)
    assert bands[..., 0].tolist() == [[0, 1], [4, 5]]
    assert found.corners.tolist() == [[0, 0, 2, 2]] and found.labels.tolist() == [1]
    assert Bounds(400_000, 3_999_980, 400_020, 4_000_000, "EPSG:32632").at(GROUND).count(3, 4) == 0
    resized = Then(Bounds(499_000, 3_999_980, 500_020, 4_000_000, "EPSG:32632"), Resize(8, 8)).at(GROUND)
    assert cut(resized, image)[0].shape == (8, 8, 1)
    outside = Then(Bounds(400_000, 3_999_980, 400_020, 4_000_000, "EPSG:32632"), Resize(8, 8)).at(GROUND)
    assert outside.count(3, 4) == 0


def test_bounds_know_one_coordinate_system_by_several_names() -> None:
    import rasterio.crs

    wkt = rasterio.crs.CRS.from_epsg(32632).to_wkt()
    assert Bounds(500_000, 3_999_990, 500_010, 4_000_000, wkt).at(GROUND).size(3, 3) == (1, 1)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Bounds(1, 2, 1, 3, "EPSG:4326"), "nothing is in the bounds"),
        (lambda: Bounds(1, 3, 2, 2, "EPSG:4326"), "nothing is in the bounds"),
        (lambda: Bounds(1, float("nan"), 2, 2, "EPSG:4326"), "nothing is in the bounds"),
        (lambda: Bounds(1, 2, 3, 4, "EPSG:4326").at(GROUND), "bounds are in EPSG:4326, an image in EPSG:32632"),
        (lambda: Bounds(1, 2, 3, 4, "nonsense").at(GROUND), "bounds are in nonsense"),
        (lambda: Bounds(1, 2, 3, 4, "EPSG:4326").at(None), "where each image lies"),
        (lambda: Bounds(1, 2, 3, 4, "EPSG:4326").count(5, 5), "where each image lies"),
        (lambda: Resize(4, 0), "width is 0"),
        (lambda: ResizeLonger(0), "side is 0"),
    ],
)
def test_refusals(make: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make()


def test_grounds_of_tables() -> None:
    table = pd.DataFrame({"crs": ["EPSG:32632", "", "EPSG:32632"], "x_offset": [500_000.0, 0, np.nan]})
    assert grounds_of(table) == [None] * 3
    table = table.assign(y_offset=4_000_000.0, x_gsd=10.0, y_gsd=10.0)
    assert grounds_of(table) == [GROUND, None, None]
