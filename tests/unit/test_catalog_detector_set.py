"""Detector sets: MegaDB's rules, every image accounted for, and files that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from tests.tiny_shards import raw_pixels, write_shard
from tests.training_sets import (
    ALL,
    ANIMAL,
    GROUP,
    PNG,
    build,
    content,
    detector_set,
    rows_of,
    sequence,
    split_table,
    write_images,
    write_lookup,
)
from treeline.catalog.database import open_to_write
from treeline.catalog.training.choice import Choice
from treeline.catalog.training.images import ImageSource
from treeline.errors import InputError
from treeline.io.images import decode
from treeline.io.tar import tar_writer

PERSON = {"category": "person", "bbox": [0.5, 0.5, 0.5, 0.5]}


def found(confidence: float) -> dict[str, Any]:
    return {**ANIMAL, "confidence": confidence}


KINDS: dict[str, list[dict[str, Any]] | None] = {
    "one box": [ANIMAL],
    "two boxes": [ANIMAL, PERSON],
    "confirmed empty": [],
    "never annotated": None,
    "a group": [ANIMAL, GROUP],
    "a detector's": [found(0.9), found(0.3)],
    "a person's and a detector's": [PERSON, found(0.9)],
    "no size": [{"category": "animal", "bbox": [0.5, 0.5, 0, 0.1]}],
}
REASONS = {
    "never annotated": "never annotated",
    "a group": "a box around a group",
    "a detector's": "a detector's boxes alone, none of them certain enough",
    "no size": "a box of no size",
}


def read_coco(output: Path, split: str) -> COCO:
    return COCO(str(output / "annotations" / f"instances_{split}.json"))


def test_rules(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence(f"{kind}.png", boxes) for kind, boxes in KINDS.items()])
    lookup = write_lookup(tmp_path / "lookup.parquet", [("caltech", f"{kind}.png") for kind in [*KINDS, "unknown"]])
    images = write_images(tmp_path / "images", [f"{kind}.png" for kind in KINDS if kind != "two boxes"])
    made = detector_set(catalog, tmp_path / "set", images, choice=Choice(lookup, None))
    expected = {f"{kind}.png": reason for kind, reason in REASONS.items()}
    expected |= {"two boxes.png": "not among the images given", "unknown.png": "not in the catalogue"}
    assert {row["file"]: row["reason"] for row in rows_of(tmp_path / "set" / "dropped.csv")} == expected
    assert made.splits["train"] == (3, 1, 2)
    assert {file.name for file in (tmp_path / "set" / "images" / "caltech").iterdir()} == {
        "one box.png",
        "confirmed empty.png",
        "a person's and a detector's.png",
    }


def test_a_detectors_boxes_count_where_no_person_drew_any(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence(f"{kind}.png", boxes) for kind, boxes in KINDS.items()])
    images = write_images(tmp_path / "images", [f"{kind}.png" for kind in KINDS])
    detector_set(catalog, tmp_path / "set", images, choice=Choice(None, 0.5))
    coco = read_coco(tmp_path / "set", "train")
    boxes = {coco.loadImgs(id)[0]["file_name"]: coco.imgToAnns[id] for id in coco.getImgIds()}
    assert [box["score"] for box in boxes["caltech/a detector's.png"]] == [0.9]
    assert [box["category_id"] for box in boxes["caltech/a person's and a detector's.png"]] == [2]


@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=12),
    places=st.lists(st.sampled_from(["", "a", "b", "c", "new"]), min_size=12, max_size=12),
)
@settings(max_examples=6)
def test_totals_add_up_and_locations_keep_to_their_splits(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], places: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("set")
    splits = {"a": "train", "b": "val", "c": "test"}
    sequences = [
        sequence(f"{number}.png", KINDS[kind], **({"location": place} if place else {}))
        for number, (kind, place) in enumerate(zip(kinds, places, strict=False))
    ]
    catalog = build(folder / "c.duckdb", sequences, split_table(train=["a"], val=["b"], test=["c"]))
    images = write_images(folder / "images", [f"{number}.png" for number in range(len(kinds))])
    made = detector_set(catalog, folder / "set", images)
    assert sum(count for count, _, _ in made.splits.values()) + sum(made.dropped.values()) == len(kinds)
    ids: set[int] = set()
    for split in ("train", "val", "test"):
        coco = read_coco(folder / "set", split)
        listed = (folder / "set" / f"{split}.txt").read_text().splitlines()
        assert listed == [f"./images/{coco.imgs[id]['file_name']}" for id in sorted(coco.imgs)]
        for image in coco.imgs.values():
            assert splits.get(image.get("location", ""), "train") == split
            lines = (folder / "set/labels" / image["file_name"]).with_suffix(".txt").read_text().splitlines()
            assert len(lines) == len(coco.imgToAnns[image["id"]])
        assert not ids & set(coco.imgs)
        ids |= set(coco.imgs)
        assert (len(coco.imgs), len(coco.anns)) == (made.splits[split][0], made.splits[split][2])
    detector_set(catalog, folder / "again", images)
    assert content(folder / "again") == content(folder / "set")


def test_coco_says_what_is_known(tmp_path: Path) -> None:
    facts = {"location": 7, "license": "CC0", "rights_holder": "R"}
    catalog = build(tmp_path / "c.duckdb", [sequence("a.png", [PERSON], **facts)], split_table(test=["7"]))
    detector_set(catalog, tmp_path / "set", write_images(tmp_path / "images", ["a.png"]))
    dataset = json.loads((tmp_path / "set/annotations/instances_test.json").read_text())
    assert dataset["info"]["description"]
    address = "https://creativecommons.org/publicdomain/zero/1.0/"
    assert dataset["licenses"] == [{"id": 1, "name": "CC0", "url": address}]
    (image,), (box,) = dataset["images"], dataset["annotations"]
    assert image == {
        **{"id": 1, "file_name": "caltech/a.png", "width": 72, "height": 48, "license": 1, "rights_holder": "R"},
        **{"dataset": "caltech", "location": "7", "seq_id": "a.png"},
    }
    assert (box["bbox"], box["area"], box["iscrowd"], box["category_id"]) == ([36, 24, 36, 24], 864, 0, 2)


def test_yolov5_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YOLOv5's own reader checks each image and its labels, and counts what it refuses."""
    sequences = [sequence(f"d/{kind}.png", KINDS[kind]) for kind in ("one box", "two boxes", "confirmed empty")]
    beyond = {"category": "vehicle", "bbox": [0.4, 0.4, 0.6004, 0.2]}
    catalog = build(tmp_path / "c.duckdb", [*sequences, sequence("e.png", [beyond])])
    images = write_images(tmp_path / "images", [*(one["seq_id"] for one in sequences), "e.png"])
    detector_set(catalog, tmp_path / "set", images)
    monkeypatch.setenv("YOLOV5_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(np, "int", int, raising=False)  # which this YOLOv5 still asks NumPy for
    from yolov5.utils.dataloaders import LoadImagesAndLabels

    lists = yaml.safe_load((tmp_path / "set/data.yaml").read_text())
    read = LoadImagesAndLabels(str(tmp_path / "set" / lists["train"]), img_size=64)
    assert [Path(file).name for file in read.im_files] == [
        "confirmed empty.png",
        "one box.png",
        "two boxes.png",
        "e.png",
    ]
    assert [len(labels) for labels in read.labels] == [0, 1, 2, 1]
    assert read.labels[2].tolist() == [[0, 0.5, 0.5, 0.5, 0.5], [1, 0.75, 0.75, 0.5, 0.5]]
    assert read.labels[3][0].tolist() == pytest.approx([2, 0.7, 0.5, 0.6, 0.2])


def test_images_are_linked_copied_or_left(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence("a.png", [ANIMAL])])
    images = write_images(tmp_path / "images", ["a.png"])
    for placement, links in (("copy", 1), ("link", 2)):
        detector_set(catalog, tmp_path / placement, images, placement=placement)
        file = tmp_path / placement / "images/caltech/a.png"
        assert file.read_bytes() == PNG
        assert file.stat().st_nlink == links
    detector_set(catalog, tmp_path / "none", images, placement="none")
    assert not (tmp_path / "none" / "images").exists()
    assert read_coco(tmp_path / "none", "train").imgs[1]["width"] == 72
    made = detector_set(catalog, tmp_path / "unknown", None, placement="none")
    assert made.dropped == {"its width and height are unknown": 1}


