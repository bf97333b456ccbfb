"""Results follow moved images by what these hold; what cannot be followed is kept apart and said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.results import contents, detection, package_errors, results, write
from treeline.detections.hashes import read_hashes, write_hashes
from treeline.detections.rename import RenameReport, rename_results
from treeline.errors import InputError
from treeline.io.csv_tables import csv_text


def table(file: Path, hashes: dict[str, str]) -> Path:
    rows = [(name, hashlib.sha256(what.encode()).hexdigest()) for name, what in hashes.items()]
    file.write_text(csv_text(("file", "sha256"), rows), "utf-8")
    return file


def rename(content: Any, before: dict[str, str], after: dict[str, str]) -> tuple[Any, Any, RenameReport]:
    """Renamed and unmatched results; in the tables stands what an image holds, in place of its hash."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = write(folder / "in.json", content)
        tables = table(folder / "before.csv", before), table(folder / "after.csv", after)
        report = rename_results(file, folder / "out.json", *tables, folder / "lost.json")
        for written in ("out.json", "lost.json"):
            assert package_errors(folder / written) == []
        return *(json.loads((folder / written).read_bytes()) for written in ("out.json", "lost.json")), report


NEW_NAMES = ["a.jpg", "cam 1/b.jpg", "new/a.jpg", "new/b.jpg", "x.jpg", "y.jpg"]
whats = st.sampled_from("ABC")


def without_name(images: list[Any]) -> list[str]:
    return sorted(json.dumps({**image, "file": ""}, sort_keys=True) for image in images)


@settings(max_examples=50)
@given(content=contents(), data=st.data())
def test_nothing_is_lost_and_counts_add_up(content: Any, data: st.DataObject) -> None:
    names = [image["file"] for image in content["images"]]
    before = data.draw(st.dictionaries(st.sampled_from([*names, "other.jpg"]), whats))
    after = data.draw(st.dictionaries(st.sampled_from(NEW_NAMES), whats))
    renamed, lost, report = rename(content, before, after)
    everything, nothing, _ = rename(content, dict.fromkeys(names, "A"), dict.fromkeys(names, "A"))
    assert nothing["images"] == []
    assert without_name(renamed["images"] + lost["images"]) == without_name(everything["images"])
    assert report.stayed + report.moved + len(report.left_behind) == len(names)
    assert [image["file"] for image in lost["images"]] == list(report.left_behind)
    assert len(after) == len(renamed["images"]) + report.without_results
    known = {(image["file"], after[image["file"]]) for image in renamed["images"]}
    assert len(known) == len(renamed["images"])


@settings(max_examples=50)
@given(content=contents(), data=st.data())
def test_a_move_there_and_back(content: Any, data: st.DataObject) -> None:
    names = [image["file"] for image in content["images"]]
    new_names = data.draw(st.permutations(sorted({*names, *NEW_NAMES})))[: len(names)]
    before = {name: str(number) for number, name in enumerate(names)}
    after = dict(zip(new_names, before.values(), strict=True))
    renamed, _, report = rename(content, before, after)
    assert report.left_behind == {}
    assert [image["file"] for image in renamed["images"]] == sorted(new_names)
    back, _, _ = rename(renamed, after, before)
    stayed, _, _ = rename(content, before, before)
    assert back == stayed


@pytest.mark.parametrize(
    ("before", "after", "new", "reasons"),
    [
        ({"a": "A"}, {"n/a": "A"}, ["n/a"], {}),
        ({"a": "A", "b": "B"}, {"a": "B", "b": "A"}, ["a", "b"], {}),
        ({"a": "A"}, {"a": "B"}, [], {"a": "is gone"}),
        ({}, {"a": "A"}, [], {"a": "is not in the hashes from before"}),
        ({"a": "A", "b": "A"}, {"x/a": "A", "x/b": "A"}, ["x/a", "x/b"], {}),
        ({"a": "A", "b": "A"}, {"a": "A", "c": "A"}, ["a", "c"], {}),
        ({"a": "A", "b": "A"}, {"x/a": "A", "c": "A"}, ["c", "x/a"], {}),
        ({"a": "A"}, {"x": "A", "y": "A"}, [], {"a": "may be any of 'x', 'y'"}),
        ({"a": "A"}, {"a": "A", "y": "A"}, ["a"], {}),
        ({"a": "A"}, {"x/a": "A", "y/a": "A"}, [], {"a": "may be any of 'x/a', 'y/a'"}),
        ({"a": "A", "b": "A"}, {"c": "A"}, [], {"a": "may be any of 'c'", "b": "may be any of 'c'"}),
    ],
)
def test_equal_images_are_told_apart_where_names_allow(
    before: dict[str, str], after: dict[str, str], new: list[str], reasons: dict[str, str]
) -> None:
    names = sorted({"a", *before})
    content = results(*({"file": name, "detections": [detection(0.5, site=name)]} for name in names))
    renamed, lost, report = rename(content, before, after)
    assert [image["file"] for image in renamed["images"]] == new
    assert report.left_behind == reasons
    assert [image["file"] for image in lost["images"]] == list(reasons)
    if len(before) == len(set(before.values())):
        for image in renamed["images"]:
            assert before[image["detections"][0]["site"]] == after[image["file"]]


def test_without_a_place_for_what_cannot_be_followed_nothing_is_written(tmp_path: Path) -> None:
    file = write(tmp_path / "in.json", results({"file": "a.jpg", "detections": []}))
    tables = table(tmp_path / "before.csv", {"a.jpg": "A"}), table(tmp_path / "after.csv", {})
    with pytest.raises(InputError, match=r"1 images cannot be followed: 'a\.jpg' is gone.*--unmatched"):
        rename_results(file, tmp_path / "out.json", *tables)
    assert not (tmp_path / "out.json").exists()


def test_folders_are_as_good_as_tables(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, names in ((old, ["a.jpg", "deep/b.PNG"]), (new, ["cam/x.jpg", "b.png"])):
        for name, content in zip(names, (b"one", b"two"), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / "notes.txt").write_text("no image")
        (folder / ".hidden.jpg").write_text("hidden")
    assert write_hashes(old, tmp_path / "before.csv") == 2
    assert read_hashes(tmp_path / "before.csv") == read_hashes(old)
    assert read_hashes(old)["a.jpg"] == hashlib.sha256(b"one").hexdigest()
    content = results({"file": "a.jpg", "detections": [detection()]}, {"file": "deep/b.PNG", "detections": []})
    file = write(tmp_path / "in.json", content)
    report = rename_results(file, tmp_path / "out.json", tmp_path / "before.csv", new)
    assert (report.stayed, report.moved) == (0, 2)
    images = json.loads((tmp_path / "out.json").read_bytes())["images"]
    assert [(image["file"], len(image["detections"])) for image in images] == [("b.png", 0), ("cam/x.jpg", 1)]


HASH = "0" * 64


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "'file'"),
        ("file\na.jpg\n", "'sha256'"),
        (f"file,sha256\na.jpg,{HASH[1:]}\n", "row 1, field 'sha256'"),
        (f"file,sha256\na.jpg,{HASH}\n,{HASH}\n", "row 2, field 'file'"),
        (f"file,sha256\na.jpg,{HASH}\na.jpg,{HASH[1:]}1\n", "row 2, field 'file': 'a.jpg' has another hash"),
        ("file,sha256\na.jpg\n", "row 1, field 'sha256'"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "hashes.csv").write_text(content)
    with pytest.raises(InputError, match=rf"hashes\.csv, (?s:.*){words}"):
        read_hashes(tmp_path / "hashes.csv")


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_hashes(tmp_path / "hashes.csv")
