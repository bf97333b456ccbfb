"""What MegaDB JSON says is in the catalogue and comes back from it, on the levels of the source or of the catalogue."""

from __future__ import annotations

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.catalog_content import ROUND_TRIPS, content, put_out, rows, take_in, unknown_properties
from treeline.catalog.cli import app
from treeline.catalog.database import CatalogError
from treeline.catalog.exports import lots
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.megadb_rows import NO_KEY

Item = dict[str, Any]

KEY = "?se=2031-01-01T07%3A59%3A00Z&sp=rl&sig=top_secret"
UNHOISTED = ExportOptions(is_unhoisted=True, with_secrets=True)
DESCRIBED: Item = {
    "dataset_name": "caltech",
    "storage_account": "",
    "container": "images",
    "path_prefix": "a/b",
    "container_sas_key": KEY,
    "access": ["public"],
}
SEQUENCE_KEYS = frozenset({"dataset", "seq_id", "images", "videos", "location", "class", "datetime"})
IMAGE_KEYS = frozenset({"file", "frame_num", "class", "datetime", "bbox", "width", "height", "uuid", "detections"})
CLASSES = st.lists(st.sampled_from(["deer", "red fox", "pere david's rock squirrel"]), min_size=1, unique=True)
TIMES = st.sampled_from(["2020-01-01 10:00:00", "2021-02-03T04:05:06+02:00"])
LOCATIONS = st.sampled_from(["north", "3", 3, {"latitude": 1.5, "longitude": -0.25}])


@st.composite
def boxes(draw: st.DrawFn) -> Item:
    corner, size = st.floats(0, 0.5), st.floats(0.01, 0.5)
    box: Item = {
        "category": draw(st.sampled_from(["animal", "person", "vehicle", "group"])),
        "bbox": [draw(corner), draw(corner), draw(size), draw(size)],
    }
    return box | draw(unknown_properties(frozenset({"category", "bbox", "class"})))


@st.composite
def sequences(draw: st.DrawFn, dataset: str, seq_id: str) -> Item:
    sequence: Item = {"dataset": dataset, "seq_id": seq_id} | draw(unknown_properties(SEQUENCE_KEYS))
    sequence |= draw(st.fixed_dictionaries({}, optional={"location": LOCATIONS, "datetime": TIMES, "class": CLASSES}))
    shared = draw(unknown_properties(IMAGE_KEYS))
    times = draw(TIMES)
    images = []
    for number in range(draw(st.integers(1, 3))):
        image: Item = {"file": f"{seq_id}/{number}.jpg", "frame_num": number, **shared}
        image |= draw(unknown_properties(IMAGE_KEYS))
        image |= draw(st.fixed_dictionaries({}, optional={"datetime": st.just(times) | TIMES, "width": st.just(640)}))
        if "class" not in sequence or draw(st.booleans()):
            image["class"] = draw(st.just(["deer"]) | CLASSES)
        image |= draw(st.fixed_dictionaries({}, optional={"bbox": st.lists(boxes(), max_size=2)}))
        images.append(image)
    return {**sequence, "images": images}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Item]]:
    """Sequences of two data sets, of which one may be described, and splits."""
    listed = [draw(sequences(dataset, f"s{number}")) for dataset in ("caltech", "nacti") for number in range(2)]
    described = (
        DESCRIBED | draw(unknown_properties(frozenset(DESCRIBED) | {"comment", "access"})) | {"access": ["public"]}
    )
    if not isinstance(described.get("comment", ""), str):
        del described["comment"]
    locations = [entry.get("location") for entry in listed if entry["dataset"] == "caltech"]
    train = [location for location in locations[:1] if location is not None]
    splits = [{"dataset": "caltech", "train": train, "val": ["elsewhere"], "test": []}]
    return {"sequences": listed, "datasets": draw(st.sampled_from([[], [described]])), "splits": splits}


def write(folder: Path, given_tables: dict[str, list[Item]]) -> Path:
    folder.mkdir()
    for name, table in given_tables.items():
        (folder / f"{name}.json").write_text(json.dumps(table), encoding="utf-8")
    return folder


def read(folder: Path) -> dict[str, list[Item]]:
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.iterdir())}


def with_text_in_splits(tables: dict[str, list[Item]]) -> dict[str, list[Item]]:
    """The location 3 is the same as "3": where sequences have both, a split may name either."""
    splits = [
        {key: [str(one) for one in value] if isinstance(value, list) else value for key, value in split.items()}
        for split in tables["splits"]
    ]
    return {**tables, "splits": splits}


@ROUND_TRIPS
@given(tables())
def test_unhoisted_is_the_source(source: dict[str, list[Item]]) -> None:
    """The source is in the order in which an export is written, and so must come back as it was; and once more."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        take_in(folder / "a.duckdb", write(folder / "source", source), "megadb")
        put_out(folder / "a.duckdb", "megadb", folder / "unhoisted", UNHOISTED)
        assert with_text_in_splits(read(folder / "unhoisted")) == with_text_in_splits(source)
        take_in(folder / "b.duckdb", folder / "unhoisted", "megadb")
        assert content(folder / "b.duckdb", with_hoisted=True) == content(folder / "a.duckdb", with_hoisted=True)


@ROUND_TRIPS
@given(tables(), st.randoms(use_true_random=False))
def test_hoisted_says_the_same(source: dict[str, list[Item]], chance: random.Random) -> None:
    """Neither the levels nor the order of a file change what is in the catalogue."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        take_in(folder / "a.duckdb", write(folder / "source", source), "megadb")
        put_out(folder / "a.duckdb", "megadb", folder / "hoisted", ExportOptions(with_secrets=True))
        hoisted = read(folder / "hoisted")
        chance.shuffle(hoisted["sequences"])
        for sequence in hoisted["sequences"]:
            chance.shuffle(sequence["images"])
        take_in(folder / "b.duckdb", write(folder / "shuffled", hoisted), "megadb")
        assert content(folder / "b.duckdb") == content(folder / "a.duckdb")
        put_out(folder / "b.duckdb", "megadb", folder / "again", ExportOptions(with_secrets=True))
        for file in sorted((folder / "again").iterdir()):
            assert file.read_bytes() == (folder / "hoisted" / file.name).read_bytes()


