"""What any format stages is held to the rules of the catalogue before the database sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.catalog.database import open_to_write, read_sql
from treeline.catalog.item_rules import is_time, sequence_breaches
from treeline.catalog.sources import Source
from treeline.catalog.staged_checks import check_staged
from treeline.catalog.stager import Stager
from treeline.catalog.violations import InvalidSourceError, Violation

IMAGE: dict[str, Any] = {
    "item": 1,
    "dataset": "cams",
    "seq_id": "s",
    "file": "a.jpg",
    "class": ["deer"],
    "annotated": True,
}
BOX: dict[str, Any] = {
    "item": 1, "box": 0, "category": "animal", "x_min": 0.1, "y_min": 0.2, "width": 0.3, "height": 0.4
}  # fmt: skip
SEQUENCE = {"dataset": "cams", "seq_id": "s"}
COORDINATES = ("x_min", "y_min", "width", "height")
NAN = float("nan")

Staged = dict[str, list[dict[str, Any]]]
Find = Callable[..., list[str]]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A catalogue to which the ingest `other` has brought a sequence of one image, and a split."""
    catalog = tmp_path_factory.mktemp("catalog") / "catalog.duckdb"
    with open_to_write(catalog, memory_mb=1024, threads=1) as opened:
        opened.execute("""
            INSERT INTO ingests VALUES (1, 'other', 'csv', 'o.csv', '0', 1, 1, 0, TIMESTAMP '2024-05-06', '1', NULL);
            INSERT INTO sequences (sequence, dataset, seq_id, ingest) VALUES (1, 'cams', 'theirs', 1);
            INSERT INTO images (image, sequence, file, annotated, ingest) VALUES (1, 1, 'theirs.jpg', false, 1);
            INSERT INTO splits VALUES ('cams', 'north', 'train');
        """)
        yield opened


def violations(
    connection: duckdb.DuckDBPyConnection, staged: Staged, *, name: str = "mine", is_strict: bool = True
) -> list[Violation]:
    connection.execute(read_sql("staging.sql"))
    with Stager(connection) as stager:
        for table, rows in staged.items():
            for row in rows:
                stager.add(f"staged_{table}", **row)
    try:
        check_staged(connection, Source(name, "csv", Path("mine.csv"), is_strict=is_strict))
    except InvalidSourceError as error:
        return list(error.violations)
    return []


def images(*more: dict[str, Any]) -> Staged:
    return {"images": [{**IMAGE, **one} for one in more]}


def boxes(**more: Any) -> Staged:
    return {"images": [IMAGE], "boxes": [{**BOX, **more}]}


CASES: list[tuple[Staged, list[str], list[str]]] = [
    # what is staged, the rules that it breaks in both modes, and what strict mode adds
    (images({}), [], []),
    (images({"dataset": ""}), ["name_missing"], []),
    (images({"file": ""}), ["name_missing"], []),
    (images({"width": 0, "height": 5}), ["size"], []),
    (images({"seq_id": "theirs"}), ["unique_seq_id"], []),
    ({**images({}), "sequences": [SEQUENCE, SEQUENCE]}, ["unique_seq_id"], []),
    (images({"file": "theirs.jpg"}), ["unique_file"], []),
    (images({"dataset": "elsewhere", "seq_id": "theirs", "file": "theirs.jpg"}), [], []),
    (images({"frame_num": 1}, {"item": 2, "frame_num": 2}), ["unique_file"], []),
    (images({"frame_num": 1}, {"item": 2, "file": "b.jpg", "frame_num": 1}), ["frame_num_repeated"], []),
    (images({"frame_num": 1}, {"item": 2, "file": "b.jpg"}), ["frame_num_missing"], []),
    (images({"frame_num": 0}, {"item": 2, "file": "b.jpg", "frame_num": 7}), [], []),
    (images({"frame_num": -1}), ["frame_num_range"], []),
    (images({"class": None}), ["class_missing"], []),
    ({**images({"class": None}), "sequences": [{**SEQUENCE, "class": ["deer"]}]}, [], []),
    (images({"class": ["d"]}), ["class_label"], []),
    (images({"class": []}), ["class_label"], []),
    (images({"class": ["deer", None]}), ["class_label"], []),
    (images({"class": ["deer", "deer"]}), ["class_label"], []),
    (images({"class": ["empty"]}), [], []),
    (images({"class": ["deer", "empty"]}), [], ["empty_not_alone"]),
    ({**images({}), "sequences": [{**SEQUENCE, "class": ["deer", "empty"]}]}, [], ["empty_not_alone"]),
    (images({"file": "/a.jpg"}), [], ["path_outside"]),
    (images({"file": "a/../b.jpg"}), [], ["path_outside"]),
    (
        images(
            {"seq_id": "dummy_1", "frame_num": 1}, {"item": 2, "file": "b.jpg", "seq_id": "dummy_1", "frame_num": 2}
        ),
        [],
        ["dummy_of_several"],
    ),
    (boxes(), [], []),
    (boxes(x_min=-0.1), ["box_outside"], []),
    (boxes(width=1.1), ["box_outside"], []),
    (boxes(height=NAN), ["box_outside"], []),
    (boxes(category="deer"), ["box_category"], []),
    (boxes(confidence=1.1), ["confidence_range"], []),
    (boxes(confidence=NAN), ["confidence_range"], []),
    (boxes(confidence=-0.9), [], []),
    (boxes(x_min=0.5, width=0.5009), [], []),
    (boxes(x_min=0.5, width=0.502), [], ["box_beyond_image"]),
    (boxes(y_min=0.7), [], ["box_beyond_image"]),
    (boxes(width=0.0), [], ["box_without_size"]),
    (boxes(width=0.0, confidence=0.5), [], []),
    ({"datasets": [{"dataset": "a"}, {"dataset": "a"}]}, ["unique_dataset_name"], []),
    (
        {"splits": [{"dataset": "a", "location": "n", "split": split} for split in ("train", "val")]},
        ["location_in_two_splits"],
        [],
    ),
    ({"classes": [{"dataset": "a", "class": ""}]}, ["name_missing"], []),
]


