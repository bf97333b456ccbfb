"""Which samples are chosen: the same as a plain reading of the tables says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset_folders import tables_of
from treeline.datasets.sampling import Tabular, Temporal, choose
from treeline.errors import ConfigError
from treeline.io.datasets.metadata import Metadata

LABELS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=40)


def metadata_of(labels: list[str], **columns: Any) -> Metadata:
    index = pd.DataFrame({"id": np.arange(len(labels)), "label": labels, **columns})
    return Metadata("drawn", "multiclass", ("a", "b", "c", "d"), {"index": index})


def drawn() -> Metadata:
    return Metadata("drawn", "multiclass", ("bird", "deer", "fox"), tables_of("multiclass", 20))


def test_splits() -> None:
    parts = [choose(drawn(), split, None, None).tolist() for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [10, 5, 5]
    assert sorted(sum(parts, [])) == choose(drawn(), "trainvaltest", None, None).tolist() == list(range(20))


@given(LABELS, st.none() | st.integers(1, 30), st.integers(0, 3))
def test_balanced(labels: list[str], count: int | None, seed: int) -> None:
    options = Tabular("balanced", count=count, seed=seed)
    positions = choose(metadata_of(labels), "trainvaltest", None, options).tolist()
    available, taken = Counter(labels), Counter(labels[position] for position in positions)
    assert taken == {label: count or min(available.values()) for label in available}
    times = Counter(positions)
    for label in available:
        of_label = [times[position] for position, other in enumerate(labels) if other == label]
        assert max(of_label) - min(of_label) <= 1
    assert positions == choose(metadata_of(labels), "trainvaltest", None, options).tolist()


@given(LABELS, st.floats(0.01, 1), st.integers(0, 3))
def test_stratified_and_fraction(labels: list[str], fraction: float, seed: int) -> None:
    for kind, groups in (("stratified", labels), ("fraction", ["all"] * len(labels))):
        options = Tabular(kind, fraction=fraction, seed=seed)  # type: ignore[arg-type]
        positions = choose(metadata_of(labels), "trainvaltest", None, options).tolist()
        assert positions == sorted(set(positions))
        taken = Counter(groups[position] for position in positions)
        for group, available in Counter(groups).items():
            assert taken[group] == 1 or abs(taken[group] - available * fraction) <= 0.5


def test_another_seed_draws_others() -> None:
    metadata = metadata_of(["a"] * 40)
    draws = {
        choose(metadata, "trainvaltest", None, Tabular("fraction", fraction=0.5, seed=s)).tobytes() for s in range(5)
    }
    assert len(draws) == 5


def test_queries_see_all_tables_with_a_row_a_sample() -> None:
    condition = "label = 'deer' AND image_width >= 12 AND year(time_of_capture) = 2025 -- in all of them"
    positions = choose(drawn(), "trainvaltest", None, Tabular("query", query=condition))
    facts = drawn().index.merge(drawn().tables["temporal"])
    expected = facts[(facts["label"] == "deer") & (facts["time_of_capture"] < "2026-01-01")].index
    assert positions.tolist() == expected.tolist() != []
    train = choose(drawn(), "train", None, Tabular("query", query=condition))
    assert train.tolist() == [position for position in expected if position % 2 == 0]


def test_queries_see_boxes() -> None:
    metadata = Metadata("drawn", "detection", ("bird", "deer", "fox"), tables_of("detection", 20))
    condition = "id IN (SELECT id FROM boxes GROUP BY id HAVING count(*) = 2)"
    positions = choose(metadata, "trainvaltest", None, Tabular("query", query=condition))
    assert positions.tolist() == list(range(2, 20, 3))


@pytest.mark.parametrize(
    "condition",
    [
        "no_such_column = 1",
        "label = ",
        'true); DROP TABLE "index"; SELECT (1',
        "EXISTS (FROM read_text('/etc/hostname'))",
        "EXISTS (FROM facts)",
    ],
)
def test_a_condition_can_do_nothing_else(condition: str) -> None:
    facts = pd.DataFrame()  # of Python's, which the database must not see
    with pytest.raises(ConfigError, match="cannot be asked|is not one condition"):
        choose(drawn(), "trainvaltest", None, Tabular("query", query=condition))
    assert facts.empty


TIMES = st.none() | st.datetimes(pd.Timestamp(2023, 1, 1), pd.Timestamp(2025, 12, 31))
MOMENTS = st.datetimes(pd.Timestamp(2023, 1, 1), pd.Timestamp(2025, 12, 31))
DAYS = MOMENTS.map(lambda time: time.strftime("%m-%d"))


@settings(max_examples=60)
@given(
    times=st.lists(TIMES, min_size=1, max_size=30),
    bounds=st.none() | st.lists(MOMENTS, min_size=2, max_size=2, unique=True).map(sorted),
    season=st.none() | st.tuples(DAYS, DAYS),
    latest=st.booleans(),
)
def test_time(times: list[Any], bounds: list[Any] | None, season: tuple[str, str] | None, latest: bool) -> None:
    places = [number % 3 for number in range(len(times))]
    metadata = metadata_of(["a"] * len(times), location=places)
    temporal = pd.DataFrame({"id": range(len(times)), "time_of_capture": pd.Series(times, dtype="datetime64[us]")})
    expected = [number for number, time in enumerate(times) if time is not None]
    if bounds is not None:
        expected = [number for number in expected if bounds[0] <= times[number] < bounds[1]]
    if season is not None:
        first, last = season
        within = {day.strftime("%m-%d") for day in pd.date_range("2024-01-01", "2024-12-31")}
        within = {day for day in within if (first <= day <= last if first <= last else day >= first or day <= last)}
        expected = [number for number in expected if times[number].strftime("%m-%d") in within]
    if latest:
        newest = {places[number]: number for number in sorted(expected, key=lambda number: times[number])}
        expected = sorted(newest.values())
    start, end = map(str, bounds) if bounds is not None else (None, None)
    if not (start or season or latest):
        return
    options = Temporal(start, end, season, "location" if latest else None)
    metadata = metadata.with_tables(temporal=temporal)
    if expected:
        assert choose(metadata, "trainvaltest", options, None).tolist() == expected
    else:
        with pytest.raises(ConfigError, match=r"drawn: no sample is left by .*Temporal"):
            choose(metadata, "trainvaltest", options, None)


def test_samples_without_a_time_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    metadata = drawn()
    times = metadata.tables["temporal"]["time_of_capture"].where(metadata.index.index > 2)
    metadata = metadata.with_tables(temporal=metadata.tables["temporal"].assign(time_of_capture=times))
    assert len(choose(metadata, "trainvaltest", Temporal(start="2000-01-01"), None)) == 17
    assert "3 of 20 samples have no time of capture" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "random"}, "kind is 'random'"),
        ({"kind": "fraction"}, "`fraction` is for"),
        ({"kind": "balanced", "fraction": 0.5}, "`fraction` is for"),
        ({"kind": "stratified", "fraction": 1.5}, "fraction is 1.5"),
        ({"kind": "balanced", "count": 0}, "`count`"),
        ({"kind": "query"}, "`query` is for"),
    ],
)
def test_wrong_tabular_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Tabular(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give start"),
        ({"start": "spring"}, "start is 'spring'"),
        ({"end": "2025-01-01T00:00Z"}, "without a zone"),
        ({"start": "2025-02-01", "end": "2025-02-01"}, "nothing is from"),
        ({"season": ("3-1", "04-01")}, "'3-1'"),
    ],
)
def test_wrong_temporal_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Temporal(**options)


@pytest.mark.parametrize(
    ("split", "temporal", "tabular", "message"),
    [
        ("dev", None, None, "split is 'dev'"),
        ("train", None, Tabular("balanced", by="colour"), "no column 'colour'; the dataset has id, image_path"),
        ("train", Temporal(latest="colour"), None, "no column 'colour'"),
        ("train", None, Tabular("query", query="false"), "no sample is left by split train, Tabular"),
    ],
)
def test_options_that_do_not_fit(split: str, temporal: Any, tabular: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose(drawn(), split, temporal, tabular)


def test_what_is_not_divided_has_one_split(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not divided"):
        choose(metadata_of(["a"]), "train", None, None)
