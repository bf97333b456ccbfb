"""How sizes, brightness and sharpness are distributed, and which images are suspicious."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysed import analysed
from treeline.analyze.dataset import Dataset
from treeline.analyze.dimensions import (
    EXTREMES,
    MOST_SIZES,
    dimensions,
    distributions,
    doubling_bins,
    extremes,
    quantity_rows,
)
from treeline.analyze.suspicious import MOST_OF_A_REASON, count_reasons, find_suspicious, listed
from treeline.io.datasets.metadata import Metadata


def images(count: int, **columns: Any) -> pd.DataFrame:
    """So many images that are as good as any, but for these columns."""
    number = np.arange(count)
    plain = {"id": number, "file_bytes": 9000.0, "digest": number, "width": 640, "height": 480, "memory_bytes": 921_600}
    looks = {"brightness": 90.0 + number % 7, "sharpness": 400.0 + 10 * (number % 11), "low": 5.0, "high": 250.0}
    return pd.DataFrame({**plain, **looks}).assign(**columns)


def measured(table: pd.DataFrame, unreadable: dict[int, str] | None = None) -> AbstractContextManager[Dataset]:
    """A dataset of these images, which are called by their ids."""
    ids = [*table["id"], *(unreadable or {})]
    index = pd.DataFrame({"id": ids, "image_path": [f"{number}.jpg" for number in ids]})
    return analysed(Metadata("drawn", "regression", (), {"index": index}), table, unreadable=unreadable)


def reasons(table: pd.DataFrame, unreadable: dict[int, str] | None = None) -> dict[str, list[int]]:
    with measured(table, unreadable) as dataset:
        find_suspicious(dataset)
        found = listed(dataset)
        assert count_reasons(dataset) == found["reason"].value_counts(sort=False).to_dict()
    return {str(reason): rows["id"].tolist() for reason, rows in found.groupby("reason", sort=False)}


def test_good_images_are_not_suspicious() -> None:
    assert reasons(images(50)) == {}


def test_every_planted_fault_is_found() -> None:
    table = images(60).astype({"width": float, "height": float})
    table.loc[3, ["high", "brightness", "sharpness"]] = 9, 4, 0
    table.loc[4, ["low", "brightness", "sharpness"]] = 250, 253, 0.1
    table.loc[5, "sharpness"] = 0.5
    table.loc[6, "sharpness"] = 0
    table.loc[7, ["width", "height"]] = 31, 40
    table.loc[8, ["width", "height"]] = 300, 1000
    table.loc[[9, 20, 30], "digest"] = 9
    found = reasons(table, {100: "corrupt JPEG", 101: "no image"})
    assert found == {
        "unreadable": [100, 101],
        "black": [3],
        "white": [4],
        "blurred": [6, 5],
        "tiny": [7],
        "odd_aspect": [8],
        "duplicated": [20, 30],
    }


def test_images_without_any_spread_are_not_blurred() -> None:
    assert reasons(images(20, sharpness=7.0)) == {}


def test_rasters_are_neither_black_nor_white() -> None:
    assert reasons(images(20, low=np.nan, high=np.nan, brightness=0.0)) == {}


def test_the_worst_of_many_are_listed() -> None:
    table = images(MOST_OF_A_REASON + 50, high=10.0, brightness=np.arange(MOST_OF_A_REASON + 50)[::-1] / 1000)
    with measured(table) as dataset:
        find_suspicious(dataset)
        rows = listed(dataset)
        assert count_reasons(dataset) == {"black": len(table)} and len(rows) == MOST_OF_A_REASON
    assert rows["id"].iloc[0] == len(table) - 1 and rows["image_path"].iloc[0] == f"{len(table) - 1}.jpg"


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 900), st.integers(1, 900)), min_size=1, max_size=30))
def test_sizes_are_counted(sizes: list[tuple[int, int]]) -> None:
    width, height = np.array(sizes).T
    with measured(images(len(sizes), width=width, height=height)) as dataset:
        table = dimensions(dataset)
    found = dict(zip(zip(table["image_width"], table["image_height"], strict=True), table["count"], strict=True))
    assert found == {size: sizes.count(size) for size in sizes}
    np.testing.assert_allclose(table["aspect"], table["image_width"] / table["image_height"])


def test_many_sizes_are_rounded() -> None:
    width, height = (side.ravel() + 1 for side in np.mgrid[:200, :100])
    with measured(images(20_000, width=width, height=height)) as dataset:
        table = dimensions(dataset)
    assert len(table) <= MOST_SIZES and table["count"].sum() == 20_000
    assert (table["image_width"] % 4 == 0).all()


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=40))
def test_every_value_is_in_its_bin(values: list[float]) -> None:
    array = np.array([value for value in values if value == 0 or value > 1e-6] or [0.0])
    edges, counts = doubling_bins(array)
    assert counts.sum() == array.size
    expected, _ = np.histogram(array, edges)
    # NumPy's last bin holds its upper edge too; ours never needs to.
    assert np.array_equal(counts, expected) and array.max() < edges[-1]


def test_a_power_of_two_begins_a_bin() -> None:
    edges, counts = doubling_bins(np.array([1.0, 2.0, 2.1]))
    assert counts[0] == 1 and counts[8] == 2 and edges[8] == 2


def test_distributions_hold_every_image() -> None:
    table = images(40, file_bytes=np.r_[np.full(10, np.nan), np.arange(30) * 1000.0])
    with measured(table) as dataset:
        rows = pd.DataFrame(distributions(dataset, is_bytes=True))
    totals = rows.groupby("channel")["count"].sum()
    assert totals.to_dict() == dict.fromkeys(totals.index, 40) | {"file_bytes": 30}
    brightness = rows[rows["channel"] == "brightness"]
    assert brightness.loc[brightness["bin_low"] == 90, "count"].item() == 6


def test_quantities_are_percentiles_of_numpy() -> None:
    table = images(101, width=np.arange(101) + 500)
    with measured(table) as dataset:
        rows = {row["key"]: row["value"] for row in quantity_rows(dataset, is_bytes=True)}
    assert (rows["width_min"], rows["width_p5"], rows["width_median"], rows["width_max"]) == (500, 505, 550, 600)
    assert rows["megapixels_max"] == pytest.approx(600 * 480 / 1e6)
    with measured(images(3, file_bytes=np.nan)) as dataset:
        keys = {row["key"] for row in quantity_rows(dataset, is_bytes=False)}
    assert not any(key.startswith("file_bytes") for key in keys)


def test_extremes_are_ranked() -> None:
    table = images(50, sharpness=np.arange(50) // 2 * 1.0)
    with measured(table) as dataset:
        rows = pd.DataFrame(extremes(dataset))
    lowest = rows[(rows["kind"] == "sharpness") & (rows["end"] == "lowest")]
    highest = rows[(rows["kind"] == "sharpness") & (rows["end"] == "highest")]
    assert lowest["id"].tolist() == list(range(EXTREMES)) and lowest["rank"].tolist() == list(range(1, EXTREMES + 1))
    assert highest["id"].tolist()[:4] == [48, 49, 46, 47]