@pytest.mark.parametrize(("staged", "both", "strict"), CASES)
def test_rules(connection: duckdb.DuckDBPyConnection, staged: Staged, both: list[str], strict: list[str]) -> None:
    assert [found.rule for found in violations(connection, staged, is_strict=False)] == both
    assert [found.rule for found in violations(connection, staged)] == both + strict


def test_the_other_ingest_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    staged = images({"seq_id": "theirs", "file": "theirs.jpg"})
    found = {one.rule: (one.path, one.value) for one in violations(connection, staged)}
    assert found == {
        "unique_seq_id": ("dataset 'cams', sequence 'theirs'", "is there from other"),
        "unique_file": ("dataset 'cams', sequence 'theirs', image 'theirs.jpg'", "is there from other"),
    }
    assert violations(connection, staged, name="other") == []


def test_a_box_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    """Also one of an image that another source has brought."""
    [found] = violations(connection, {"images": [IMAGE], "boxes": [BOX, {**BOX, "box": 1, "x_min": 2.0}]})
    assert (found.path, found.value) == ("dataset 'cams', sequence 's', image 'a.jpg', bbox[1]", "[2.0, 0.2, 0.3, 0.4]")
    connection.execute("INSERT INTO attached_images VALUES (9, 1)")
    connection.execute("UPDATE staged_boxes SET item = 9 WHERE box = 1")
    with pytest.raises(InvalidSourceError, match=r"image 'theirs.jpg', bbox\[1\]"):
        check_staged(connection, Source("mine", "megadetector", Path("mine.json")))


def test_warnings_keep_nothing_out(connection: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture) -> None:
    staged = images({"datetime": "last summer"}) | {"boxes": [{**BOX, "width": 0.0, "confidence": 0.5}]}
    staged["splits"] = [{"dataset": "cams", "location": "north", "split": "test"}]
    with caplog.at_level(logging.WARNING):
        assert violations(connection, staged) == []
    assert "0 violations, 3 warnings" in caplog.text
    assert "north stays in train" in caplog.text
    assert "last summer" in caplog.text


SIDES = (0, 0.1, 0.5, 0.5001, 0.501, 0.5011, 0.999, 1.0)
PARTS = ("a", "/", "\\", "..", ".", "C:", "c")


def test_as_the_checks_of_megadb(connection: duckdb.DuckDBPyConnection) -> None:
    """The queries and the checks of entries come to the same on all boxes of these sides and paths of these parts."""
    files = ["".join(parts) for length in (1, 2, 3, 4) for parts in product(PARTS, repeat=length)]
    boxed = dict(zip((f"boxed{number}" for number in count()), product(SIDES, repeat=4), strict=False))
    listed = {file: None for file in files} | boxed
    staged: Staged = {"images": [], "boxes": []}
    expected = set()
    for item, (file, sides) in enumerate(listed.items()):
        staged["images"].append({**IMAGE, "item": item, "file": file, "seq_id": str(item)})
        image: dict[str, Any] = {"file": file, "class": ["deer"]}
        if sides is not None:
            staged["boxes"].append({**BOX, "item": item, **dict(zip(COORDINATES, sides, strict=True))})
            image["bbox"] = [{"bbox": list(sides)}]
        expected |= {(rule, item) for rule, _ in sequence_breaches({"images": [image]}, is_strict=True)}
    found = {(one.rule, int(one.path.split("'")[3])) for one in violations(connection, staged)}
    assert found == expected
    assert {rule for rule, _ in found} == {"path_outside", "box_beyond_image", "box_without_size"}


@given(
    st.from_regex(r"20\d\d-[01]\d-[0-3]\d([T ][0-2]\d:[0-6]\d(:[0-6]\d(\.\d{1,6})?)?(Z|[+-]0\d:?00)?)?", fullmatch=True)
)
def test_a_time_that_is_taken_can_be_read(connection: duckdb.DuckDBPyConnection, time: str) -> None:
    [(is_read,)] = connection.execute("SELECT local_time(?) IS NOT NULL", [time]).fetchall()
    assert is_read or not is_time(time)
