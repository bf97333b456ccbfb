"""Crops: the right pixels, under names and in splits that stay, and a table that agrees with the archives."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.shards import encode, exif, picture
from treeline.detections.crop import crop_detections
from treeline.detections.crop_plan import CropOptions
from treeline.detections.splits import SPLITS, Shares
from treeline.detections.thresholds import Thresholds
from treeline.detections.truth import read_truth
from treeline.errors import InputError
from treeline.io.images import MAX_PIXELS
from treeline.io.regions import Region, cut, region_of
from treeline.io.tar import read_member, tar_writer

sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))
overshooting = st.floats(-0.01, 1)
boxes = st.tuples(overshooting, overshooting, st.floats(0, 1), st.floats(0, 1)).map(
    lambda box: [box[0], box[1], min(box[2], 1.01 - box[0]), min(box[3], 1.01 - box[1])]
)


def inside(region: Region, size: tuple[int, int]) -> bool:
    return 0 <= region.left < region.right <= size[1] and 0 <= region.top < region.bottom <= size[0]


@given(box=boxes, size=sizes, margin=st.floats(0, 2))
def test_a_region_is_in_the_image_and_holds_the_box(box: list[float], size: tuple[int, int], margin: float) -> None:
    region = region_of(box, size, margin=margin)
    assert inside(region, size)
    assert region.left <= max(box[0], 0) * size[1] + 1e-5
    assert region.right >= min(box[0] + box[2], 1) * size[1] - 1e-5
    assert region.top <= max(box[1], 0) * size[0] + 1e-5
    assert region.bottom >= min(box[1] + box[3], 1) * size[0] - 1e-5


@given(left=st.integers(0, 19), top=st.integers(0, 29), width=st.integers(1, 20), height=st.integers(1, 30))
def test_a_box_that_ends_on_pixels_takes_those_and_no_more(left: int, top: int, width: int, height: int) -> None:
    right, bottom = min(left + width, 20), min(top + height, 30)
    box = [left / 20, top / 30, (right - left) / 20, (bottom - top) / 30]
    assert region_of(box, (30, 20)) == (left, top, right, bottom)


@given(box=boxes, size=sizes)
def test_a_square_is_square_holds_the_box_and_is_no_larger_than_needed(box: list[float], size: tuple[int, int]) -> None:
    plain, square = region_of(box, size), region_of(box, size, square=True)
    side = max(plain.right - plain.left, plain.bottom - plain.top)
    assert square.right - square.left == square.bottom - square.top == side
    assert square.left <= plain.left < plain.right <= square.right
    assert square.top <= plain.top < plain.bottom <= square.bottom


@given(box=boxes, size=sizes)
def test_pixels_are_those_that_pillow_cuts_out(box: list[float], size: tuple[int, int]) -> None:
    pixels = picture(*size)
    region = region_of(box, size, square=True)
    assert np.array_equal(cut(pixels, region), np.asarray(Image.fromarray(pixels).crop(region)))


@given(names=st.lists(st.text(max_size=5), unique=True), more=st.lists(st.text(max_size=5)), seed=st.integers())
def test_a_location_stays_in_its_split_whatever_is_added(names: list[str], more: list[str], seed: int) -> None:
    shares = Shares(0.2, 0.2, seed)
    before = {name: shares.split_of(name) for name in names}
    after = {name: shares.split_of(name) for name in [*more, *names]}
    assert before.items() <= after.items()
    assert set(after.values()) <= set(SPLITS)


def test_splits_have_their_shares_and_a_seed_draws_others() -> None:
    locations = [f"camera {number}" for number in range(10_000)]
    drawn = [Shares(0.2, 0.1, 0).split_of(location) for location in locations]
    counts = Counter(drawn)
    assert abs(counts["val"] - 2000) < 200
    assert abs(counts["test"] - 1000) < 150
    assert [Shares(0.2, 0.1, 1).split_of(location) for location in locations] != drawn
    assert {Shares(0, 0, 0).split_of(location) for location in locations} == {"train"}
    assert {Shares(0, 1, 0).split_of(location) for location in locations} == {"test"}


BOX = [0.25, 0.25, 0.5, 0.5]


def found(category: str, confidence: float, box: list[float] | None = None) -> dict[str, Any]:
    return {"category": category, "conf": confidence, "bbox": box or BOX}


def write_results(folder: Path, images: dict[str, list[dict[str, Any]] | None]) -> Path:
    entries = [
        {"file": name, "detections": found, "failure": None if found is not None else "x"}
        for name, found in images.items()
    ]
    categories = {"1": "animal", "2": "person"}
    content = {"info": {"format_version": "1.6"}, "detection_categories": categories, "images": entries}
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "results.json"


def write_archive(archive: Path, names: list[str], **more: bytes) -> Path:
    data = encode(Image.fromarray(picture(48, 72)), "PNG")
    with tar_writer(archive) as tar:
        for name in names:
            tar.add(name, more.get(name, data))
            tar.add(name.rpartition(".")[0] + ".json", json.dumps({"license": f"of {name}"}).encode())
    return archive


def crop(results: Path, source: Path, output: Path, **changes: Any) -> Counter[tuple[str, str]]:
    truth, locations = changes.pop("truth", None), changes.pop("locations", None)
    chosen = {
        **{"dataset": "demo", "thresholds": Thresholds(), "shares": Shares(0.3, 0.3, 0), "categories": None},
        **{"margin": 0, "square": False, "archive_crops": 100, "jpeg_quality": 95, "max_pixels": MAX_PIXELS},
        **changes,
    }
    return crop_detections(results, [source], output, truth=truth, locations=locations, options=CropOptions(**chosen))


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "crops.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def left_out(output: Path) -> list[tuple[str, ...]]:
    with (output / "left_out.csv").open(encoding="utf-8", newline="") as text:
        return [tuple(row.values()) for row in csv.DictReader(text)]


def test_a_crop_has_the_pixels_of_its_box_and_the_facts_of_its_image(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"u.png": [found("2", 0.1), found("1", 0.9)]})
    archive = write_archive(tmp_path / "shard.tar", ["u.png"])
    assert sum(crop(results, archive, tmp_path / "out").values()) == 1
    (row,) = rows(tmp_path / "out")
    tar, _, member = row["path"].partition("/")
    assert (row["dataset"], row["location"], row["label"], row["confidence"]) == ("demo", "", "animal", "0.9")
    assert (tar, member) == (f"{row['split']}-00000.tar", "u-001.jpg")
    pixels = np.asarray(Image.open(io.BytesIO(read_member(tmp_path / "out" / tar, member))))
    assert np.abs(pixels.astype(int) - picture(48, 72)[12:36, 18:54]).max() <= 6
    facts = json.loads(read_member(tmp_path / "out" / tar, "u-001.json"))
    assert facts["source"] == {"license": "of u.png"}
    assert facts["detection"] == {"category": "animal", "conf": 0.9, "bbox": BOX}
    assert facts["pixels"] == {"left": 18, "top": 12, "right": 54, "bottom": 36}


def test_boxes_are_of_the_upright_image(tmp_path: Path) -> None:
    stored = Image.fromarray(np.rot90(picture(48, 72)))  # orientation 6 turns it back
    data = encode(stored, "JPEG", quality=95, exif=exif(6))
    results = write_results(tmp_path, {"u.jpg": [found("1", 0.9, [0, 0, 1, 0.5])]})
    crop(results, write_archive(tmp_path / "shard.tar", ["u.jpg"], **{"u.jpg": data}), tmp_path / "out")
    tar, _, member = rows(tmp_path / "out")[0]["path"].partition("/")
    pixels = np.asarray(Image.open(io.BytesIO(read_member(tmp_path / "out" / tar, member))))
    assert np.abs(pixels.astype(int) - picture(48, 72)[:24]).mean() < 4


def test_webdataset_reads_each_crop_of_the_table_once(tmp_path: Path) -> None:
    names = ["a/x.1.png", "a/x.2.png", "a/x_1.png", "b.c/x.png", "b.c/X.png", "x.jpg", "x.png"]
    results = write_results(tmp_path, {name: [found("1", 0.9), found("2", 0.8)] for name in names})
    archive = write_archive(tmp_path / "shard.tar", names)
    crop(results, archive, tmp_path / "out", archive_crops=3)
    read = {}
    for file in sorted((tmp_path / "out").glob("*.tar")):
        samples = list(webdataset.WebDataset(str(file), shardshuffle=False, empty_check=False).decode("rgb8"))
        assert 1 <= len(samples) <= 3
        for sample in samples:
            assert sample["jpg"].shape == (24, 36, 3)
            read[f"{file.name}/{sample['__key__']}.jpg"] = (sample["json"]["label"], sample["json"]["split"])
    table = rows(tmp_path / "out")
    assert read == {row["path"]: (row["label"], row["split"]) for row in table}
    assert len(read) == len(table) == 14
    assert len({row["path"].partition("/")[2].casefold() for row in table}) == 14


def test_images_of_one_location_are_in_one_split_and_more_images_move_none(tmp_path: Path) -> None:
    names = [f"camera{number % 7}/{number}.png" for number in range(21)]
    archive = write_archive(tmp_path / "shard.tar", names)
    splits = []
    for few in (names[::2], names):
        results = write_results(tmp_path, {name: [found("1", 0.9)] for name in few})
        crop(results, archive, tmp_path / "out")
        splits.append({row["location"]: row["split"] for row in rows(tmp_path / "out")})
        assert len({(row["location"], row["split"]) for row in rows(tmp_path / "out")}) == len(splits[-1])
    assert splits[0].items() <= splits[1].items()
    assert set(splits[1]) == {f"camera{number}" for number in range(7)}


def test_locations_come_from_a_table(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"a/1.png": [found("1", 0.9)], "b/2.png": [found("1", 0.9)]})
    archive = write_archive(tmp_path / "shard.tar", ["a/1.png", "b/2.png"])
    crop(results, archive, tmp_path / "out", locations={"a/1.png": "site"})
    assert [row["location"] for row in rows(tmp_path / "out")] == ["site", ""]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    results = write_results(tmp_path, {name: [found("1", 0.9)] for name in ("1.png", "2.png")})
    archive = write_archive(tmp_path / "shard.tar", ["1.png", "2.png"])
    made = []
    for output in (tmp_path / "one", tmp_path / "one", tmp_path / "other"):
        crop(results, archive, output)
        made.append({file.name: file.read_bytes() for file in sorted(output.iterdir())})
    assert made[0] == made[1] == made[2]


def test_an_image_that_cannot_be_decoded_is_left_out_by_name(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"good.png": [found("1", 0.9)], "bad.png": [found("1", 0.9), found("1", 0.8)]})
    archive = write_archive(tmp_path / "shard.tar", ["good.png", "bad.png"], **{"bad.png": b"\x89PNG\r\n\x1a\nno"})
    assert sum(crop(results, archive, tmp_path / "out").values()) == 1
    ((name, detections, reason),) = left_out(tmp_path / "out")
    assert (name, detections) == ("bad.png", "2")
    assert "broken image header" in reason


def test_crops_take_the_labels_of_their_images(tmp_path: Path) -> None:
    names = ["deer.png", "both.png", "none.png", "unlabelled.png"]
    results = write_results(tmp_path, {name: [found("1", 0.9), found("2", 0.9)] for name in names})
    archive = write_archive(tmp_path / "shard.tar", names)
    text = "file,label,location\ndeer.png,deer,site\nboth.png,deer,\nboth.png,hare,\nnone.png,empty,\n"
    (tmp_path / "labels.csv").write_text(text)
    crop(
        results,
        archive,
        tmp_path / "out",
        truth=read_truth(tmp_path / "labels.csv", {}),
        categories=frozenset(["animal"]),
    )
    assert [(row["path"][-12:], row["label"], row["location"]) for row in rows(tmp_path / "out")] == [
        ("deer-000.jpg", "deer", "site")
    ]
    assert left_out(tmp_path / "out") == [
        ("both.png", "1", "several labels: deer, hare"),
        ("none.png", "1", "labelled as empty"),
        ("unlabelled.png", "1", "no label"),
    ]


def test_struck_out_and_failed_images_have_no_crops(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.png": [found("1", -0.9)], "2.png": None, "3.png": []})
    archive = write_archive(tmp_path / "shard.tar", ["1.png", "2.png", "3.png"])
    assert crop(results, archive, tmp_path / "out", thresholds=Thresholds(0)) == {}
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["crops.csv", "left_out.csv"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.png": [found("1", 0.9)]})
    archive = write_archive(tmp_path / "shard.tar", ["1.png"])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="holds no crops"):
        crop(results, archive, tmp_path)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"categories": frozenset(["animl"])}, "no category 'animl'"),
        ({"thresholds": Thresholds(0.2, {"persn": 0.1})}, "no category 'persn'"),
    ],
)
def test_a_category_that_the_results_do_not_have_is_refused(tmp_path: Path, changes: Any, problem: str) -> None:
    results = write_results(tmp_path, {"1.png": [found("1", 0.9)]})
    with pytest.raises(InputError, match=problem):
        crop(results, write_archive(tmp_path / "shard.tar", ["1.png"]), tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.png": [found("1", 0.9)], "2.png": [found("1", 0.9)]})
    with pytest.raises(InputError, match=r"the first is 2\.png"):
        crop(results, write_archive(tmp_path / "shard.tar", ["1.png"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()
