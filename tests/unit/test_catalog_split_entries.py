"""A table of splits is kept and written again, with locations and data sets that the catalogue does not hold."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog_content import ROUND_TRIPS, content, put_out, rows, take_in, unknown_properties
from treeline.catalog.exports.options import ExportOptions

Item = dict[str, Any]

SEQUENCES: list[Item] = [
    {"dataset": "caltech", "seq_id": "a", "location": 3, "class": ["deer"], "images": [{"file": "a.jpg"}]},
    {"dataset": "nacti", "seq_id": "b", "location": "x", "class": ["deer"], "images": [{"file": "b.jpg"}]},
]
SPLITS = ("train", "val", "test")
LOCATIONS = st.sampled_from(["north", "3", 3, -7, {"latitude": 1.5, "longitude": -0.25}, "", '{"a":1}', "ä\n"])


@st.composite
def entries(draw: st.DrawFn, dataset: str) -> Item:
    """An entry in the order in which it is written; of what is the same as text, only one."""
    drawn = draw(st.lists(LOCATIONS, unique_by=as_text))
    split_of = {as_text(location): draw(st.sampled_from(SPLITS)) for location in drawn}
    ordered = sorted(drawn, key=as_text)
    lists = {split: [one for one in ordered if split_of[as_text(one)] == split] for split in SPLITS}
    return {"dataset": dataset, **lists, **draw(unknown_properties(frozenset({"dataset", *SPLITS})))}


def as_text(location: object) -> str:
    return location if isinstance(location, str) else json.dumps(location, separators=(",", ":"), sort_keys=True)


def write(folder: Path, splits: list[Item], sequences: list[Item] = SEQUENCES) -> Path:
    folder.mkdir()
    (folder / "sequences.json").write_text(json.dumps(sequences), encoding="utf-8")
    (folder / "splits.json").write_text(json.dumps(splits), encoding="utf-8")
    return folder


def read(folder: Path) -> Any:
    return json.loads((folder / "splits.json").read_text(encoding="utf-8"))


@settings(ROUND_TRIPS, max_examples=4)
@given(st.tuples(entries("elsewhere"), entries("far"), entries("nacti")))
def test_round_trip(splits: tuple[Item, ...]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        take_in(folder / "a.duckdb", write(folder / "source", list(splits)), "megadb")
        put_out(folder / "a.duckdb", "megadb", folder / "out", ExportOptions(is_unhoisted=True))
        assert read(folder / "out") == list(splits)
        take_in(folder / "b.duckdb", folder / "out", "megadb")
        assert content(folder / "b.duckdb") == content(folder / "a.duckdb")


def test_location_is_written_as_its_sequences_have_it(tmp_path: Path) -> None:
    splits = [{"dataset": "caltech", "train": ["3", 4], "val": [], "test": ["5"]}]
    take_in(tmp_path / "catalog.duckdb", write(tmp_path / "source", splits), "megadb")
    put_out(tmp_path / "catalog.duckdb", "megadb", tmp_path / "out", ExportOptions(datasets=("caltech",)))
    assert read(tmp_path / "out") == [{"dataset": "caltech", "train": [3, 4], "val": [], "test": ["5"]}]


def test_chosen_data_sets_alone(tmp_path: Path) -> None:
    splits = [{"dataset": name, "train": ["x"], "val": [], "test": []} for name in ("elsewhere", "nacti")]
    take_in(tmp_path / "catalog.duckdb", write(tmp_path / "source", splits), "megadb")
    put_out(tmp_path / "catalog.duckdb", "megadb", tmp_path / "out", ExportOptions(datasets=("nacti",)))
    assert read(tmp_path / "out") == splits[1:]


def test_entry_without_locations_is_one(tmp_path: Path) -> None:
    """Its images are for training; those of a data set without an entry are for nothing."""
    splits = [{"dataset": "nacti", "train": [], "val": [], "test": []}]
    take_in(tmp_path / "catalog.duckdb", write(tmp_path / "source", splits, SEQUENCES[1:]), "megadb")
    assert rows(tmp_path / "catalog.duckdb", "SELECT file, split FROM images_in_splits") == [("b.jpg", "train")]
    take_in(tmp_path / "other.duckdb", write(tmp_path / "without", splits, SEQUENCES), "megadb")
    with pytest.raises(duckdb.Error, match="caltech has no splits"):
        rows(tmp_path / "other.duckdb", "SELECT file, split FROM images_in_splits")


def test_entries_of_a_later_version_are_added(tmp_path: Path) -> None:
    """A split is never moved, and none is taken back."""
    catalog = tmp_path / "catalog.duckdb"
    first = [{"dataset": "nacti", "train": [1], "val": ["x"], "test": [], "by": "A", "on": "Monday"}]
    take_in(catalog, write(tmp_path / "first", first), "megadb")
    later = [{"dataset": "nacti", "train": [2], "val": [], "test": ["y"], "by": "B"}]
    take_in(catalog, write(tmp_path / "later", later), "megadb")
    put_out(catalog, "megadb", tmp_path / "out")
    assert read(tmp_path / "out") == [
        {"dataset": "nacti", "train": [1, 2], "val": ["x"], "test": ["y"], "by": "B", "on": "Monday"}
    ]