def some(seq_id: str, dataset: str = "caltech", **properties: Any) -> Item:
    image = {"file": f"{seq_id}.jpg", "frame_num": 1}
    return {"dataset": dataset, "seq_id": seq_id, "class": ["deer"], **properties, "images": [image]}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Two sequences of a described data set and one of another."""
    listed = [some("a", rights_holder="C"), some("b", rights_holder="C"), some("x", "nacti", rights_holder="N")]
    source = write(tmp_path / "source", {"sequences": listed, "datasets": [DESCRIBED]})
    take_in(tmp_path / "catalog.duckdb", source, "megadb")
    return tmp_path / "catalog.duckdb"


def test_levels_of_the_catalogue(catalog: Path, tmp_path: Path) -> None:
    """A described data set has what its sequences have alike; of one that nobody described it stays with them."""
    assert put_out(catalog, "megadb", tmp_path / "out") == {"sequences": 3, "data sets": 1, "splits": 0}
    written = read(tmp_path / "out")
    assert [entry.get("rights_holder") for entry in written["sequences"]] == [None, None, "N"]
    assert [(entry["dataset_name"], entry["rights_holder"]) for entry in written["datasets"]] == [("caltech", "C")]


def test_secrets(catalog: Path, tmp_path: Path) -> None:
    command = ["export", "megadb", str(catalog), str(tmp_path / "out")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "3 sequences, 1 data sets, 0 splits" in result.output
    assert not any("top_secret" in file.read_text() for file in (tmp_path / "out").iterdir())
    assert read(tmp_path / "out")["datasets"][0]["container_sas_key"] == NO_KEY
    take_in(tmp_path / "again.duckdb", tmp_path / "out", "megadb")
    assert rows(tmp_path / "again.duckdb", "SELECT container_sas_key FROM datasets WHERE dataset = 'caltech'") == [
        (None,)
    ]
    assert CliRunner().invoke(app, [*command, "--with-secrets"]).exit_code == 0
    assert read(tmp_path / "out")["datasets"] == [DESCRIBED | {"rights_holder": "C"}]


def test_chosen_datasets(catalog: Path, tmp_path: Path) -> None:
    put_out(catalog, "megadb", tmp_path / "out", ExportOptions(datasets=("nacti",)))
    assert [entry["seq_id"] for entry in read(tmp_path / "out")["sequences"]] == ["x"]
    with pytest.raises(CatalogError, match=r"no data set narnia. The catalogue has: caltech, nacti"):
        put_out(catalog, "megadb", tmp_path / "out", ExportOptions(datasets=("narnia",)))
    assert [entry["seq_id"] for entry in read(tmp_path / "out")["sequences"]] == ["x"], "the old export is gone"


def test_lots_do_not_show(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_out(catalog, "megadb", tmp_path / "whole")
    monkeypatch.setattr(lots, "IMAGES_AT_ONCE", 1)
    put_out(catalog, "megadb", tmp_path / "parts")
    for file in (tmp_path / "whole").iterdir():
        assert (tmp_path / "parts" / file.name).read_bytes() == file.read_bytes()


def test_what_treeline_adds(tmp_path: Path) -> None:
    """Sizes, videos, and a detector's boxes, which are no annotations; values of other kinds are any property."""
    box = {"category": "animal", "bbox": [0.0, 0.1, 0.2, 0.3]}
    found = {
        "file": "a/1.jpg",
        "frame_num": 1,
        "width": 640,
        "height": 480,
        "uuid": "u",
        "detections": [box | {"confidence": 0.5}],
    }
    other = {
        "file": "a/2.jpg",
        "frame_num": 2,
        "width": "wide",
        "detections": "none",
        "bbox": [box | {"confidence": 1.0}],
    }
    video = {"file": "a/v.mp4", "class": ["deer"], "frame_rate": 29.97, "frames": 12, "codec": "h264"}
    listed = [{"dataset": "caltech", "seq_id": "a", "class": ["deer"], "images": [found, other], "videos": [video]}]
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path / "source", {"sequences": listed}), "megadb")
    assert rows(catalog, "SELECT width, uuid, annotated FROM images ORDER BY file") == [
        (640, "u", False),
        (None, None, True),
    ]
    assert rows(catalog, "SELECT confidence FROM boxes ORDER BY image") == [(0.5,), (None,)]
    assert rows(catalog, "SELECT file, frames FROM videos") == [("a/v.mp4", 12)]
    put_out(catalog, "megadb", tmp_path / "out")
    assert read(tmp_path / "out")["sequences"] == listed


def test_properties_called_like_keys(tmp_path: Path) -> None:
    """A property that all have alike is not hoisted to where its name means something else."""
    listed = [some("a", comment="x", access=["z"]), some("b", comment="x", access=["z"])]
    listed[0]["images"][0] |= {"images": 1, "dataset": "y", "id": "i"}
    source = {"sequences": listed, "datasets": [DESCRIBED | {"comment": "of the data set"}]}
    take_in(tmp_path / "catalog.duckdb", write(tmp_path / "source", source), "megadb")
    put_out(tmp_path / "catalog.duckdb", "megadb", tmp_path / "out", ExportOptions(with_secrets=True))
    assert read(tmp_path / "out") == source | {"splits": []}
