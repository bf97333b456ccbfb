"""Treeline's own collection in the catalogue, and detector results on images that are there already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards import shard_row, write_shard
from treeline.catalog.database import open_to_read
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.errors import InputError
from treeline.schemas import DETECTIONS, SUCCESSES
from treeline.tools.exif import EXIF

UUIDS = ["a", "b", "c", "d"]
TIMES = ["2024:05:06 10:00:00", "2024:05:06 10:00:30", "2024:05:06 10:05:00", None]
OCCURRENCES = (
    "gbifID,species,locality,eventDate,decimalLatitude\n"
    "1,Cervus elaphus,north,2020-01-01,52.5\n"
    "2,Cervus elaphus,north,2020-01-01,\n"
    "3,Ursus arctos,north,2020-01-01,52.5\n"
)


def collection(root: Path, **more: Any) -> Source:
    """Four images in two shards; the last has no occurrence and no EXIF."""
    listed = []
    for shard, rows in enumerate((UUIDS[:2], UUIDS[2:])):
        path = f"images/server_name=a.org/partition_id={shard}/successes.parquet"
        content = [
            shard_row(UUIDS.index(uuid), b"", (60, 80), uuid=uuid, source_id=str(UUIDS.index(uuid) + 1))
            for uuid in rows
        ]
        write_shard(root / path, content, SUCCESSES)
        listed += [{"uuid": uuid, "path": path} for uuid in rows]
        exif = [{"uuid": uuid, "datetime": TIMES[UUIDS.index(uuid)]} for uuid in rows]
        target = root / f"exif/server_name=a.org/partition_id={shard}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(exif, EXIF), target)
    pq.write_table(pa.Table.from_pylist(listed), root / "images.parquet")
    model = {"server_name": "a.org", "partition_id": 0, "model": "m", "model_sha256": "0"}
    box = {"category": "animal", "confidence": 0.8, "x_min": -0.001, "y_min": 0.2, "box_width": 0.3, "box_height": 0.9}
    found = [{**model, "uuid": uuid, "file": f"{uuid}.png", **(box if uuid == "a" else {})} for uuid in UUIDS]
    pq.write_table(pa.Table.from_pylist(found, DETECTIONS), root / "detections.parquet")
    (root / "occurrence.csv").write_text(OCCURRENCES)
    tables = {"root": root, "exif": root / "exif", "detections": root / "detections.parquet"}
    return Source(
        "own", "shards", root / "images.parquet", "own", tables={**tables, "metadata": root / "occurrence.csv"}, **more
    )


def rows(catalog: Path, query: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(query).fetchall()


def test_everything_that_stages_know_is_joined(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    ingest(catalog, collection(tmp_path), memory_mb=1024, threads=1)
    sequences = rows(catalog, "SELECT seq_id, location, class FROM sequences ORDER BY seq_id")
    assert sequences[0] == ("dummy_" + rows(catalog, "SELECT md5('d.png')")[0][0], None, ["__label_unavailable"])
    assert sequences[1:] == [
        ("north/2024-05-06T10:00:00", "north", ["cervus elaphus"]),
        ("north/2024-05-06T10:05:00", "north", ["ursus arctos"]),
    ]
    images = rows(catalog, "SELECT file, frame_num, width, height, uuid, annotated FROM images ORDER BY file")
    assert images == [
        ("a.png", 1, 80, 60, "a", False),
        ("b.png", 2, 80, 60, "b", False),
        ("c.png", None, 80, 60, "c", False),
        ("d.png", None, 80, 60, "d", False),
    ]
    assert rows(catalog, "SELECT category, confidence, x_min, y_min, width, height FROM boxes") == [
        ("animal", 0.8, 0.0, 0.2, 0.3, 0.8)
    ]
    assert rows(catalog, "SELECT list_sort(json_keys(properties)) FROM datasets") == [(["license", "source"],)]


def test_who_may_see_it_is_told(tmp_path: Path) -> None:
    ingest(tmp_path / "catalog.duckdb", collection(tmp_path, access=["public"]), memory_mb=1024, threads=1)
    assert rows(tmp_path / "catalog.duckdb", "SELECT dataset, access FROM datasets") == [("own", ["public"])]


def test_columns_may_be_named(tmp_path: Path) -> None:
    source = collection(tmp_path, columns={"class": "locality", "latitude_given": "decimalLatitude"})
    ingest(tmp_path / "catalog.duckdb", source, memory_mb=1024, threads=1)
    query = "SELECT class, count(*) FROM sequences GROUP BY class ORDER BY class"
    assert rows(tmp_path / "catalog.duckdb", query) == [(["__label_unavailable"], 1), (["north"], 3)]
    with pytest.raises(InputError, match="columns.class"):
        wrong = Source(**{**source.__dict__, "columns": {"class": "spezies"}})
        ingest(tmp_path / "catalog.duckdb", wrong, memory_mb=1024, threads=1)


def test_a_shard_that_changes_is_ingested_anew(tmp_path: Path) -> None:
    source, catalog = collection(tmp_path), tmp_path / "catalog.duckdb"
    assert ingest(catalog, source, memory_mb=1024, threads=1).is_new
    assert not ingest(catalog, source, memory_mb=1024, threads=1).is_new
    shard = tmp_path / "images/server_name=a.org/partition_id=1/successes.parquet"
    changed = [{**row, "license": "CC-BY-4.0"} for row in pq.read_table(shard).to_pylist()]
    write_shard(shard, changed, SUCCESSES)
    assert ingest(catalog, source, memory_mb=1024, threads=1).is_new
    assert rows(catalog, "SELECT count(*) FROM sequences WHERE properties ->> 'license' = 'CC-BY-4.0'") == [(2,)]


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = results_file(tmp_path, RESULTS)
    source = Source("x", "megadetector", file, "cams", tables={"locations": tmp_path / "none.csv"})
    with pytest.raises(InputError, match="none.csv: no such file"):
        ingest(tmp_path / "catalog.duckdb", source, memory_mb=1024, threads=1)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    source = collection(tmp_path)
    (tmp_path / "images/server_name=a.org/partition_id=1/successes.parquet").unlink()
    with pytest.raises(InputError, match="partition_id=1"):
        ingest(tmp_path / "catalog.duckdb", source, memory_mb=1024, threads=1)


RESULTS = {
    "info": {"format_version": "1.6"},
    "detection_categories": {"1": "animal", "2": "human"},
    "classification_categories": {"0": "Cow"},
    "images": [
        {
            "file": "c1/a.jpg",
            "datetime": "2024:05:06 10:00:00",
            "width": 100,
            "height": 50,
            "detections": [
                {
                    "category": "1",
                    "conf": -0.9,
                    "bbox": [0.1, 0.1, 0.2, 0.2],
                    "classifications": [["0", 0.7]],
                    "note": 1,
                },
                {"category": "2", "conf": 0.4, "bbox": [0.5, 0.5, 0.502, 0.1]},
            ],
        },
        {"file": "c1/b.jpg", "datetime": "2024:05:06 10:00:20", "detections": []},
        {"file": "c2/x.jpg", "failure": "image access failure", "detections": None},
    ],
}


def results_file(folder: Path, content: object) -> Path:
    (folder / "results.json").write_text(json.dumps(content))
    return folder / "results.json"


def test_results_make_images_where_there_are_none(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    ingest(catalog, Source("found", "megadetector", results_file(tmp_path, RESULTS), "cams"), memory_mb=1024, threads=1)
    assert rows(
        catalog, "SELECT location, count(*) FROM sequences JOIN images USING (sequence) GROUP BY ALL ORDER BY 1"
    ) == [
        ("c1", 2),
        ("c2", 1),
    ]
    assert rows(catalog, "SELECT category, class, confidence, width, properties FROM boxes ORDER BY box") == [
        ("animal", "cow", -0.9, 0.2, '{"classifications":[["Cow",0.7]],"note":1}'),
        ("person", None, 0.4, 0.5, None),
    ]
    assert rows(catalog, "SELECT properties ->> 'failure' FROM sequences WHERE location = 'c2'") == [
        ("image access failure",)
    ]


def test_results_are_added_to_images_of_other_sources(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    known = [{"dataset": "cams", "seq_id": "s", "class": ["cow"], "images": [{"file": "c1/a.jpg", "bbox": []}]}]
    (tmp_path / "known.json").write_text(json.dumps(known))
    ingest(catalog, Source("known", "megadb", tmp_path / "known.json"), memory_mb=1024, threads=1)
    source = Source("found", "megadetector", results_file(tmp_path, RESULTS), "cams")
    ingest(catalog, source, memory_mb=1024, threads=1)
    query = """
        SELECT file, seq_id, annotated, count(box)
        FROM images JOIN sequences USING (sequence) LEFT JOIN boxes USING (image)
        GROUP BY ALL ORDER BY file
    """
    expected = rows(catalog, query)
    assert expected[0] == ("c1/a.jpg", "s", True, 2)
    assert [file for file, *_ in expected] == ["c1/a.jpg", "c1/b.jpg", "c2/x.jpg"]
    known[0]["class"] = ["bull"]
    (tmp_path / "known.json").write_text(json.dumps(known))
    ingest(catalog, Source("known", "megadb", tmp_path / "known.json"), memory_mb=1024, threads=1)
    assert rows(catalog, query) == expected


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ([{"file": "a.jpg", "detections": [{"category": "9", "conf": 0.5, "bbox": [0, 0, 1, 1]}]}], "no category '9'"),
        ([{"file": "a.jpg", "detections": [{"category": "1", "conf": 0.5, "bbox": [0.5, 0, 1, 1]}]}], "reaches beyond"),
        ([{"file": "a.jpg", "detections": [{"category": "1", "conf": 2, "bbox": [0, 0, 1, 1]}]}], "'a.jpg'.*less than"),
        (["a.jpg"], "expected an object"),
    ],
)
def test_broken_results_are_refused(tmp_path: Path, images: list[Any], problem: str) -> None:
    file = results_file(tmp_path, {**RESULTS, "images": images})
    with pytest.raises(InputError, match=problem):
        ingest(tmp_path / "catalog.duckdb", Source("x", "megadetector", file, "cams"), memory_mb=1024, threads=1)
    with duckdb.connect(str(tmp_path / "catalog.duckdb")) as connection:
        assert connection.sql("SHOW TABLES").fetchall() == []


def test_a_dataset_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--dataset"):
        source = Source("x", "megadetector", results_file(tmp_path, RESULTS))
        ingest(tmp_path / "catalog.duckdb", source, memory_mb=1024, threads=1)
