"""Leaks that are planted are found, every time; and refusals say why."""

from __future__ import annotations

import csv
import io
import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from resources.detector.scenes import scene
from tests.split_datasets import Division, make_metadata, random_hash
from treeline.errors import InputError
from treeline.io.images import decode
from treeline.io.pdq import pdq

SCENES = 8
Rows = list[dict[str, Any]]


@pytest.fixture
def division(tmp_path: Path) -> Division:
    return Division(tmp_path)


@cache
def picture(number: int) -> Image.Image:
    pixels, _ = scene(np.random.default_rng(number), 640, 480)
    return Image.fromarray(pixels)


def as_jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@cache
def photos() -> tuple[dict[str, Any], ...]:
    """A sample of each scene, all different and for training."""
    return tuple(sample(f"{number}.jpg", as_jpeg(picture(number), 90), "train") for number in range(SCENES))


def sample(name: str, data: bytes, split: str, **more: Any) -> dict[str, Any]:
    digits, quality = pdq(decode(data))
    return {
        "image_path": name,
        "label": "deer",
        "location": f"at {name}",
        "sequence": f"of {name}",
        "pdq": digits.hex(),
        "pdq_quality": quality,
        "part": split,
        **more,
    }


def leaks_of(division: Division, rows: Rows) -> list[dict[str, str]]:
    """The leaks of stated splits, as the error and both files have them."""
    with pytest.raises(InputError, match="what is tested on is known from training") as caught:
        division.run(make_metadata(rows), ["location", "sequence"], kind="predefined", column="part")
    listed = list(csv.DictReader((division.folder / "leakage.csv").read_text().splitlines()))
    assert listed[0]["first"] in str(caught.value)
    assert listed[0]["second"] in str(caught.value)
    assert division.report["leaks"] == {
        check: sum(leak["check"] == check for leak in listed)
        for check in ("location", "sequence", "sha256", "near_duplicate")
    }
    assert not (division.folder / "splits.parquet").exists()
    return listed


@settings(max_examples=25)
@given(
    number=st.integers(0, SCENES - 1),
    quality=st.integers(40, 95),
    scale=st.sampled_from([0.5, 0.75, 1.0, 1.5]),
    brightness=st.floats(0.9, 1.12),
    split=st.sampled_from(["val", "test"]),
)
def test_twins_are_found(
    tmp_path_factory: pytest.TempPathFactory, number: int, quality: int, scale: float, brightness: float, split: str
) -> None:
    """A picture that is encoded anew, in another size, a bit darker or lighter."""
    image = picture(number)
    resized = image.resize((round(image.width * scale), round(image.height * scale)))
    twin = sample("twin.jpg", as_jpeg(ImageEnhance.Brightness(resized).enhance(brightness), quality), split)
    division = Division(tmp_path_factory.mktemp("leaks"))
    [leak] = leaks_of(division, [*photos(), twin])
    assert (leak["check"], leak["first"], leak["second"]) == ("near_duplicate", f"{number}.jpg", "twin.jpg")
    assert (leak["first_split"], leak["second_split"]) == ("train", split)
    assert 0 <= int(leak["bits"]) <= 31
    splits = division.run(make_metadata([*photos(), twin]), ["location"], kind="grouped", val=0.2, test=0.2)
    assert splits["twin.jpg"] == splits[f"{number}.jpg"]
    assert not (division.folder / "leakage.csv").exists()


@given(
    number=st.integers(0, SCENES - 1),
    shared=st.sampled_from(["location", "sequence", "sha256"]),
    split=st.sampled_from(["val", "test"]),
)
@settings(max_examples=15)
def test_shared_groups_are_found(
    tmp_path_factory: pytest.TempPathFactory, number: int, shared: str, split: str
) -> None:
    """Another picture at the same place, in the same burst, or a row that says its bytes are the same."""
    rows = [{**row, "sha256": f"bytes {place}"} for place, row in enumerate(photos())]
    planted = sample("planted.jpg", as_jpeg(picture(99), 90), split, sha256="others") | {shared: rows[number][shared]}
    [leak] = leaks_of(Division(tmp_path_factory.mktemp("leaks")), [*rows, planted])
    assert leak == {
        "check": shared,
        "shared": rows[number][shared],
        "first": f"{number}.jpg",
        "first_split": "train",
        "second": "planted.jpg",
        "second_split": split,
        "bits": "",
    }


