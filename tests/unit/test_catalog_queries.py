"""The named queries, against the same questions asked of the JSON in Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.catalogs import Item, collection, write_catalog
from treeline.catalog.answer_files import write_answer
from treeline.catalog.queries import all_queries, find_query
from treeline.catalog.reading import check_query, open_harmless

SEQUENCES = collection()
PUBLIC = {"caltech", "nacti"}
NO_SPECIES = {"empty", "__label_unavailable"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("catalog"), SEQUENCES)


def answer(catalog: Path, name: str, **values: str) -> list[dict[str, Any]]:
    with open_harmless(catalog, memory_mb=1024, threads=1) as connection:
        query = check_query(connection, find_query(name).sql(values))
        target = catalog.parent / f"{name}.json"
        write_answer(connection, query, target)
    rows: list[dict[str, Any]] = json.loads(target.read_text(encoding="utf-8"))
    return rows


def images() -> Iterator[tuple[Item, Item, list[str]]]:
    """Each image with its sequence and the classes that hold for it."""
    for sequence in SEQUENCES:
        for image in sequence["images"]:
            yield sequence, image, image.get("class") or sequence.get("class") or []


def own_class(sequence: Item, image: Item) -> list[str] | None:
    """An image's class where it does not stand on the sequence, which it does if it is that of all."""
    classes = [other.get("class") for other in sequence["images"]]
    is_hoisted = "class" not in sequence and all(one == classes[0] for one in classes)
    return None if is_hoisted else image.get("class")


def sequence_class(sequence: Item) -> list[str]:
    classes = [image.get("class") for image in sequence["images"]]
    hoisted: list[str] = classes[0] if all(one == classes[0] for one in classes) and classes[0] else []
    given: list[str] = sequence.get("class", hoisted)
    return given


Condition = Callable[[Item, Item, list[str]], bool]
OF_IMAGES: list[tuple[str, dict[str, str], Condition]] = [
    ("images", {"class": "bear"}, lambda s, i, c: "bear" in c),
    ("images", {"location": "7"}, lambda s, i, c: s.get("location") == 7),
    ("annotated_images", {}, lambda s, i, c: "bbox" in i),
    ("annotated_images", {"dataset": "nacti"}, lambda s, i, c: "bbox" in i and s["dataset"] == "nacti"),
    ("images_with_boxes", {"dataset": "caltech"}, lambda s, i, c: bool(i.get("bbox")) and s["dataset"] == "caltech"),
    ("images_of_annotated_sequences", {}, lambda s, i, c: any("bbox" in one for one in s["images"])),
    ("empty_images", {}, lambda s, i, c: ["empty"] in (i.get("class"), s.get("class"))),
    ("images_with_own_class", {}, lambda s, i, c: own_class(s, i) is not None),
    ("classification_rows", {}, lambda s, i, c: len(c) == 1),
    ("classification_rows", {"class": "deer"}, lambda s, i, c: c == ["deer"]),
    (
        "public_images",
        {"class": "bear", "longer-than": "2"},
        lambda s, i, c: "bear" in c and len(s["images"]) > 2 and s["dataset"] in PUBLIC,
    ),
]


@pytest.mark.parametrize(("name", "values", "condition"), OF_IMAGES)
def test_images(catalog: Path, name: str, values: dict[str, str], condition: Condition) -> None:
    expected = [
        (sequence["dataset"], sequence["seq_id"], image["frame_num"], image["file"])
        for sequence, image, classes in images()
        if condition(sequence, image, classes)
    ]
    rows = answer(catalog, name, **values)
    assert [(row["dataset"], row["seq_id"], row["frame_num"], row["file"]) for row in rows] == sorted(expected)
    assert expected


def test_boxes_are_listed_in_order(catalog: Path) -> None:
    expected = {image["file"]: image["bbox"] for _, image, _ in images() if "bbox" in image}
    assert {row["file"]: row["bbox"] for row in answer(catalog, "annotated_images")} == expected


def test_sequences(catalog: Path) -> None:
    counts = {
        (one["dataset"], one["seq_id"]): (len(one["images"]), sum("bbox" in image for image in one["images"]))
        for one in SEQUENCES
    }
    rows = answer(catalog, "sequences")
    assert {(row["dataset"], row["seq_id"]): (row["images"], row["annotated"]) for row in rows} == counts
    annotated = [(row["dataset"], row["seq_id"]) for row in answer(catalog, "annotated_sequences")]
    assert annotated == sorted(key for key, (_, looked_at) in counts.items() if looked_at)


