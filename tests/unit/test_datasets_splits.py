"""Splits: what belongs together stays together, shares are met, and what has a split keeps it."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.split_datasets import Division, make_metadata, random_hash, with_flipped_bits
from treeline.errors import InputError

KINDS = ("random", "stratified", "grouped", "time", "spatial")
LABELS = ("deer", "fox", "owl")
Rows = list[dict[str, Any]]


@pytest.fixture
def division(tmp_path: Path) -> Division:
    return Division(tmp_path)


@st.composite
def samples(draw: st.DrawFn) -> Rows:
    """Samples with few locations, sequences, hashes and bytes, so that they are tied in every way."""
    hashes = [random_hash(seed) for seed in range(4)]
    rows = []
    for number in range(draw(st.integers(12, 40))):
        near = with_flipped_bits(
            draw(st.sampled_from(hashes)), draw(st.lists(st.integers(0, 255), max_size=31, unique=True))
        )
        is_tied = draw(st.integers(0, 9)) == 0
        row = {
            "image_path": f"{number:03d}.jpg",
            "sha256": f"{draw(st.integers(0, 3)) if draw(st.integers(0, 9)) == 0 else 100 + number}",
            "label": draw(st.sampled_from(LABELS)),
            "location": draw(st.sampled_from(["", *"ABCDEFGHIJ"])),
            "sequence": draw(st.sampled_from(["", "", "", "s1", "s2"])),
            "pdq": near if is_tied else random_hash(1000 + number),
            "pdq_quality": draw(st.sampled_from([0, 49, 50, 100])),
            "year": draw(st.integers(2000, 2020)),
            "x": draw(st.floats(-5, 5)),
            "y": draw(st.floats(-5, 5)),
        }
        rows.append(row)
    return rows


def options_of(kind: str, **more: Any) -> dict[str, Any]:
    own = {"time": {"column": "year"}, "spatial": {"block_size": 1.0, "coordinates": ["x", "y"]}}
    return {"kind": kind, "val": 0.2, "test": 0.2, **own.get(kind, {}), **more}


def bits_between(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def are_tied(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """What must not be parted, said once more and plainly."""
    seen = one["pdq_quality"] >= 50 and other["pdq_quality"] >= 50
    shared = any(one[key] and one[key] == other[key] for key in ("location", "sequence", "sha256"))
    return shared or (seen and bits_between(one["pdq"], other["pdq"]) <= 31)


@settings(max_examples=25)
@given(rows=samples(), kind=st.sampled_from(KINDS), data=st.data())
def test_what_is_tied_is_never_parted(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, kind: str, data: st.DataObject
) -> None:
    division = Division(tmp_path_factory.mktemp("splits"))
    groups = ("location", "sequence")
    try:
        splits = division.run(make_metadata(rows), groups, **options_of(kind))
    except InputError as error:
        assert "nothing is left for" in str(error)
        return
    for place, one in enumerate(rows):
        for other in rows[:place]:
            if are_tied(one, other):
                assert splits[one["image_path"]] == splits[other["image_path"]]
    assert not any(division.report["leaks"].values())
    assert set(splits.values()) == {"train", "val", "test"}
    shuffled = data.draw(st.permutations([{"id": place, **row} for place, row in enumerate(rows)]))
    assert division.run(make_metadata(shuffled), groups, **options_of(kind)) == splits


@settings(max_examples=15)
@given(rows=samples(), kind=st.sampled_from(["random", "stratified", "time", "spatial"]))
def test_what_has_a_split_keeps_it(tmp_path_factory: pytest.TempPathFactory, rows: Rows, kind: str) -> None:
    division = Division(tmp_path_factory.mktemp("splits"))
    # No looks and groups, which can tie what was apart; that is an error, and tested below.
    rows = [{**row, "pdq": "", "sha256": ""} for row in rows]
    old, known = rows[:-4], division.folder / "known.parquet"
    try:
        before = division.run(make_metadata(old), **options_of(kind))
    except InputError as error:
        assert "nothing is left for" in str(error)
        return
    (division.folder / "splits.parquet").rename(known)
    # The same samples with other ids, another seed and other shares.
    more = options_of(kind, seed=7, known=str(known)) | {"val": 0.1, "test": 0.3}
    after = division.run(make_metadata(rows[-4:] + old), **more)
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("kind", ["random", "stratified", "grouped"])
def test_shares_are_met_for_every_label(division: Division, kind: str) -> None:
    rows = [
        {"image_path": f"{number:04d}", "label": "deer" if number % 10 else "owl", "location": str(number // 2)}
        for number in range(1000)
    ]
    splits = division.run(make_metadata(rows), ["location"] if kind == "grouped" else [], kind=kind, seed=3)
    assert Counter(splits.values()) == {"train": 800, "val": 100, "test": 100}
    if kind != "random":
        owls = Counter(splits[row["image_path"]] for row in rows if row["label"] == "owl")
        assert owls == {"train": 80, "val": 10, "test": 10}
    report = division.report["splits"]
    assert report["val"]["share"] == report["val"]["wanted"] == 0.1
    assert report["trainvaltest"]["samples"] == 1000
    assert sum(report[split]["labels"]["owl"] for split in ("train", "val", "test")) == 100
    other = division.run(make_metadata(rows), ["location"] if kind == "grouped" else [], kind=kind, seed=4)
    assert other != splits


def test_every_label_of_several_is_in_every_split(division: Division) -> None:
    chance = np.random.default_rng(0)
    rows = [{"image_path": f"{number:03d}"} for number in range(400)]
    rare = {"a": 0.7, "b": 0.3, "c": 0.05}
    drawn = [(place, name) for place in range(400) for name, share in rare.items() if chance.random() < share]
    labels = pd.DataFrame(drawn, columns=["id", "label"])
    division.run(make_metadata(rows, "multilabel", labels=labels), kind="stratified")
    report = division.report["splits"]
    for name in rare:
        shares = [report[split]["labels"][name] / (labels["label"] == name).sum() for split in ("train", "val", "test")]
        assert np.abs(np.array(shares) - (0.8, 0.1, 0.1)).max() < 0.05


@pytest.mark.parametrize("task", ["regression", "detection", "segmentation"])
def test_tasks_without_a_class_each(division: Division, task: str) -> None:
    rows = [
        {"image_path": f"{number:03d}", "target": float(number), "location": str(number // 4)} for number in range(200)
    ]
    tables = {}
    if task == "detection":
        tables["boxes"] = pd.DataFrame({"id": np.repeat(np.arange(0, 200, 2), 3), "label": ["cat", "dog", "cat"] * 100})
    splits = division.run(make_metadata(rows, task, **tables), ["location"], kind="grouped")
    assert Counter(splits.values()) == {"train": 160, "val": 20, "test": 20}
    labels = division.report["splits"]["test"]["labels"]
    if task == "detection":
        assert labels == {"cat": 20, "dog": 10}
    if task == "regression":
        assert len(labels) >= 5  # low and high targets


def test_what_is_latest_is_for_testing(division: Division) -> None:
    rows = [{"image_path": f"{number:03d}", "label": "deer", "sequence": str(number // 5)} for number in range(100)]
    times = pd.date_range("2026-01-01", periods=100, freq="h")[::-1]
    dated = [{**row, "time_of_capture": time} for row, time in zip(rows, times, strict=True)]
    splits = division.run(make_metadata(dated), ["sequence"], kind="time")
    assert [splits[row["image_path"]] for row in dated] == ["test"] * 10 + ["val"] * 10 + ["train"] * 80
    as_text = [{**row, "taken": f"{time:%Y-%m-%dT%H:%M:%S}"} for row, time in zip(rows, times, strict=True)]
    assert division.run(make_metadata(as_text), ["sequence"], kind="time", column="taken") == splits


@settings(max_examples=25)
@given(
    years=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["", "", *"ABCDE"])), min_size=3, max_size=40),
    shares=st.sampled_from([(0.1, 0.1), (0.0, 0.2), (0.3, 0.0), (0.4, 0.5)]),
)
def test_training_knows_no_later_time(
    tmp_path_factory: pytest.TempPathFactory, years: list[tuple[int, str]], shares: tuple[float, float]
) -> None:
    rows = [
        {"image_path": str(place), "label": "deer", "location": location, "year": year}
        for place, (year, location) in enumerate(years)
    ]
    latest: dict[str, int] = defaultdict(lambda: -1)
    for row in rows:
        row["clump"] = row["location"] or row["image_path"]
        latest[row["clump"]] = max(latest[row["clump"]], row["year"])
    wanted = ["train", *(split for split, share in zip(("val", "test"), shares, strict=True) if share)]
    division = Division(tmp_path_factory.mktemp("times"))
    options = {"kind": "time", "column": "year", "val": shares[0], "test": shares[1]}
    if len(set(latest.values())) < len(wanted):
        with pytest.raises(InputError, match="nothing is left for"):
            division.run(make_metadata(rows), ["location"], **options)
        return
    splits = division.run(make_metadata(rows), ["location"], **options)
    assert {*splits.values()} == {*wanted}
    of_split = {split: [latest[row["clump"]] for row in rows if splits[row["image_path"]] == split] for split in wanted}
    for one, other in zip(wanted, wanted[1:], strict=False):
        assert max(of_split[one]) < min(of_split[other])


def test_new_samples_go_by_the_times_that_end_the_splits(division: Division) -> None:
    rows = [{"image_path": f"{year}", "label": "deer", "year": year} for year in range(2000, 2020)]
    division.run(make_metadata(rows[::2]), kind="time", column="year", val=0.2, test=0.2)
    (division.folder / "splits.parquet").rename(division.folder / "known.parquet")
    known = str(division.folder / "known.parquet")
    splits = division.run(make_metadata(rows), kind="time", column="year", val=0.2, test=0.2, known=known)
    expected = ["train"] * 11 + ["val"] * 4 + ["test"] * 5
    assert [splits[row["image_path"]] for row in rows] == expected


def test_blocks_of_the_ground_are_not_parted(division: Division) -> None:
    def tile(system: str, column: int, row: int) -> dict[str, Any]:
        place = {"crs": system, "x_offset": column * 10.0 - 500, "y_offset": row * 10.0 - 500}
        size = {"image_width": 20, "image_height": 20, "x_gsd": 0.5, "y_gsd": 0.5}
        return {"image_path": f"{system}-{column}-{row}", "label": "deer", **place, **size}

    rows = [tile(system, *divmod(number, 40)) for system in ("EPSG:32633", "EPSG:32634") for number in range(1600)]
    splits = division.run(make_metadata(rows), kind="spatial", block_size=50.0)
    blocks = defaultdict(set)
    for row in rows:
        # Tiles of 10 m: the one at x has its middle at x + 5, that at y at y - 5.
        block = (row["crs"], (row["x_offset"] + 5) // 50, (row["y_offset"] - 5) // 50)
        blocks[block].add(splits[row["image_path"]])
    assert len(blocks) == 2 * 8 * 9
    assert all(len(found) == 1 for found in blocks.values())
    shares = Counter(splits.values())
    assert abs(shares["test"] / len(rows) - 0.1) < 0.01
    assert division.report["leaks"]["block"] == 0


def test_a_small_dataset_has_one_group_in_each_split(division: Division) -> None:
    rows = [{"image_path": f"{number:03d}", "label": "deer", "location": "ABC"[number % 3]} for number in range(12)]
    splits = division.run(make_metadata(rows), ["location"], kind="grouped")
    assert Counter(splits.values()) == {"train": 4, "val": 4, "test": 4}
    [*warnings] = division.report["warnings"]
    assert "train has 33.3% of the samples, and not 80.0%: the largest of 3 clumps" in warnings[0]
