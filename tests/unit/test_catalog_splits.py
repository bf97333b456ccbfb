"""Splits: none that is drawn is moved, the order does not matter, and each gets its share of every label."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.catalogs import DATASETS, Item, collection, write_catalog
from treeline.catalog.assign import Location, assign
from treeline.catalog.database import CatalogError, open_to_read, open_to_write
from treeline.catalog.ingest import ingest
from treeline.catalog.leakage import find_leaks
from treeline.catalog.sources import Source
from treeline.catalog.splits import draw_splits
from treeline.cli import app

SHARES = (0.8, 0.1, 0.1)

amounts = st.dictionaries(st.sampled_from(["bear", "deer", "empty"]), st.integers(1, 50), min_size=1)
places = st.dictionaries(st.one_of(st.none(), st.text(max_size=3)), amounts, max_size=12)


def locations(given: dict[str | None, dict[str, int]]) -> list[Location]:
    return [
        Location(name, {("images", ""): sum(labels.values()), **{("label", one): n for one, n in labels.items()}})
        for name, labels in given.items()
    ]


@given(places, st.integers(), st.randoms(use_true_random=False))
def test_order_does_not_matter(given: dict[str | None, dict[str, int]], seed: int, chance: random.Random) -> None:
    ordered = locations(given)
    drawn = assign("x", ordered, {}, SHARES, seed)
    chance.shuffle(ordered)
    assert assign("x", ordered, {}, SHARES, seed) == drawn
    assert drawn.keys() == given.keys() - {None}


@given(places, places, st.integers(0, 3))
def test_more_data_moves_nothing(
    given: dict[str | None, dict[str, int]], more: dict[str | None, dict[str, int]], seed: int
) -> None:
    known = assign("x", locations(given), {}, SHARES, seed)
    new = assign("x", locations({**given, **more}), known, SHARES, seed)
    assert new.keys() == more.keys() - given.keys() - {None}


@given(places, st.dictionaries(st.text(max_size=3), st.sampled_from(["train", "val", "test"])), st.data())
def test_what_met_stays_together(
    given: dict[str | None, dict[str, int]], known: dict[str, str], data: st.DataObject
) -> None:
    """Also where the way from one to the other is long, and along with what has a split or no location already."""
    names = st.sampled_from(sorted(given, key=str))
    met = data.draw(st.lists(st.tuples(names, names), max_size=4)) if given else []
    drawn = assign("x", locations(given), known, SHARES, 0, met)
    assert drawn.keys() == given.keys() - known.keys() - {None}
    splits = {None: "train", **known, **drawn}
    for one, other in met:
        if one in drawn and other in drawn:
            assert splits[one] == splits[other]
        if splits[one] != splits[other]:
            assert {one, other} & {None, *known}
    for shuffled in (list(reversed(met)), [(other, one) for one, other in met]):
        assert assign("x", locations(given), known, SHARES, 0, shuffled) == drawn


def test_every_label_is_shared_out() -> None:
    chance = random.Random(0)
    common = {f"l{number}": {"empty": chance.randint(5, 60), "deer": chance.randint(1, 30)} for number in range(300)}
    for number in range(0, 300, 5):
        common[f"l{number}"]["bear"] = chance.randint(1, 20)
    drawn = assign("x", locations({**common}), {}, SHARES, seed=0)
    for label in ("empty", "deer", "bear"):
        total = sum(labels.get(label, 0) for labels in common.values())
        for split, share in zip(("train", "val", "test"), SHARES, strict=True):
            part = sum(labels.get(label, 0) for name, labels in common.items() if drawn[name] == split)
            assert part / total == pytest.approx(share, abs=0.01)
    assert drawn != assign("x", locations({**common}), {}, SHARES, seed=1)


def test_no_share_no_location() -> None:
    given: dict[str | None, dict[str, int]] = {str(number): {"deer": 1} for number in range(20)}
    assert set(assign("x", locations(given), {}, (0.5, 0.0, 0.5), 0).values()) == {"train", "test"}


def draw(catalog: Path, *datasets: str, seed: int = 0, shares: tuple[float, float, float] = (0.5, 0.25, 0.25)) -> int:
    return draw_splits(catalog, datasets, shares=shares, seed=seed, memory_mb=1024, threads=1)


def splits(catalog: Path) -> dict[tuple[str, str], str]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        rows = connection.execute("SELECT dataset, location, split FROM splits").fetchall()
    return {(dataset, location): split for dataset, location, split in rows}


def ingest_more(catalog: Path, sequences: list[Item], name: str = "more") -> None:
    source = catalog.parent / f"{name}.json"
    source.write_text(json.dumps(sequences), encoding="utf-8")
    ingest(catalog, Source(name, "megadb", source), memory_mb=1024, threads=1)


def far_away(number: int, dataset: str = "nacti_private") -> Item:
    image = {"file": f"far/{number}.jpg"}
    return {
        "dataset": dataset,
        "seq_id": f"far{number}",
        "location": f"far{number}",
        "class": ["bear"],
        "images": [image],
    }


def test_catalogue(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path, collection())
    assert draw(catalog) == len(splits(catalog)) == 15
    first = splits(catalog)
    assert {split for (dataset, _), split in first.items() if dataset == "caltech"} == {"train", "val", "test"}
    assert all(first["nacti", location] == first["nacti_private", location] for location in ("north", "south", "7"))
    assert draw(catalog, seed=9) == 0
    ingest_more(catalog, [far_away(number) for number in range(9)])
    assert draw(catalog, "caltech") == 0
    assert draw(catalog, "nacti", seed=9) == 9
    assert first.items() <= splits(catalog).items()


def test_sibling_that_comes_later_follows(tmp_path: Path) -> None:
    sequences = [far_away(number, "nacti") for number in range(9)]
    catalog = write_catalog(tmp_path, sequences)
    draw(catalog)
    first = splits(catalog)
    private = [{**far_away(number), "images": [{"file": f"p{number}.jpg"}]} for number in range(9)]
    ingest_more(catalog, private)
    assert draw(catalog, seed=5, shares=(0, 0, 1)) == 9
    assert splits(catalog) == first | {("nacti_private", name): split for (_, name), split in first.items()}


def walk(number: int, *stations: str | None) -> Item:
    """A sequence with an image at each of some locations, or at none."""
    images: list[Item] = [{"file": f"w{number}/{frame}.jpg", "frame_num": frame} for frame, _ in enumerate(stations)]
    for image, station in zip(images, stations, strict=True):
        image |= {} if station is None else {"location": station}
    return {"dataset": "caltech", "seq_id": f"walk{number}", "class": ["bear"], "images": images}


def leaks(catalog: Path) -> dict[str, int]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return dict(find_leaks(connection, None, most_bits=31, least_quality=50, threads=1))


def test_locations_of_one_sequence_stay_together(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs = [walk(number, f"a{number}", f"b{number}") for number in range(9)]
    catalog = write_catalog(tmp_path, [*pairs, walk(10, "b0", "c0"), walk(11, "d", None), walk(12, "e")])
    draw(catalog, shares=(0.4, 0.3, 0.3))
    first = {location: split for (_, location), split in splits(catalog).items()}
    assert len(first) == 21
    assert set(first.values()) == {"train", "val", "test"}
    assert all(first[f"a{number}"] == first[f"b{number}"] for number in range(9))
    assert (first["c0"], first["d"]) == (first["b0"], "train")
    assert leaks(catalog) == {"location": 0, "sequence": 0}
    test = next(name for name, split in first.items() if split == "test")
    ingest_more(catalog, [walk(20, test, "f"), walk(21, "d", test)])
    assert draw(catalog) == 1
    assert splits(catalog) == {("caltech", location): split for location, split in (first | {"f": "train"}).items()}
    assert "caltech: one sequence is in two splits" in caplog.text


@pytest.mark.parametrize(
    ("datasets", "shares", "words"),
    [(["caltec"], (0.8, 0.1, 0.1), "no data set caltec.*caltech"), ([], (0.8, 0.1, 0.2), "do not add up to 1")],
)
def test_refusals(tmp_path: Path, datasets: list[str], shares: tuple[float, float, float], words: str) -> None:
    catalog = write_catalog(tmp_path, collection(sequences=20))
    with pytest.raises(CatalogError, match=words):
        draw(catalog, *datasets, shares=shares)
    assert splits(catalog) == {}


def test_siblings_that_disagree_are_named(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path, collection())
    with open_to_write(catalog, memory_mb=1024, threads=1) as connection:
        connection.execute("INSERT INTO splits VALUES ('nacti', 'north', 'val'), ('nacti_private', 'north', 'test')")
    before = splits(catalog)
    with pytest.raises(CatalogError, match="nacti_private have location north in test and in val"):
        draw(catalog)
    assert splits(catalog) == before


def test_command_reports(tmp_path: Path) -> None:
    catalog, report = write_catalog(tmp_path, collection()), tmp_path / "report.json"
    arguments = ["catalog", "split", str(catalog), "--train", "0.6", "--val", "0.2", "--test", "0.2"]
    result = CliRunner().invoke(app, [*arguments, "--report", str(report)], catch_exceptions=False)
    assert "15 locations got a split" in result.output
    rows = json.loads(report.read_text(encoding="utf-8"))
    drawn = splits(catalog)
    for dataset in (one["dataset_name"] for one in DATASETS):
        of_dataset = {(row["measure"], row["label"]): row for row in rows if row["dataset"] == dataset}
        counted = of_dataset["locations", None]
        assert [counted[split] for split in ("train", "val", "test")] == [
            sum(split == one and name == dataset for (name, _), one in drawn.items())
            for split in ("train", "val", "test")
        ]
        in_train = sum(
            len(sequence["images"])
            for sequence in collection()
            if sequence["dataset"] == dataset
            and drawn.get((dataset, str(sequence.get("location"))), "train") == "train"
        )
        assert of_dataset["images", None]["train"] == in_train
        assert ("label", "bear") in of_dataset


def test_query_of_a_split(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path, collection())
    draw(catalog)
    ingest_more(catalog, [far_away(number, "caltech") for number in range(3)])
    counts: list[int] = []
    for split in ("train", "val", "test"):
        options = ["--split", split, "--dataset", "caltech", "--catalog", str(catalog)]
        result = CliRunner().invoke(app, ["query", "images", *options], catch_exceptions=False)
        counts.append(int(result.stdout.splitlines()[-1].partition(" row")[0]))
        assert "caltech: 3 locations have no split and count as train" in result.stderr
    images = sum(len(one["images"]) for one in collection() if one["dataset"] == "caltech")
    assert sum(counts) == images + 3
