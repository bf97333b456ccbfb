"""Crops: the wanted labels and numbers of them, locations in one split each, and every image accounted for."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.shards import picture
from tests.training_sets import (
    ANIMAL,
    GROUP,
    build,
    content,
    crop_set,
    rows_of,
    sequence,
    split_table,
    write_images,
    write_lookup,
)
from treeline.catalog.training.choice import Choice
from treeline.errors import InputError
from treeline.io.tar import read_member

PERSON = {"category": "person", "bbox": [0, 0, 0.5, 0.5]}
SPECIFICATION: dict[str, Any] = {
    "cervid": {
        "include": {"taxa": {"family": ["cervidae"]}, "classes": ["roe"], "classes_of": {"idaho": ["hoofed"]}},
        "exclude": {"classes_of": {"idaho": ["elk"]}},
        "maximum": 3,
        "priority": ["idaho", "serengeti"],
    },
    "hare": {"include": {"classes": ["hare", "rabbit"]}},
}
FAMILIES = {"deer": "Cervidae", "elk": "Cervidae", "hare": "Leporidae"}
CLASSES = ["deer", "elk", "roe", "hoofed", "hare", "empty", "__label_unavailable"]


def is_cervid(dataset: str, name: str) -> bool:
    if (dataset, name) == ("idaho", "elk"):
        return False
    return FAMILIES.get(name) == "Cervidae" or name == "roe" or (dataset, name) == ("idaho", "hoofed")


def write_labels(folder: Path, specification: Any) -> Path:
    file = folder / "labels.yaml"
    file.write_text(yaml.safe_dump(specification), encoding="utf-8")
    return file


def set_families(catalog: Path) -> None:
    from treeline.catalog.database import open_to_write

    with open_to_write(catalog, memory_mb=1024, threads=1) as connection:
        connection.execute(
            "INSERT INTO classes SELECT DISTINCT dataset, unnest(['deer', 'elk', 'hare']), NULL, 1 FROM sequences"
        )
        for name, family in FAMILIES.items():
            connection.execute(
                "UPDATE classes SET properties = json_object('family', ?) WHERE class = ?", [family, name]
            )


images = st.builds(
    dict,
    dataset=st.sampled_from(["caltech", "idaho", "serengeti", "idaho_private"]),
    classes=st.lists(st.sampled_from(CLASSES), min_size=1, max_size=2, unique=True),
    place=st.sampled_from(["", "a", "b", "c", "d", "e"]),
    boxes=st.lists(st.sampled_from([ANIMAL, PERSON, GROUP]), max_size=3),
)


@given(drawn=st.lists(images, min_size=1, max_size=20), seed=st.integers(0, 3))
@settings(max_examples=8)
def test_promises_of_a_set(tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any]], seed: int) -> None:
    folder = tmp_path_factory.mktemp("crops")
    facts = {f"{number}.png": one for number, one in enumerate(drawn)}
    sequences = [
        sequence(file, one["boxes"], dataset=one["dataset"], **{"class": one["classes"]}, **location(one["place"]))
        for file, one in facts.items()
    ]
    given_splits = split_table("idaho", train=["a"], val=["b"], test=["c"])
    pictures = write_images(folder / "images", facts)
    labels = write_labels(folder, SPECIFICATION)
    made = []
    for name, order in (("one", sequences), ("other", sequences[::-1])):
        (folder / name).mkdir()
        catalog = build(folder / name / "c.duckdb", order, given_splits)
        set_families(catalog)
        made.append(crop_set(catalog, folder / name / "set", pictures, labels=labels, seed=seed))
    assert content(folder / "one" / "set") == content(folder / "other" / "set")
    output = folder / "one" / "set"
    crops, dropped = rows_of(output / "crops.csv"), rows_of(output / "dropped.csv")
    files = {
        name: json.loads(read_member(output / name.split("/")[0], name.split("/")[1][:-4] + ".json"))["file"]
        for name in (row["path"] for row in crops)
    }
    assert made[0].images == len(set(files.values()))
    assert set(files.values()) | {row["file"] for row in dropped} == facts.keys()
    assert made[0].images + sum(made[0].dropped.values()) == len(facts)

    splits: dict[tuple[str, str], set[str]] = {}
    for row in crops:
        splits.setdefault((row["dataset"].removesuffix("_private"), row["location"]), set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    for (dataset, place), found in splits.items():
        if place == "":
            assert found == {"train"}
        elif dataset == "idaho" and place in "abc":
            assert found == {{"a": "train", "b": "val", "c": "test"}[place]}

    wanted: Counter[str] = Counter()
    for one in facts.values():
        if len(one["classes"]) == 1 and is_cervid(one["dataset"], one["classes"][0]):
            wanted[one["dataset"]] += sum(box is ANIMAL for box in one["boxes"])
    kept = Counter(row["dataset"] for row in crops if row["label"] == "cervid")
    room = 3
    for datasets in (["idaho"], ["serengeti"], ["caltech", "idaho_private"]):
        expected = min(room, sum(wanted[dataset] for dataset in datasets))
        assert sum(kept[dataset] for dataset in datasets) == expected
        room -= expected
    hares = sum(sum(box is ANIMAL for box in one["boxes"]) for one in facts.values() if one["classes"] == ["hare"])
    assert Counter(row["label"] for row in crops)["hare"] == hares
    shares = rows_of(output / "shares.csv")
    assert {(row["label"], row["split"]): int(row["crops"]) for row in shares if row["crops"] != "0"} == Counter(
        (row["label"], row["split"]) for row in crops
    )


def location(place: str) -> dict[str, str]:
    return {"location": place} if place else {}


def test_a_crop_has_its_pixels_and_facts(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence("a.b/x.png", [PERSON, ANIMAL], license="CC0", location="n")])
    crop_set(catalog, tmp_path / "set", write_images(tmp_path / "images", ["a.b/x.png"]))
    (row,) = rows_of(tmp_path / "set" / "crops.csv")
    assert {name: row[name] for name in row if name != "path"} == {
        **{"dataset": "caltech", "location": "n", "label": "deer", "confidence": "1.0", "split": "train"}
    }
    archive, member = row["path"].split("/")
    pixels = np.asarray(Image.open(io.BytesIO(read_member(tmp_path / "set" / archive, member))))
    assert np.abs(pixels.astype(int) - picture(48, 72)[12:36, 18:54]).max() <= 8
    facts = json.loads(read_member(tmp_path / "set" / archive, member.replace(".jpg", ".json")))
    assert (facts["file"], facts["license"], facts["label"]) == ("a.b/x.png", "CC0", "deer")
    assert facts["pixels"] == {"left": 18, "top": 12, "right": 54, "bottom": 36}


def test_webdataset_reads_each_crop_of_the_table_once(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(7)]
    catalog = build(tmp_path / "c.duckdb", [sequence(name, [ANIMAL, ANIMAL], location=name) for name in names])
    crop_set(catalog, tmp_path / "set", write_images(tmp_path / "images", names), archive_crops=3)
    read = {}
    for file in sorted((tmp_path / "set").glob("*.tar")):
        for sample in webdataset.WebDataset(str(file), shardshuffle=False, empty_check=False).decode("rgb8"):
            assert sample["jpg"].shape == (24, 36, 3)
            read[f"{file.name}/{sample['__key__']}.jpg"] = (sample["json"]["label"], sample["json"]["split"])
    assert read == {row["path"]: (row["label"], row["split"]) for row in rows_of(tmp_path / "set" / "crops.csv")}
    assert len(read) == 14


def test_why_images_are_dropped(tmp_path: Path) -> None:
    sequences = [
        sequence("good.png", [ANIMAL]),
        sequence("bad.png", [ANIMAL]),
        sequence("missing.png", [ANIMAL]),
        sequence("both.png", [ANIMAL], **{"class": ["deer", "hare"]}),
        sequence("empty.png", [], **{"class": ["empty"]}),
        sequence("unavailable.png", [ANIMAL], **{"class": ["__label_unavailable"]}),
        sequence("person.png", [PERSON]),
        sequence("looked at by none.png", None),
    ]
    catalog = build(tmp_path / "c.duckdb", sequences)
    images = write_images(tmp_path / "images", ["good.png", "bad.png", "both.png", "person.png"], **{"bad.png": b"x"})
    made = crop_set(catalog, tmp_path / "set", images)
    reasons = {row["file"]: row["reason"].partition(":")[0] for row in rows_of(tmp_path / "set" / "dropped.csv")}
    assert reasons == {
        "bad.png": "cannot be read",
        "missing.png": "not among the images given",
        "both.png": "several labels",
        "empty.png": "of no label of the set",
        "unavailable.png": "of no label of the set",
        "person.png": "no box to cut out",
        "looked at by none.png": "no box to cut out",
    }
    assert made.images == 1


def test_an_images_own_class_goes_before_its_sequences(tmp_path: Path) -> None:
    images = [{"file": f"{n}.png", "frame_num": n, "bbox": [ANIMAL]} for n in range(3)]
    images[0]["class"], images[1]["class"] = ["hare"], ["hare", "fox"]
    catalog = build(tmp_path / "c.duckdb", [{"dataset": "idaho", "seq_id": "s", "class": ["deer"], "images": images}])
    crop_set(catalog, tmp_path / "set", write_images(tmp_path / "images", ["0.png", "1.png", "2.png"]))
    assert sorted(row["label"] for row in rows_of(tmp_path / "set" / "crops.csv")) == ["deer", "hare"]


def test_splits_that_were_made_can_be_ingested_and_hold_for_the_next_set(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(12)]
    sequences = [sequence(name, [ANIMAL], location=f"camera {number}") for number, name in enumerate(names)]
    catalog, images = build(tmp_path / "c.duckdb", sequences), write_images(tmp_path / "images", names)
    crop_set(catalog, tmp_path / "one", images)
    build(tmp_path / "c.duckdb", sequences, json.loads((tmp_path / "one" / "splits.json").read_text()))
    lookup = write_lookup(tmp_path / "lookup.parquet", [("caltech", name) for name in names[::2]])
    crop_set(catalog, tmp_path / "other", images, seed=5, choice=Choice(lookup, None))
    before, after = (
        {row["location"]: row["split"] for row in rows_of(tmp_path / name / "crops.csv")} for name in ("one", "other")
    )
    assert len(after) == 6
    assert after.items() <= before.items()


@pytest.mark.parametrize(
    ("specification", "problem"),
    [
        (
            {"a": {"include": {"classes": ["deer"]}}, "b": {"include": {"classes": ["deer"]}}},
            "is in it, and in 'a' too",
        ),
        ({"a": {"include": {"classes": "deer"}}}, "field 'a.include.classes'"),
        ({"a": {"include": {}, "maximum": 0}}, "field 'a.maximum'"),
        ({"a": {"includes": {}}}, "field 'a.include'"),
        ({}, "at least 1"),
        (["deer"], "dictionary"),
    ],
)
def test_specifications_that_are_refused(tmp_path: Path, specification: Any, problem: str) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence("a.png", [ANIMAL])])
    labels = write_labels(tmp_path, specification)
    with pytest.raises(InputError, match=problem):
        crop_set(catalog, tmp_path / "set", write_images(tmp_path / "images", ["a.png"]), labels=labels)
    assert not (tmp_path / "set").exists()


def test_labels_at_too_few_locations_are_one_warning_a_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = [f"kind {number}" for number in range(7)]
    images = write_images(tmp_path / "images", [f"{label}.png" for label in labels])
    sequences = [sequence(f"{label}.png", [ANIMAL], location=label, **{"class": [label]}) for label in labels]
    with caplog.at_level(logging.WARNING):
        crop_set(build(tmp_path / "c.duckdb", sequences), tmp_path / "set", images)
    shares = [
        row for row in rows_of(tmp_path / "set" / "shares.csv") if row["crops"] == "0" and row["split"] != "train"
    ]
    missing = Counter(row["split"] for row in shares)
    warned = [record.getMessage() for record in caplog.records if "too few locations" in record.getMessage()]
    assert [text.partition(": ")[0] for text in warned] == [
        f"{missing[split]} labels are at too few locations to have crops for {split}" for split in ("test", "val")
    ]
    assert all(text.endswith("kind 4, ...") for text in warned)