def test_images_come_from_archives_and_shards_by_file_and_by_uuid(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence("x/a.png", [ANIMAL]), sequence("b.jpg", [ANIMAL])])
    with tar_writer(tmp_path / "images.tar") as tar:
        tar.add("x/a.png", PNG)
    shard = tmp_path / "shards/server_name=s/partition_id=0/successes.parquet"
    write_shard(shard, ["u-0", "u-1"], ["1", "2"])
    sources = [ImageSource(tmp_path / "images.tar", "caltech"), ImageSource(tmp_path / "shards", None)]
    set_uuid(catalog, "b.jpg", "u-1")
    detector_set(catalog, tmp_path / "set", None, sources=sources)
    assert (tmp_path / "set/images/caltech/x/a.png").read_bytes() == PNG
    assert decode((tmp_path / "set/images/caltech/b.jpg").read_bytes())[:, :, ::-1].tobytes() == raw_pixels("u-1")


def set_uuid(catalog: Path, file: str, uuid: str) -> None:
    with open_to_write(catalog, memory_mb=1024, threads=1) as connection:
        connection.execute("UPDATE images SET uuid = ? WHERE file = ?", [uuid, file])


def test_siblings_share_their_splits(tmp_path: Path) -> None:
    private = sequence("a.png", [ANIMAL], dataset="caltech_private", location="x")
    catalog = build(tmp_path / "c.duckdb", [private], split_table(val=["x"]))
    made = detector_set(catalog, tmp_path / "set", write_images(tmp_path / "images", ["a.png"]))
    assert made.splits["val"] == (1, 0, 1)


