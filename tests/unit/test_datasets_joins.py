"""Joins and concatenations: the same as pandas, PyTorch and plain geometry say."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset

from tests.dataset_folders import Folder, image_of, make_dataset, tables_of, with_table
from treeline.datasets import Dataset, GridCrops, Key, Overlap, Resize, Spectral, join, loader
from treeline.datasets.ground import grounds_of
from treeline.datasets.joins import Join, extents_of
from treeline.datasets.sample_sets import Content, Draw, SampleSet
from treeline.datasets.sampling import column_of
from treeline.errors import ConfigError, InputError


class Facts(SampleSet):
    """Samples that are their numbers, of which a table is known."""

    contents = (Content("facts", "regression", (), ("grey",)),)

    def __init__(self, facts: pd.DataFrame) -> None:
        self.facts = facts

    def __len__(self) -> int:
        return len(self.facts)

    def read(self, draw: Draw) -> Any:
        return draw

    def keys(self, column: str) -> pd.Series[Any]:
        return column_of(self.facts, column)

    def extents(self) -> pd.DataFrame:
        return extents_of(self.facts)


def rows_of(samples: SampleSet) -> list[tuple[int, ...]]:
    assert isinstance(samples, Join)
    return [tuple(row) for row in samples.rows.tolist()]


KEYS = st.lists(st.sampled_from(["a", "b", "c", "", None]), min_size=1, max_size=8)


@settings(max_examples=15)
@given(st.lists(KEYS, min_size=2, max_size=4))
def test_by_key_as_pandas_merges(sides: list[list[str | None]]) -> None:
    tables = [
        pd.DataFrame({"key": pd.Series(keys, dtype=object), f"row {n}": range(len(keys))})
        for n, keys in enumerate(sides)
    ]
    merged = tables[0][tables[0]["key"].fillna("") != ""]
    for table in tables[1:]:
        merged = merged.merge(table, on="key")
    expected = sorted(merged.drop(columns="key").itertuples(index=False, name=None))
    sets = [Facts(table) for table in tables]
    if not expected:
        with pytest.raises(InputError, match=r"facts \* facts.*no two samples belong together by Key"):
            join(*sets, on=Key("key"))
    else:
        assert rows_of(join(*sets, on=Key("key"))) == expected


QUARTERS = (0.125, 0.375, 0.625, 0.875)
"""Points in a pixel of at most two units: one at least in each square of half a unit."""


def places_of(generator: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {
            "crs": generator.choice(["EPSG:32632", "EPSG:32633"]),
            "x_offset": int(generator.integers(-4, 5)),
            "y_offset": int(generator.integers(-4, 5)),
            "image_width": int(generator.integers(1, 5)),
            "image_height": int(generator.integers(1, 5)),
            "x_gsd": generator.choice([0.5, 1.0, -2.0]),
            "y_gsd": generator.choice([-0.5, -1.0, 2.0]),
            "time_of_capture": pd.Timestamp(2025, 1, int(generator.integers(1, 8))),
        }
        for _ in range(generator.integers(1, 7))
    ]


def touches(one: dict[str, Any], other: dict[str, Any], most_days: float | None) -> bool:
    """Whether two images have a square of half a unit in common, counted one by one, at times near enough."""
    if most_days is not None and abs(one["time_of_capture"] - other["time_of_capture"]) > pd.Timedelta(days=most_days):
        return False
    return one["crs"] == other["crs"] and bool(squares(one) & squares(other))


def squares(place: dict[str, Any]) -> set[tuple[int, int]]:
    """The squares of half a unit that an image covers, pixel by pixel."""
    columns, rows = range(place["image_width"]), range(place["image_height"])
    return {
        (
            int(np.floor(2 * (place["x_offset"] + (column + x) * place["x_gsd"]))),
            int(np.floor(2 * (place["y_offset"] - (row + y) * place["y_gsd"]))),
        )
        for column, row, x, y in product(columns, rows, QUARTERS, QUARTERS)
    }


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 4), st.sampled_from([None, 0, 1.5, 3]))
def test_by_overlap_as_squares_are_counted(seed: int, count: int, most_days: float | None) -> None:
    generator = np.random.default_rng(seed)
    sides = [places_of(generator) for _ in range(count)]
    expected = [
        row
        for row in product(*(range(len(places)) for places in sides))
        if all(
            touches(sides[one][row[one]], sides[other][row[other]], most_days)
            for one, other in combinations(range(len(sides)), 2)
        )
    ]
    sets = [Facts(pd.DataFrame(places)) for places in sides]
    if not expected:
        with pytest.raises(InputError, match="no two samples belong together by Overlap"):
            join(*sets, on=Overlap(most_days))
        return
    joined = join(*sets, on=Overlap(most_days))
    assert rows_of(joined) == expected
    right = sets[-1]
    for one in reversed(sets[:-1]):
        right = join(one, right, on=Overlap(most_days))  # type: ignore[assignment]
    assert rows_of(right) == expected


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 3))
def test_where_images_are_cut_each_has_a_pixel_of_the_ground_in_common(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    shifts = generator.uniform(-1, 1, (count, 6))
    sides = [
        pd.DataFrame(
            [
                {**place, "x_offset": place["x_offset"] + shift}
                for place, shift in zip(places_of(generator), row, strict=False)
            ]
        ).assign(crs="EPSG:32632")
        for row in shifts
    ]
    try:
        joined = join(*map(Facts, sides), on=Overlap(cut=True))
    except InputError:
        return
    for draws, row in zip(joined, rows_of(joined), strict=True):
        for side, number, draw in zip(sides, row, draws, strict=True):
            [ground] = grounds_of(side.iloc[[number]])
            height, width = side[["image_height", "image_width"]].iloc[number]
            assert draw.within.at(ground).count(height, width) == 1


def with_ground(folder: Folder, x_offset: Any) -> Folder:
    return with_table(folder, "spatial", crs="EPSG:32632", x_offset=x_offset, y_offset=0.0, x_gsd=1.0, y_gsd=1.0)


def test_samples_of_four_sides(tmp_path: Path) -> None:
    sides = [
        Dataset(make_dataset(tmp_path / f"{number}", samples=4 + number, name=f"d{number}")) for number in range(4)
    ]
    joined = sides[0] * sides[1] * sides[2] * sides[3]
    assert len(joined) == 4
    assert joined.name == "d0 * d1 * d2 * d3"
    for number, sample in enumerate(joined):
        assert [side["id"] for side in sample] == [number * 3] * 4
        for side, dataset in zip(sample, sides, strict=True):
            assert torch.equal(side["image"], dataset[number]["image"])
    by_pairs = (sides[0] * sides[1]) * (sides[2] * sides[3])
    assert rows_of(by_pairs) == rows_of(joined)


def test_where_both_know_their_ground_it_is_by_that(tmp_path: Path) -> None:
    near = with_ground(make_dataset(tmp_path / "near", samples=3), [0.0, 100.0, 200.0])
    far = with_ground(make_dataset(tmp_path / "far", samples=3), [205.0, 111.0, 112.0])
    assert rows_of(Dataset(near) * Dataset(far)) == [(0 + 1, 1), (2, 0)]
    assert rows_of(Dataset(near) * Dataset(make_dataset(tmp_path / "no ground", samples=3))) == [(0, 0), (1, 1), (2, 2)]


def test_images_are_cut_to_the_ground_in_common(tmp_path: Path) -> None:
    fine = with_ground(make_dataset(tmp_path / "fine", samples=3), [0.0, 9.0, 100.0])
    coarse = with_ground(make_dataset(tmp_path / "coarse", samples=3), 0.0)
    coarse = with_table(coarse, "spatial", x_gsd=2.0, y_gsd=2.0, x_offset=[-14.0, 11.2, 10.4], y_offset=[6.0, 4.0, 0.0])
    joined = join(Dataset(fine), Dataset(coarse), on=Overlap(cut=True))
    assert rows_of(joined) == [(0, 0), (0, 2), (1, 1), (1, 2)]
    shapes = [[tuple(side["image"].shape[1:]) for side in sample] for sample in joined]
    assert shapes == [[(10, 10), (5, 5)], [(10, 2), (5, 1)], [(10, 10), (5, 5)], [(10, 11), (5, 5)]]
    one, other = joined[0]
    assert np.array_equal(one["image"].permute(1, 2, 0).numpy(), image_of(0)[:, :10])
    assert np.array_equal(other["image"].permute(1, 2, 0).numpy(), image_of(0)[3:8, 7:12])
    resized = join(Dataset(fine, spatial=Resize(8, 8)), Dataset(coarse, spatial=Resize(4, 4)), on=Overlap(cut=True))
    [(large, small)] = loader(resized, 4, workers=1)
    assert large["image"].shape == (4, 3, 8, 8) and small["image"].shape == (4, 3, 4, 4)
    with pytest.raises(ConfigError, match="images of several windows cannot be cut"):
        join(Dataset(fine, spatial=GridCrops(2, 2)), Dataset(coarse), on=Overlap(cut=True))


def test_what_does_not_know_its_ground_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = with_ground(make_dataset(tmp_path, samples=3), 0.0)
    partly = with_table(folder, "spatial", crs=["EPSG:32632", "", "EPSG:32632"], x_offset=[0.0, 0.0, np.nan])
    assert rows_of(join(Dataset(folder), Dataset(partly), on=Overlap())) == [(0, 0), (1, 0), (2, 0)]
    assert "drawn: 2 of 3 samples do not know their place" in caplog.text


def test_joins_that_are_refused(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path / "one", samples=2))
    texts = with_table(make_dataset(tmp_path / "two", samples=2), "index", scene=["1", "x"])
    numbers = with_table(make_dataset(tmp_path / "three", samples=2), "index", scene=[1, 2])
    with pytest.raises(ConfigError, match="no column 'scene'; the dataset has id, image_path"):
        join(dataset, Dataset(texts), on=Key("scene"))
    with pytest.raises(ConfigError, match="of different kinds"):
        join(Dataset(numbers), Dataset(texts), on=Key("scene"))
    with pytest.raises(ConfigError, match="no column 'crs', which a join by overlap needs"):
        join(dataset, dataset, on=Overlap())
    with pytest.raises(TypeError):
        dataset * 2  # type: ignore[operator]


def test_concatenation_as_of_pytorch(tmp_path: Path) -> None:
    one, other = (Dataset(make_dataset(tmp_path / str(size), samples=size)) for size in (3, 5))
    together, oracle = one + other + one, ConcatDataset[Any]([one, other, one])
    assert len(together) == len(oracle) == 11
    for number in range(-11, 11):
        assert together[number]["id"] == oracle[number]["id"]
        assert torch.equal(together[number]["image"], oracle[number]["image"])
    with pytest.raises(IndexError):
        together[11]
    assert rows_of(join(together, one, on=Key("id"))) == [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 0),
        (4, 1),
        (5, 2),
        (8, 0),
        (9, 1),
        (10, 2),
    ]


def test_concatenations_that_are_refused(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, samples=3))
    regression = Dataset(make_dataset(tmp_path, "regression", samples=3))
    tables = {name: table.replace("fox", "wolf") for name, table in tables_of("multiclass", 3).items()}
    wolves = Dataset(make_dataset(tmp_path, tables=tables, class_names=("bird", "deer", "wolf"), name="wolves"))
    with pytest.raises(InputError, match=r"drawn \+ drawn: the tasks differ: multiclass and regression"):
        dataset + regression
    with pytest.raises(InputError, match=r"drawn \+ wolves: .*only the first has fox, only the second has wolf\."):
        dataset + wolves
    with pytest.raises(InputError, match="the channels differ: red, green, blue and red"):
        dataset + Dataset(make_dataset(tmp_path, samples=3), spectral=Spectral(["red"]))
    with pytest.raises(InputError, match="the first has 1 sides, the second 2"):
        dataset + dataset * dataset
    with pytest.raises(TypeError):
        dataset + [1]  # type: ignore[operator]
