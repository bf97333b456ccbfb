"""A plain table is what the user says its columns are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treeline.catalog.database import open_to_read
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.errors import InputError

COLUMNS = {"file": "path", "class": "species", "location": "camera", "datetime": "taken", "frame_num": "n"}
TEXT = """path,species,camera,taken,n,note
a/1.jpg,Red Fox | deer,north,2020-01-01 10:00:00,1,"wet, cold"
a/2.jpg,deer;deer,north,2020-01-01 10:00:59,2,
b/3.jpg,,south,,,NA
b/4.jpg,Blank,,2020-01-01 10:00:59,,
"""


def take_in(folder: Path, content: str | bytes | pa.Table, columns: dict[str, str] = COLUMNS, **more: Any) -> Path:
    if isinstance(content, pa.Table):
        file = folder / "table.parquet"
        pq.write_table(content, file)
    else:
        file = folder / "table.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    source = Source("table", "table", file, **{"dataset": "mine", "columns": columns, **more})
    ingest(folder / "catalog.duckdb", source, memory_mb=1024, threads=1)
    return folder / "catalog.duckdb"


def query(catalog: Path, text: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(text).fetchall()


FOUND = """
    SELECT file, list_sort(coalesce(images.class, sequences.class)), location, frame_num,
        coalesce(images.properties, sequences.properties) ->> 'note'
    FROM images JOIN sequences USING (sequence) ORDER BY file
"""


def test_mapped(tmp_path: Path) -> None:
    assert query(take_in(tmp_path, TEXT), FOUND) == [
        ("a/1.jpg", ["deer", "red fox"], "north", 1, "wet, cold"),
        ("a/2.jpg", ["deer"], "north", 2, None),
        ("b/3.jpg", ["__label_unavailable"], "south", None, None),
        ("b/4.jpg", ["empty"], None, None, None),
    ]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r\n", 2),  # lines that end in two ways
        "\ufeff" + TEXT,
        TEXT.replace(",", "\t").replace('"wet\t cold"', "wet, cold"),
    ],
)
def test_however_it_is_written(tmp_path: Path, content: str) -> None:
    (tmp_path / "plain").mkdir()
    assert query(take_in(tmp_path, content), FOUND) == query(take_in(tmp_path / "plain", TEXT), FOUND)


def test_parquet_keeps_types(tmp_path: Path) -> None:
    table = pa.table({"f": ["a.jpg", "b.jpg"], "set": ["x", "y"], "speed": [1.5, None], "seen": [True, False]})
    catalog = take_in(tmp_path, table, {"file": "f", "dataset": "set"}, dataset=None)
    found = query(catalog, "SELECT dataset, properties FROM datasets")
    assert {dataset: json.loads(properties) for dataset, properties in found} == {
        "x": {"speed": 1.5, "seen": True},
        "y": {"seen": False},
    }


def test_looked_at_for_boxes(tmp_path: Path) -> None:
    assert query(take_in(tmp_path, TEXT, boxes_complete=True), "SELECT DISTINCT annotated FROM images") == [(True,)]


@pytest.mark.parametrize(
    ("content", "columns", "problem"),
    [
        (TEXT, {"file": "name"}, "field 'name': the column, mapped as file, is missing; the file has: path, species"),
        (TEXT, {"class": "species"}, "no column is mapped as file"),
        (
            TEXT,
            {"file": "path", "species": "species"},
            "'species' is nothing that a column can be; known: file, dataset",
        ),
        (TEXT.replace("b/3.jpg", ""), COLUMNS, "row 3, field 'path': a value is required"),
        (TEXT.replace(",2,", ",2.5,"), COLUMNS, "row 2, field 'n': expected a whole number from 0, found '2.5'"),
        (TEXT.replace(",2,", ",-1,"), COLUMNS, "row 2, field 'n': expected a whole number from 0"),
        (TEXT + "c/5.jpg,deer\n", COLUMNS, "row 5: has too few or too many fields"),
        (TEXT.encode("utf-16"), COLUMNS, "not UTF-8"),
        ("", COLUMNS, "is empty"),
    ],
)
def test_bad_tables(tmp_path: Path, content: str | bytes, columns: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        take_in(tmp_path, content, columns)


def test_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="belongs to no data set"):
        take_in(tmp_path, TEXT, dataset=None)