def test_one_pair_for_each_two_splits(division: Division) -> None:
    rows = [
        {"image_path": f"{number:02d}", "label": "deer", "location": "A", "sequence": "", "part": part}
        for number, part in enumerate(["train"] * 9 + ["val"] * 5 + ["test"] * 3)
    ]
    pairs = [(leak["first"], leak["second"]) for leak in leaks_of(division, rows)]
    assert pairs == [("00", "09"), ("00", "14"), ("09", "14")]
    same = [{**row, "location": "", "pdq": random_hash(1), "pdq_quality": 80} for row in rows]
    assert [(leak["first"], leak["second"]) for leak in leaks_of(division, same)] == pairs


def test_stated_splits_that_do_not_leak_are_taken(division: Division) -> None:
    rows = [{**row, "part": ("train", "val", "test")[place % 3]} for place, row in enumerate(photos())]
    splits = division.run(make_metadata(rows), ["location"], kind="predefined", column="part")
    assert splits == {row["image_path"]: row["part"] for row in rows}
    rows[4]["part"] = "valid"
    with pytest.raises(InputError, match=r"4\.jpg: its split is 'valid', and not train, val or test"):
        division.run(make_metadata(rows), kind="predefined", column="part")


def test_plain_images_are_counted(division: Division, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{**row, "pdq_quality": 49 if place < 2 else 50} for place, row in enumerate(photos())]
    with caplog.at_level(logging.INFO, "treeline"):
        division.run(make_metadata(rows), kind="random", val=0.2, test=0.2)
    assert division.report["looks"]["not_compared"] == 2
    assert "2 images have too little in them" in caplog.text
    assert "test: 2 samples, 25.0 %: 2 deer" in caplog.text or "val: 2 samples, 25.0 %: 2 deer" in caplog.text


def test_one_location_cannot_be_divided(division: Division) -> None:
    rows = [{"image_path": f"{number}", "label": "deer", "location": "A"} for number in range(9)]
    with pytest.raises(InputError, match=r"for val and test: all 9 samples must stay together, all of location 'A'\."):
        division.run(make_metadata(rows), ["location"], kind="grouped")


def test_a_label_at_one_location_is_warned_of(division: Division) -> None:
    rows = [{"image_path": f"{number:03d}", "label": "deer", "location": str(number // 5)} for number in range(100)]
    rows += [{"image_path": "owl", "label": "owl", "location": "0"}]
    division.run(make_metadata(rows), ["location"], kind="grouped")
    assert any(
        warning.startswith("the label 'owl' has nothing for") and "one clump" in warning and "location '0'" in warning
        for warning in division.report["warnings"]
    )


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"year": np.nan}], {"kind": "time", "column": "year"}, "new: has no time that can be read"),
        ([{"taken": "soon"}], {"kind": "time", "column": "taken"}, "field 'taken': new: has no time"),
        ([{}], {"kind": "time"}, "'time_of_capture': no table has this column"),
        ([{"x": 1.0, "y": np.inf}], {"kind": "spatial", "coordinates": ["x", "y"], "block_size": 1}, "no place on"),
        ([{}], {"kind": "spatial", "block_size": 1}, "field 'x_offset': no table has this column"),
    ],
)
def test_what_is_missing_is_named(division: Division, rows: Rows, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        division.run(make_metadata([{"image_path": "new", "label": "deer", **row} for row in rows]), **options)


def test_known_samples_that_belong_together_now_are_refused(division: Division) -> None:
    rows = [{"image_path": f"{number}", "label": "deer", "location": str(number)} for number in range(10)]
    known = division.folder / "known.csv"
    pd.DataFrame({"image_path": ["3", "5"], "split": ["train", "test"]}).to_csv(known, index=False)
    rows.append({"image_path": "new", "label": "deer", "location": "3", "pdq": random_hash(0), "pdq_quality": 90})
    rows[5] |= {"pdq": random_hash(0), "pdq_quality": 90}
    with pytest.raises(InputError, match=r"known\.csv: (3 is for train and 5 is for test|5 is .* and 3 is)"):
        division.run(make_metadata(rows), ["location"], kind="grouped", known=str(known))
    pd.DataFrame({"image_path": ["3"], "split": ["validation"]}).to_csv(known, index=False)
    with pytest.raises(InputError, match="3: its split is 'validation'"):
        division.run(make_metadata(rows), ["location"], kind="grouped", known=str(known))
