"""The rules of MegaDB as a table: each case with its verdict in both modes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from treeline.catalog.megadb_checks import Checker, json_files
from treeline.catalog.violations import Violations

NOW = datetime(2024, 5, 6, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "dataset": "caltech",
    "seq_id": "x",
    "location": "north",
    "class": ["deer"],
    "images": [
        {"file": "x/1.jpg", "frame_num": 1, "bbox": [{"category": "animal", "bbox": [0.1, 0.2, 0.3, 0.4]}]},
        {"file": "x/2.jpg", "frame_num": 2, "bbox": []},
    ],
}
FIRST = ("images", 0)
BOX = (*FIRST, "bbox", 0)
SIDES = (*BOX, "bbox")
GONE = object()
FINE: tuple[str, ...] = ()

Rules = tuple[str, ...]
Find = Callable[..., list[str]]
CASES: list[tuple[tuple[str | int, ...], object, Rules, Rules]] = [
    # what is changed in GOOD, to what, the rules that it breaks in compat mode, and what strict mode adds
    (("dataset",), "abc", FINE, FINE),
    (("dataset",), "ab", ("schema.minLength",), FINE),
    (("dataset",), "éàü", FINE, FINE),
    (("dataset",), "cal\ntech", ("schema.pattern",), FINE),
    (("dataset",), "caltech\n", ("schema.pattern",), FINE),
    (("dataset",), GONE, ("schema.required",), FINE),
    (("dataset",), 3, ("schema.type",), FINE),
    (("seq_id",), "a", FINE, FINE),
    (("seq_id",), "", ("schema.minLength",), FINE),
    (("seq_id",), "a\n", ("schema.pattern",), FINE),
    (("seq_id",), GONE, ("schema.required",), FINE),
    (("seq_id",), None, ("schema.type",), FINE),
    (("seq_id",), "dummy_1", FINE, ("dummy_of_several",)),
    (("seq_id",), "dummy", FINE, FINE),
    (("images",), GONE, ("schema.required",), FINE),
    (("images",), [], ("schema.minItems",), FINE),
    (("images",), "x.jpg", ("schema.type",), FINE),
    (("images",), ["x.jpg"], ("schema.type",), FINE),
    (("images",), [{"file": "1.jpg"}], FINE, FINE),
    (("images",), [{"file": "1.jpg"}, {"file": "2.jpg"}], ("frame_num_missing", "frame_num_missing"), FINE),
    (("location",), GONE, FINE, FINE),
    (("location",), 3, FINE, FINE),
    (("location",), 3.0, FINE, FINE),
    (("location",), {"latitude": 52.5}, FINE, FINE),
    (("location",), 3.5, ("schema.type",), FINE),
    (("location",), True, ("schema.type",), FINE),
    (("location",), None, ("schema.type",), FINE),
    (("location",), ["north"], ("schema.type",), FINE),
    (("rights_holder",), "Caltech", FINE, FINE),
    (("rights_holder",), 3, ("schema.type",), FINE),
    (("class",), GONE, ("class_missing",), FINE),
    (("class",), [], ("schema.minItems",), FINE),
    (("class",), "deer", ("schema.type",), FINE),
    (("class",), ["deer", "deer"], ("schema.uniqueItems",), FINE),
    (("class",), ["a"], ("schema.pattern",), FINE),
    (("class",), ["ab"], FINE, FINE),
    (("class",), ["Deer"], ("schema.pattern",), FINE),
    (("class",), ["père david's deer"], ("schema.pattern",), FINE),
    (("class",), ["pere david's deer, sp."], FINE, FINE),
    (("class",), ["deer-"], ("schema.pattern",), FINE),
    (("class",), ["-deer"], ("schema.pattern",), FINE),
    (("class",), ["deer\n"], ("schema.pattern",), FINE),
    (("class",), ["__label_unavailable"], FINE, FINE),
    (("class",), [3], ("schema.type",), FINE),
    (("class",), ["empty"], FINE, FINE),
    (("class",), ["empty", "deer"], FINE, ("empty_not_alone",)),
    ((*FIRST, "class"), ["deer", "empty"], FINE, ("empty_not_alone",)),
    ((*FIRST, "class"), [], ("schema.minItems",), FINE),
    ((*FIRST, "frame_num"), 0, FINE, FINE),
    ((*FIRST, "frame_num"), -1, ("schema.minimum",), FINE),
    ((*FIRST, "frame_num"), 3.0, FINE, FINE),
    ((*FIRST, "frame_num"), 3.5, ("schema.type",), FINE),
    ((*FIRST, "frame_num"), "1", ("schema.type",), FINE),
    ((*FIRST, "frame_num"), 2, ("frame_num_repeated",), FINE),
    ((*FIRST, "frame_num"), 2.0, ("frame_num_repeated",), FINE),
    ((*FIRST, "frame_num"), GONE, ("frame_num_missing",), FINE),
    ((*FIRST, "frame_num"), 1e30, ("frame_num_range",), FINE),  # MegaDB takes it, and no database holds it
    ((*FIRST, "datetime"), "2012-05-21 04:58:05", FINE, FINE),
    ((*FIRST, "datetime"), "2012-05-21T04:58:05.5+02:00", FINE, FINE),
    ((*FIRST, "datetime"), "2012-05-21", FINE, FINE),
    ((*FIRST, "datetime"), "2012-02-30 04:58:05", FINE, ("datetime",)),
    ((*FIRST, "datetime"), "2012:05:21 04:58:05", FINE, ("datetime",)),
    ((*FIRST, "datetime"), "2012-05-21 04:58:05\n", FINE, ("datetime",)),
    ((*FIRST, "datetime"), "", FINE, ("datetime",)),
    ((*FIRST, "datetime"), 20120521, ("schema.type",), ("datetime",)),
    (("datetime",), 20120521, FINE, ("datetime",)),
    ((*FIRST, "file"), GONE, ("schema.required",), FINE),
    ((*FIRST, "file"), "xajpg", FINE, FINE),
    ((*FIRST, "file"), "ajpg", ("schema.pattern",), FINE),
    ((*FIRST, "file"), "a.jpg\n", ("schema.pattern",), FINE),
    ((*FIRST, "file"), "a.Jpg", ("schema.pattern",), FINE),
    ((*FIRST, "file"), "a.TIF", ("schema.pattern",), FINE),
    *(((*FIRST, "file"), f"a.{end}", FINE, FINE) for end in ("JPG", "jpeg", "JPEG", "png", "PNG", "bmp", "avi", "tif")),
    ((*FIRST, "file"), "x/2.jpg", FINE, ("unique_file",)),
    ((*FIRST, "file"), "/a.jpg", FINE, ("path_outside",)),
    ((*FIRST, "file"), "C:\\a.jpg", FINE, ("path_outside",)),
    ((*FIRST, "file"), "../a.jpg", FINE, ("path_outside",)),
    ((*FIRST, "file"), "a/../b.jpg", FINE, ("path_outside",)),
    ((*FIRST, "file"), "a..b/c...jpg", FINE, FINE),
    ((*FIRST, "bbox"), GONE, FINE, FINE),
    ((*FIRST, "bbox"), {}, ("schema.type",), FINE),
    ((*FIRST, "bbox"), ["animal"], ("schema.type",), FINE),
    ((*FIRST, "bbox"), "animal", ("schema.type",), FINE),
    ((*BOX, "category"), GONE, ("schema.required",), FINE),
    ((*BOX, "category"), "group", FINE, FINE),
    ((*BOX, "category"), "Animal", ("schema.enum",), FINE),
    (SIDES, GONE, ("schema.required",), FINE),
    (SIDES, [0.1, 0.2, 0.3], ("schema.minItems",), FINE),
    (SIDES, [0.1, 0.2, 0.3, 0.4, 0.5], ("schema.maxItems",), FINE),
    (SIDES, [0, 0, 1, 1], FINE, FINE),
    (SIDES, [0.1, 0.2, 0.3, "0.4"], ("schema.type",), FINE),
    (SIDES, [0.1, 0.2, 0.3, None], ("schema.type",), FINE),
    (SIDES, [0.1, 0.2, 0.3, True], ("schema.type",), FINE),
    (SIDES, [-0.0001, 0.2, 0.3, 0.4], ("schema.minimum",), FINE),
    (SIDES, [0.1, 0.2, 1.0001, 0.4], ("schema.maximum",), ("box_beyond_image",)),
    (SIDES, [0.5, 0.2, 0.5009, 0.4], FINE, FINE),
    (SIDES, [0.5, 0.2, 0.5011, 0.4], FINE, ("box_beyond_image",)),
    (SIDES, [0.1, 0.5, 0.2, 0.5011], FINE, ("box_beyond_image",)),
    (SIDES, [0.1, 0.2, 0, 0.4], FINE, ("box_without_size",)),
    (SIDES, [0.1, 0.2, 0.3, 0.0], FINE, ("box_without_size",)),
    (("anything",), {"more": [1]}, FINE, FINE),
    ((*BOX, "class"), ["deer"], FINE, FINE),
    ((*BOX, "confidence"), "high", FINE, FINE),
]


def changed(entry: dict[str, Any], path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    copy = deepcopy(entry)
    inner: Any = copy
    for step in path[:-1]:
        inner = inner[step]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def write(folder: Path, content: object, name: str = "file.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def rules(connection: duckdb.DuckDBPyConnection) -> Callable[..., list[str]]:
    """The names of the rules that a file or folder breaks, as `check.check` finds them, in one database for all."""

    def find(path: Path, *, is_strict: bool) -> list[str]:
        violations = Violations()
        checker = Checker(connection, violations, is_strict=is_strict, now=NOW)
        for file in json_files(path):
            for _ in checker.read(file):
                pass
        checker.finish()
        assert "Xy42" not in violations.summary() + "".join(map(str, violations))
        return sorted(violation.rule for violation in violations)

    return find


@pytest.mark.parametrize(("path", "value", "compat", "strict"), CASES)
def test_sequences(
    tmp_path: Path, rules: Find, path: tuple[str | int, ...], value: object, compat: Rules, strict: Rules
) -> None:
    file = write(tmp_path, [changed(GOOD, path, value)])
    assert rules(file, is_strict=False) == sorted(compat)
    assert rules(file, is_strict=True) == sorted(compat + strict)


LISTS: list[tuple[object, Rules, Rules]] = [
    ([], ("not_empty",), ("not_empty",)),
    ([GOOD, changed(GOOD, ("images",), [{"file": "3.jpg"}])], ("unique_seq_id",), ("unique_seq_id",)),
    # the same seq_id in two data sets: one list of MegaDB has one data set, and Treeline's may have several
    ([GOOD, changed(GOOD, ("dataset",), "other")], ("unique_seq_id",), FINE),
    ([GOOD, changed(GOOD, ("seq_id",), "y")], FINE, ("unique_file", "unique_file")),
    ([GOOD, {}], ("class_missing", *["schema.required"] * 3), ("class_missing", *["schema.required"] * 3)),
    ([GOOD, "x"], ("schema.type",), ("schema.type",)),
    (["x"], ("table",), ("table",)),
    ([{}], ("table",), ("table",)),
    ({"sequences": [GOOD]}, ("json",), ("json",)),
    ("x", ("json",), ("json",)),
    (None, ("json",), ("json",)),
    (3, ("json",), ("json",)),
]


@pytest.mark.parametrize(("content", "compat", "strict"), LISTS)
def test_lists(tmp_path: Path, rules: Find, content: object, compat: Rules, strict: Rules) -> None:
    file = write(tmp_path, content)
    assert rules(file, is_strict=False) == sorted(compat)
    assert rules(file, is_strict=True) == sorted(strict)


DATASET: dict[str, Any] = {
    "dataset_name": "caltech",
    "storage_account": "",
    "container": "c",
    "path_prefix": "",
    "container_sas_key": "?se=2030-01-01T07%3A59%3A00Z&sp=rl&sig=Xy42",
    "access": ["public"],
    "comment": "",
}


def key(end: datetime) -> str:
    return f"?sv=1&se={end:%Y-%m-%dT%H%%3A%M%%3A%SZ}&sig=Xy42"


DATASETS: list[tuple[str, object, Rules]] = [
    *((name, GONE, ("schema.required",)) for name in DATASET if name != "comment"),
    *((name, 3, ("schema.type",)) for name in DATASET),
    *((name, "", ("schema.minLength",)) for name in ("dataset_name", "container", "container_sas_key")),
    ("comment", GONE, FINE),
    ("comment", "Day\nand night", FINE),
    ("access", [], FINE),
    ("access", [""], ("schema.minLength",)),
    ("rights_holder", 3, FINE),
    ("container_sas_key", key(NOW + timedelta(days=30, seconds=1)), FINE),
    ("container_sas_key", key(NOW + timedelta(days=30)), ("key_expires",)),
    ("container_sas_key", key(NOW), ("key_expires",)),
    ("container_sas_key", "se=2030-01-01T07:59:00Z&sig=Xy42", ("key_unreadable",)),
    ("container_sas_key", "?sig=Xy42", ("key_unreadable",)),
    ("container_sas_key", "?se=2030-01-01&sig=Xy42", ("key_unreadable",)),
    ("container_sas_key", "?", ("key_unreadable",)),
]


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize(("name", "value", "expected"), DATASETS)
def test_datasets(tmp_path: Path, rules: Find, name: str, value: object, expected: Rules, is_strict: bool) -> None:
    assert rules(write(tmp_path, [changed(DATASET, (name,), value)]), is_strict=is_strict) == list(expected)


SPLITS: list[tuple[object, Rules]] = [
    ({"train": ["a", 3], "val": [{"latitude": 1}], "test": []}, FINE),
    ({"train": ["a"]}, FINE),
    ({"train": ["a"], "test": ["a"]}, ("location_in_two_splits",)),
    ({"train": [3], "val": ["3"]}, ("location_in_two_splits",)),
    ({"train": "a"}, ("schema.type",)),
    ({"val": [None]}, ("schema.type",)),
]


@pytest.mark.parametrize(("split", "expected"), SPLITS)
def test_splits(tmp_path: Path, rules: Find, split: dict[str, Any], expected: Rules) -> None:
    assert rules(write(tmp_path, [{"dataset": "caltech", **split}]), is_strict=True) == list(expected)


def test_described_twice(tmp_path: Path, rules: Find) -> None:
    write(tmp_path, [DATASET, DATASET], "datasets.json")
    write(tmp_path, [{"dataset": "caltech", "train": ["a"]}, {"dataset": "caltech", "val": ["b"]}], "splits.json")
    assert rules(tmp_path, is_strict=True) == ["unique_dataset_name", "unique_split"]