@pytest.mark.parametrize(
    ("sequences", "tables", "problem"),
    [
        ([sequence("a.png", [ANIMAL], location="x")], [], "knows no location of: caltech"),
        ([sequence("a.png", [ANIMAL]), sequence("a.jpg", [])], [], "would share a file of labels"),
        ([sequence("../a.png", [ANIMAL])], [], "no path below a folder"),
        ([sequence("/a.png", [ANIMAL])], [], "no path below a folder"),
        ([sequence("a" * 250 + ".png", [ANIMAL])], [], "too long for a file"),
        (
            [sequence("a.png", [ANIMAL], location="x")],
            [split_table(val=["x"]), split_table("caltech_private", test=["x"])],
            "Siblings share their splits",
        ),
    ],
)
def test_refusals_leave_nothing(tmp_path: Path, sequences: Any, tables: Any, problem: str) -> None:
    catalog = build(tmp_path / "c.duckdb", sequences, *tables)
    images = write_images(tmp_path / "images", ["a.png", "a.jpg"])
    with pytest.raises(InputError, match=problem):
        detector_set(catalog, tmp_path / "set", images)
    assert not (tmp_path / "set").exists()


def test_doubt_about_an_image_is_an_error(tmp_path: Path) -> None:
    sequences = [sequence("a.png", [ANIMAL]), sequence("a.png", [ANIMAL], dataset="idaho", seq_id="b")]
    catalog = build(tmp_path / "c.duckdb", sequences)
    one, other = (write_images(tmp_path / name, ["a.png"]) for name in ("one", "other"))
    with pytest.raises(InputError, match="may be of caltech or of idaho"):
        detector_set(catalog, tmp_path / "set", one)
    with pytest.raises(InputError, match="is also in"):
        detector_set(catalog, tmp_path / "set", None, sources=[ImageSource(path, "idaho") for path in (one, other)])
    made = detector_set(
        catalog, tmp_path / "set", None, sources=[ImageSource(one, "caltech"), ImageSource(other, "idaho")]
    )
    assert made.splits["train"] == (2, 0, 2)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence("a.png", [ANIMAL])])
    before = content(tmp_path)
    with pytest.raises(InputError, match="holds no set"):
        detector_set(catalog, tmp_path, write_images(tmp_path / "images", []))
    assert content(tmp_path).keys() >= before.keys()


def test_an_image_that_cannot_be_read_is_dropped_by_name(tmp_path: Path) -> None:
    catalog = build(tmp_path / "c.duckdb", [sequence("a.png", [ANIMAL]), sequence("b.png", [ANIMAL])])
    images = write_images(tmp_path / "images", ["a.png", "b.png"], **{"b.png": b"no image"})
    made = detector_set(catalog, tmp_path / "set", images, choice=ALL)
    assert made.dropped == {"cannot be read": 1}
    assert (made.splits["train"], (tmp_path / "set/train.txt").read_text()) == ((1, 0, 1), "./images/caltech/a.png\n")