def test_counts(catalog: Path) -> None:
    assert answer(catalog, "totals") == [
        {
            "datasets": 3,
            "sequences": len(SEQUENCES),
            "images": len(list(images())),
            "videos": 0,
            "boxes": sum(len(image.get("bbox", ())) for _, image, _ in images()),
        }
    ]
    of_datasets = Counter(sequence["dataset"] for sequence in SEQUENCES)
    of_images = Counter(sequence["dataset"] for sequence, _, _ in images())
    rows = answer(catalog, "dataset_counts")
    assert {row["dataset"]: (row["sequences"], row["images"]) for row in rows} == {
        name: (of_datasets[name], of_images[name]) for name in of_datasets
    }
    places = Counter(
        (sequence["dataset"], str(sequence["location"])) for sequence, _, _ in images() if "location" in sequence
    )
    rows = answer(catalog, "locations")
    assert {(row["dataset"], row["location"]): row["images"] for row in rows} == places


def test_locations_of_a_sequence_that_moves(tmp_path: Path) -> None:
    places = [{"location": "b"}, {"location": "c"}, {}]
    images = [{"file": f"{number}.jpg", "frame_num": number, **place} for number, place in enumerate(places)]
    moving = {"dataset": "caltech", "seq_id": "moving", "class": ["bear"], "images": images}
    still = {**moving, "seq_id": "still", "location": "b", "images": [{"file": "still.jpg", "frame_num": 0}]}
    rows = answer(write_catalog(tmp_path, [still, moving]), "locations")
    assert [(row["location"], row["sequences"], row["images"]) for row in rows] == [("b", 2, 2), ("c", 1, 1)]


def test_classes(catalog: Path) -> None:
    rows = {row.pop("class"): row for row in answer(catalog, "class_counts")}
    on_sequences = Counter(name for one in SEQUENCES for name in sequence_class(one))
    on_images = Counter(name for one, image, _ in images() for name in own_class(one, image) or ())
    in_all = Counter(name for _, _, classes in images() for name in classes)
    assert rows == {
        name: {"labelled_sequences": on_sequences[name], "labelled_images": on_images[name], "images": in_all[name]}
        for name in in_all | on_sequences
    }
    labels = {(one["dataset"], name) for one in SEQUENCES for name in sequence_class(one) if name not in NO_SPECIES}
    labels |= {(one["dataset"], name) for one, image, _ in images() for name in own_class(one, image) or ()}
    assert [(row["dataset"], row["class"]) for row in answer(catalog, "species_by_dataset")] == sorted(labels)
    assert [row["class"] for row in answer(catalog, "species")] == ["bear", "deer", "squirrel"]


def test_datasets(catalog: Path) -> None:
    assert [row["dataset"] for row in answer(catalog, "datasets")] == ["caltech", "nacti", "nacti_private"]
    assert [row["dataset"] for row in answer(catalog, "public_datasets")] == ["caltech", "nacti"]


def test_newest(catalog: Path) -> None:
    ordered = [image["file"] for _, image, _ in images()]
    assert [row["file"] for row in answer(catalog, "newest_images", count="7")] == ordered[:-8:-1]


@pytest.mark.parametrize("seed", ["0", "7", "-7", "-1000000", "9000000000000000000"])
def test_sample(catalog: Path, seed: str) -> None:
    rows = answer(catalog, "sample_images", count="3", seed=seed)
    assert Counter(row["sample_of"] for row in rows) == dict.fromkeys(
        {name for _, _, classes in images() for name in classes}, 3
    )
    assert all(row["sample_of"] in row["class"] for row in rows)
    assert rows == answer(catalog, "sample_images", count="3", seed=seed)
    assert rows != answer(catalog, "sample_images", count="3", seed="1")


@pytest.mark.parametrize("query", all_queries(), ids=lambda query: query.name)
def test_one_format_is_as_good_as_another(catalog: Path, query: Any, tmp_path: Path) -> None:
    """Each query can be run, with a line for each row, whatever it is written to; and the same rows without order."""
    values = {one.name: "bear" for one in query.parameters if one.default is None}
    with open_harmless(catalog, memory_mb=1024, threads=1) as connection:
        checked = check_query(connection, query.sql(values))
        counts = [write_answer(connection, checked, tmp_path / f"x.{suffix}") for suffix in ("parquet", "json", "csv")]
        unordered = connection.execute(query.sql(values, is_ordered=False)).fetchall()
    parquet = pq.ParquetFile(tmp_path / "x.parquet").read()
    rows = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert {*counts, parquet.num_rows, len(rows), len(unordered)} == {counts[0]}
    assert counts[0]
    assert list(rows[0]) == parquet.column_names
