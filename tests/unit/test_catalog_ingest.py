"""Ingest is all or nothing, the same twice is the same as once, and a corrected source replaces what it brought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from treeline.catalog.database import TABLES, open_to_read, read_sql
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.catalog.stager import SCHEMAS
from treeline.errors import InputError

Sequences = list[dict[str, Any]]

BOX = {"category": "animal", "bbox": [0.1, 0.2, 0.3, 0.4]}
SEQUENCES: Sequences = [
    {
        "dataset": "caltech",
        "seq_id": "a",
        "location": 3,
        "rights_holder": "Caltech",
        "images": [
            {"file": "a/2.jpg", "frame_num": 2, "class": ["deer"], "datetime": "2020-01-01 10:00:01", "bbox": [BOX]},
            {"file": "a/1.jpg", "frame_num": 1, "class": ["deer"], "datetime": "2020-01-01 10:00:00", "bbox": []},
        ],
    },
    {
        "dataset": "caltech",
        "seq_id": "b",
        "class": ["empty"],
        "location": "north",
        "rights_holder": "Caltech",
        "images": [{"file": "b/1.jpg", "season": "wet"}],
    },
]


def write(folder: Path, sequences: Sequences, name: str = "sequences.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(sequences), encoding="utf-8")
    return file


def take_in(catalog: Path, file: Path, name: str = "caltech") -> None:
    ingest(catalog, Source(name, "megadb", file), memory_mb=1024, threads=1)


def rows(catalog: Path, query: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(query).fetchall()


def content(catalog: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, less the time of ingest."""
    tables = {table: "*" for table in TABLES} | {"ingests": "* EXCLUDE (ingested_at)"}
    return {table: sorted(rows(catalog, f"SELECT {columns} FROM {table}"), key=repr) for table, columns in tables.items()}


def test_levels(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path, SEQUENCES))
    assert rows(catalog, "SELECT dataset, properties, hoisted FROM datasets") == [
        ("caltech", '{"rights_holder":"Caltech"}', ["rights_holder"])
    ]
    assert rows(catalog, "SELECT seq_id, location, class, properties, hoisted FROM sequences ORDER BY seq_id") == [
        ("a", "3", ["deer"], '{"location":3}', ["class"]),
        ("b", "north", ["empty"], '{"season":"wet"}', ["season"]),
    ]
    assert rows(catalog, "SELECT file, class, annotated, hour(time), properties FROM images ORDER BY file") == [
        ("a/1.jpg", None, True, 10, None),
        ("a/2.jpg", None, True, 10, None),
        ("b/1.jpg", None, False, None, None),
    ]
    assert rows(catalog, "SELECT file, category, x_min FROM boxes JOIN images USING (image)") == [
        ("a/2.jpg", "animal", 0.1)
    ]


def test_same_again_changes_nothing(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    file = write(tmp_path, SEQUENCES)
    take_in(catalog, file)
    before = content(catalog)
    take_in(catalog, file)
    assert content(catalog) == before


def test_corrected_replaces(tmp_path: Path) -> None:
    catalog, other = tmp_path / "catalog.duckdb", tmp_path / "other.duckdb"
    take_in(catalog, write(tmp_path, SEQUENCES))
    corrected = [{**SEQUENCES[0], "rights_holder": "Nobody"}, {**SEQUENCES[1], "class": ["deer"], "images": [{"file": "c.jpg"}]}]
    file = write(tmp_path, corrected)
    take_in(catalog, file)
    take_in(other, file)
    query = "SELECT seq_id, class, properties, hoisted FROM sequences ORDER BY ALL"
    assert rows(catalog, query) == rows(other, query)
    assert rows(catalog, "SELECT file FROM images ORDER BY file") == [("a/1.jpg",), ("a/2.jpg",), ("c.jpg",)]
    assert rows(catalog, "SELECT * FROM datasets") == rows(other, "SELECT * FROM datasets")


def test_two_sources(tmp_path: Path) -> None:
    """What a second source says of a data set moves the first one's properties down again."""
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path, SEQUENCES))
    more = [{"dataset": "caltech", "seq_id": "c", "class": ["bear"], "rights_holder": "B", "images": [{"file": "d.jpg"}]}]
    take_in(catalog, write(tmp_path, more, "more.json"), "more")
    assert rows(catalog, "SELECT properties ->> 'rights_holder' FROM sequences ORDER BY seq_id") == [
        ("Caltech",),
        ("Caltech",),
        ("B",),
    ]
    assert rows(catalog, "SELECT properties, hoisted FROM datasets") == [(None, [])]


def test_staged_columns_are_in_the_order_of_the_tables() -> None:
    """Rows are inserted by place."""
    with duckdb.connect() as connection:
        connection.execute(read_sql("staging.sql"))
        for table, schema in SCHEMAS.items():
            assert [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()] == schema.names


def test_error_leaves_the_old_state(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path, SEQUENCES))
    before = content(catalog)
    with pytest.raises(InputError, match="is no JSON"):
        broken = tmp_path / "broken.json"
        broken.write_text('[{"dataset": "caltech", "seq_id": "z", "class": ["x"], "images": [{"file": "z.jpg"}]},')
        take_in(catalog, broken)
    assert content(catalog) == before
