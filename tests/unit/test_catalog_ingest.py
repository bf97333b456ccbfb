"""Ingest is all or nothing, the same twice is the same as once, and a corrected source replaces what it brought."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from treeline.catalog.database import TABLES, CatalogError, open_to_read, read_sql
from treeline.catalog.ingest import build, ingest
from treeline.catalog.parquet_tables import write_tables
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
    return {
        table: sorted(rows(catalog, f"SELECT {columns} FROM {table}"), key=repr) for table, columns in tables.items()
    }


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
    corrected = [
        {**SEQUENCES[0], "rights_holder": "Nobody"},
        {**SEQUENCES[1], "class": ["deer"], "images": [{"file": "c.jpg"}]},
    ]
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
    more = [
        {"dataset": "caltech", "seq_id": "c", "class": ["bear"], "rights_holder": "B", "images": [{"file": "d.jpg"}]}
    ]
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


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    files = {}
    for name in ("one", "two", "three"):
        renamed = [{**sequence, "dataset": name} for sequence in SEQUENCES]
        files[name] = write(tmp_path, renamed, f"{name}.json")
    processes = multiprocessing.get_context("fork")
    ingesting = [processes.Process(target=take_in, args=(catalog, file, name)) for name, file in files.items()]
    for process in ingesting:
        process.start()
    for process in ingesting:
        process.join()
    assert [process.exitcode for process in ingesting] == [0, 0, 0]
    assert rows(catalog, "SELECT dataset, count(*) FROM sequences GROUP BY dataset ORDER BY dataset") == [
        ("one", 2),
        ("three", 2),
        ("two", 2),
    ]


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE birds (name VARCHAR)")
    with pytest.raises(CatalogError, match="has no table"):
        take_in(other, write(tmp_path, SEQUENCES))
    take_in(tmp_path / "old.duckdb", write(tmp_path, SEQUENCES))
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute("ALTER TABLE ingests DROP COLUMN properties")
    with pytest.raises(CatalogError, match="another version of Treeline.*ingests has other columns"):
        take_in(tmp_path / "old.duckdb", write(tmp_path, SEQUENCES))
    for name in ("text.duckdb", "table.csv", "table.parquet"):
        (tmp_path / name).write_text("no database at all, and long enough to be looked at" * 500)
        with pytest.raises(CatalogError, match="is no catalogue"):
            take_in(tmp_path / name, write(tmp_path, SEQUENCES))
    with pytest.raises(CatalogError, match="no such file"):
        rows(tmp_path / "none.duckdb", "SELECT 1")


def test_sources_that_are_gone_are_taken_out(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    sources = [
        Source(name, "megadb", write(tmp_path, [{**SEQUENCES[number], "dataset": name}], f"{name}.json"))
        for number, name in enumerate(("one", "two"))
    ]
    build(catalog, sources, memory_mb=1024, threads=1)
    build(catalog, sources[1:], memory_mb=1024, threads=1)
    assert rows(catalog, "SELECT name FROM ingests") == [("two",)]
    assert rows(catalog, "SELECT dataset FROM datasets") == [("two",)]
    assert rows(catalog, "SELECT file FROM images") == [("b/1.jpg",)]
    assert rows(catalog, "SELECT count(*) FROM boxes") == [(0,)]


def test_tables_without_secrets(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    place = dict.fromkeys(("storage_account", "container", "path_prefix"), "a")
    described = [{"dataset_name": "caltech", "container_sas_key": "?sig=Xy42", "access": ["public"], **place}]
    (tmp_path / "megadb").mkdir()
    write(tmp_path / "megadb", SEQUENCES)
    write(tmp_path / "megadb", described, "datasets.json")
    take_in(catalog, tmp_path / "megadb")
    write_tables(catalog, tmp_path / "tables", memory_mb=1024, threads=1)
    assert {file.stem for file in (tmp_path / "tables").iterdir()} == set(TABLES)
    assert "container_sas_key" not in pq.read_schema(tmp_path / "tables/datasets.parquet").names
    assert not any(b"Xy42" in file.read_bytes() for file in (tmp_path / "tables").iterdir())
    assert rows(catalog, "SELECT container_sas_key, access, hoisted FROM datasets") == [
        ("?sig=Xy42", ["public"], ["rights_holder"])
    ]
