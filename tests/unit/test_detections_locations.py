"""The camera of an image, by folders or by a table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from treeline.detections.locations import LocationRule, locate
from treeline.errors import InputError
from treeline.io.parquet import write_table

RESULTS = Path("results.json")


@pytest.mark.parametrize(
    ("file", "levels_up", "location"),
    [
        ("a/1.jpg", 0, "a"),
        ("a/b/c/1.jpg", 0, "a/b/c"),
        ("a/b/c/1.jpg", 1, "a/b"),
        ("a/b/c/1.jpg", 2, "a"),
        ("a\\100RECNX\\1.jpg", 1, "a"),
    ],
)
def test_folders_tell_the_location(file: str, levels_up: int, location: str) -> None:
    assert locate(RESULTS, [file], LocationRule(levels_up=levels_up)) == [location]


@pytest.mark.parametrize(("file", "levels_up"), [("1.jpg", 0), ("a/1.jpg", 1), ("a/b/1.jpg", 5)])
def test_an_image_without_a_folder_for_its_camera_is_named(file: str, levels_up: int) -> None:
    with pytest.raises(InputError, match=rf"results\.json: {file} lies in .* --locations"):
        locate(RESULTS, ["a/b/c/d/e/f/2.jpg", file], LocationRule(levels_up=levels_up))


def test_all_images_can_be_of_one_camera() -> None:
    assert locate(RESULTS, ["1.jpg", "a/2.jpg"], LocationRule(one_location=True)) == ["", ""]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_a_table_tells_the_location(tmp_path: Path, name: str) -> None:
    table = tmp_path / name
    if name == "t.parquet":
        columns = {"file": ["u.jpg", "v.jpg", "v.jpg", "w.jpg"], "location": [7, 8, 8, None]}
        write_table(table, pa.table(columns))
    else:
        rows = ["file,location,more", "u.jpg,7,x", "v.jpg,8,y", "v.jpg,8,z", "w.jpg,,"]
        table.write_text("\n".join(rows).replace(",", "\t" if name == "t.tsv" else ",") + "\n")
    rule = LocationRule(table=table)
    assert locate(RESULTS, ["v.jpg", "u.jpg"], rule) == ["8", "7"]
    with pytest.raises(InputError, match=r"2 of 3 images have no location; the first is w\.jpg"):
        locate(RESULTS, ["x.jpg", "u.jpg", "w.jpg"], rule)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,place\nu.jpg,1\n", "field 'location': the column is missing; the file has: file, place"),
        ("location\n1\n", "field 'file'"),
        ("file,location\nu.jpg,1\nu.jpg,2\n", "u.jpg is at two locations, 1 and 2"),
        ("file,location\nu.jpg\n", "row 1: has too few or too many fields"),
        ("", "is empty"),
    ],
)
def test_a_table_that_does_not_tell_is_refused(tmp_path: Path, content: str, message: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(content)
    with pytest.raises(InputError, match=message):
        locate(RESULTS, ["u.jpg"], LocationRule(table=table))


@pytest.mark.parametrize("name", ["none.csv", "table.xlsx", "broken.parquet"])
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    if name != "none.csv":
        (tmp_path / name).write_bytes(b"PAR1?")
    with pytest.raises(InputError, match=name):
        locate(RESULTS, ["u.jpg"], LocationRule(table=tmp_path / name))
