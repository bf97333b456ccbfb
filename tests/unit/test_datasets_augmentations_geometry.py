"""Image, mask and boxes move together, whatever is done to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.augmentation_lists import GEOMETRIC, augmentations, certain, one_thread
from treeline.io.datasets.samples import NOT_LABELLED

__all__ = ["one_thread"]  # for pytest

HEIGHT, WIDTH = 16, 24
ENTRIES = st.one_of(
    st.sampled_from([certain("horizontal_flip"), certain("vertical_flip"), certain("quarter_turns")]),
    st.just(certain("crop_resize", size=[20, 28], least_visible=0)),
    st.just(certain("affine", degrees=[-40, 40], shear=[-20, 20], least_visible=0)),
)
EXACT = st.lists(st.sampled_from(["horizontal_flip", "vertical_flip", "quarter_turns"]).map(certain), max_size=6)


def detected(entries: list[Any], image: npt.NDArray[Any], boxes: Any, seed: int) -> Any:
    target = {"boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), "labels": torch.arange(len(boxes))}
    sample = {"image": torch.from_numpy(image), "target": target, "id": 3}
    return augmentations(*entries)(sample, np.random.default_rng(seed))


def segmented(entries: list[Any], image: npt.NDArray[Any], mask: npt.NDArray[Any], seed: int) -> Any:
    sample = {"image": torch.from_numpy(image), "target": torch.from_numpy(mask.astype(np.int64)), "id": 3}
    return augmentations(*entries)(sample, np.random.default_rng(seed))


def drawn(box: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return mask


def bounds_of(mask: npt.NDArray[Any]) -> list[float]:
    rows, columns = np.nonzero(mask == 1)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if rows.size else []


@st.composite
def box(draw: st.DrawFn) -> tuple[int, int, int, int]:
    x, y = draw(st.integers(0, WIDTH - 4)), draw(st.integers(0, HEIGHT - 4))
    return x, y, draw(st.integers(x + 4, WIDTH)), draw(st.integers(y + 4, HEIGHT))


@given(EXACT, box(), st.integers(0, 99))
def test_boxes_are_the_bounds_of_their_masks(entries: list[Any], corners: Any, seed: int) -> None:
    mask = drawn(corners)
    moved = detected(entries, mask[None], [corners], seed)
    masked = segmented(entries, mask[None], mask, seed)
    assert np.array_equal(moved["image"].numpy(), masked["image"].numpy())
    assert np.array_equal(masked["image"][0].numpy(), masked["target"].numpy())
    assert moved["target"]["boxes"].numpy() == pytest.approx(np.array([bounds_of(masked["target"].numpy())]), abs=1e-3)
    assert moved["target"]["boxes"].dtype == torch.float32 and moved["target"]["labels"].tolist() == [0]


@given(st.lists(ENTRIES, min_size=1, max_size=3), box(), st.integers(0, 99))
def test_boxes_follow_their_masks_where_pixels_are_interpolated(entries: list[Any], corners: Any, seed: int) -> None:
    # Drawn 16 times as large, a pixel that the nearest one is taken of is a 16th of one.
    finer, steps = 16, len(entries)
    entries = [{**entry} for entry in entries]
    for entry in entries:
        if "crop_resize" in entry:
            entry["crop_resize"] = {**entry["crop_resize"], "size": [20 * finer, 28 * finer]}
    mask = drawn(corners).repeat(finer, axis=0).repeat(finer, axis=1)
    fine = [[finer * side for side in corners]]
    moved = detected(entries, mask[None], fine, seed)["target"]["boxes"].numpy() / finer
    expected = np.array(bounds_of(segmented(entries, mask[None], mask, seed)["target"].numpy())).reshape(-1, 4) / finer
    if len(expected):
        assert moved == pytest.approx(expected, abs=4 * steps / finer)
    else:
        assert moved.size == 0 or np.prod(moved[0, 2:] - moved[0, :2]) < 0.1


@given(st.lists(ENTRIES, min_size=1, max_size=3), st.integers(0, 99))
def test_image_and_mask_move_together(entries: list[Any], seed: int) -> None:
    finer = 8
    mask = drawn((3, 2, 13, 11)).repeat(finer, axis=0).repeat(finer, axis=1)
    moved = segmented(entries, (mask * 200)[None], mask, seed)
    image, moved_mask = moved["image"][0].numpy(), moved["target"].numpy()
    assert image.shape == moved_mask.shape
    assert set(np.unique(moved_mask)) <= {0, 1, NOT_LABELLED}
    differs = (image > 100) != (moved_mask == 1)
    edge = np.zeros_like(differs)
    edge[:, 1:] |= moved_mask[:, 1:] != moved_mask[:, :-1]
    edge[1:] |= moved_mask[1:] != moved_mask[:-1]
    assert differs.sum() <= len(entries) * max(10, edge.sum())  # at the edges alone


@pytest.mark.parametrize("name", ["horizontal_flip", "vertical_flip"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_flips_twice_are_none(name: str, dtype: str) -> None:
    image = np.random.default_rng(1).integers(0, 200, (4, 5, 7)).astype(dtype)
    once = detected([certain(name)], image, [(1, 2, 4, 5)], 0)
    assert np.array_equal(once["image"].numpy(), np.flip(image, 2 if name == "horizontal_flip" else 1))
    twice = detected([certain(name)] * 2, image, [(1, 2, 4, 5)], 0)
    assert np.array_equal(twice["image"].numpy(), image) and twice["image"].numpy().dtype == dtype
    assert twice["target"]["boxes"].tolist() == [[1, 2, 4, 5]]


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_types_keep_their_range(name: str, dtype: str) -> None:
    limits = (0, 1) if dtype.startswith("float") else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    image = np.random.default_rng(2).choice(np.array(limits, dtype=dtype), (2, 40, 40))
    options = {"size": [40, 40], "area": [0.5, 0.5]} if name == "crop_resize" else {}
    moved = detected([certain(name, **options)], image, [], 4)["image"].numpy()
    assert moved.dtype == dtype
    assert moved.min() == limits[0] and moved.max() == limits[1]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_affine_turns_exactly(turns: int) -> None:
    values = np.random.default_rng(3).integers(0, 65_536, (2, 9, 9)).astype(np.uint16)
    turn = certain("affine", degrees=[90 * turns] * 2, translate=[0, 0], scale=[1, 1])
    moved = segmented([turn], values, values[0] % 5, 0)
    assert np.abs(moved["image"].numpy().astype(int) - np.rot90(values, turns, (1, 2))).max() <= 1
    assert np.array_equal(moved["target"].numpy(), np.rot90(values[0] % 5, turns))


def test_affine_enlarges_about_the_middle() -> None:
    mask = np.random.default_rng(3).integers(0, 5, (8, 12))
    enlarge = certain("affine", degrees=[0, 0], translate=[0, 0], scale=[2, 2])
    moved = segmented([enlarge], mask[None].astype(np.uint8), mask, 0)["target"].numpy()
    assert np.array_equal(moved, mask[2:6, 3:9].repeat(2, axis=0).repeat(2, axis=1))


def test_crop_resize_is_a_part() -> None:
    mask = np.arange(96).reshape(8, 12)
    part = certain("crop_resize", size=[8, 12], area=[0.25, 0.25], ratio=[1.5, 1.5])
    for seed in range(5):
        moved = segmented([part], mask[None].astype(np.uint8), mask, seed)["target"].numpy()
        top, left = divmod(int(moved[0, 0]), 12)
        assert np.array_equal(moved, mask[top : top + 4, left : left + 6].repeat(2, axis=0).repeat(2, axis=1))


def test_a_smaller_mask_has_the_middle_pixels() -> None:
    mask = np.arange(108).reshape(9, 12)
    whole = certain("crop_resize", size=[3, 4], area=[1, 1], ratio=[4 / 3, 4 / 3])
    moved = segmented([whole], mask[None].astype(np.float64), mask, 0)
    assert np.array_equal(moved["target"].numpy(), mask[1::3, 1::3])
    assert moved["image"][0, 1, 1:-1].numpy() == pytest.approx(mask[4, 4:10:3])


def test_what_a_moved_image_does_not_show() -> None:
    shift = certain("affine", degrees=[0, 0], translate=[0.5, 0.5], scale=[1, 1])
    image, mask = np.full((1, 4, 6), 7, dtype=np.uint16), np.full((4, 6), 2, dtype=np.uint8)
    moved = segmented([shift], image, mask, 0)
    shown = np.zeros((4, 6), dtype=bool)
    shown[2:, 3:] = True
    assert np.array_equal(moved["image"][0].numpy(), np.where(shown, 7, 0))
    assert np.array_equal(moved["target"].numpy(), np.where(shown, 2, NOT_LABELLED))


def test_boxes_of_which_too_little_is_visible_are_dropped() -> None:
    image = np.zeros((3, 8, 8), dtype=np.uint8)
    corners = [(0, 0, 4, 4), (0, 0, 5, 4), (4, 0, 8, 4), (4, 0, 8, 4)]
    for least, expected in ((0, [0, 1, 2, 3]), (0.5, [0, 1, 2, 3]), (0.51, [0, 1]), (1, [0, 1])):
        shift = certain("affine", degrees=[0, 0], translate=[0.25, 0.25], scale=[1, 1], least_visible=least)
        target = detected([shift], image, corners, 0)["target"]
        assert target["labels"].tolist() == expected, least
        assert target["boxes"].tolist() == [[2, 2, 6, 6], [2, 2, 7, 6], [6, 2, 8, 6], [6, 2, 8, 6]][: len(expected)]


def test_a_sample_without_boxes() -> None:
    for name in GEOMETRIC:
        target = detected([certain(name)], np.zeros((3, 8, 8), dtype=np.uint8), [], 0)["target"]
        assert target["boxes"].shape == (0, 4) and target["labels"].shape == (0,)
