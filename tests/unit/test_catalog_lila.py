"""LILA-style CSV: read and written again it is the same; rows that contradict each other are refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.catalog import exports
from treeline.catalog.database import open_to_read
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.ingest import ingest
from treeline.catalog.lila import COLUMNS
from treeline.catalog.sources import Source
from treeline.errors import InputError

Row = dict[str, str]

TAXA: dict[str, Row] = {
    "deer": {"scientific_name": "cervidae", "common_name": "deer family", "kingdom": "animalia", "class": "mammalia"},
    "Cotton-tail (eastern)": {
        "scientific_name": "sylvilagus floridanus",
        "genus": "sylvilagus",
        "species": "s. floridanus",
    },
    "DEER": {"scientific_name": "cervidae", "common_name": "deer family", "kingdom": "animalia", "class": "mammalia"},
    "empty": {},
    "cárabo": {"scientific_name": "strix aluco", "order": "strigiformes"},
}


def row(dataset: str = "Caltech", image: str = "1", label: str = "deer", **more: str) -> Row:
    """A row with all columns."""
    path = f"storage.googleapis.com/lila/{dataset}/{image}.jpg".replace(" ", "_")
    given = {
        "dataset_name": dataset,
        "url_gcp": f"https://{path}",
        "url_aws": f"http://{path}",
        "image_id": image,
        "sequence_id": "s1",
        "location_id": "B04",
        "frame_num": image,
        "datetime": "2020-01-01 10:00:00",
        "annotation_level": "image",
        "original_label": label,
    }
    return {**dict.fromkeys(COLUMNS, ""), **given, **TAXA.get(label, {}), **more}


def write(file: Path, rows: list[Row]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def take_in(folder: Path, rows: list[Row], dataset: str | None = None) -> Path:
    source = Source("lila", "lila", write(folder / "lila.csv", rows), dataset=dataset, is_strict=False)
    ingest(folder / "catalog.duckdb", source, memory_mb=1024, threads=1)
    return folder / "catalog.duckdb"


def written(catalog: Path, **options: str) -> list[Row]:
    target = catalog.with_name("out.csv")
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        exports.EXPORTS["lila"](connection, target, ExportOptions(tuple(options.values())))
    with target.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def query(catalog: Path, text: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(text).fetchall()


def in_order(rows: list[Row]) -> list[list[str]]:
    return sorted([one[column] for column in COLUMNS] for one in rows)


@st.composite
def collections(draw: st.DrawFn) -> list[Row]:
    """Data sets that share ids; sequences of one image, numbered or not, and of several, numbered."""
    rows = []
    for dataset in ("Caltech", "Snapshot Serengeti"):
        for sequence in range(draw(st.integers(0, 3))):
            level = draw(st.sampled_from(["image", "sequence", "unknown"]))
            images = draw(st.integers(1, 3))
            for image in range(images):
                labels = draw(st.lists(st.sampled_from(sorted(TAXA)), min_size=1, max_size=3, unique=True))
                frame = "-1" if images == 1 and draw(st.booleans()) else str(image)
                facts = {
                    "sequence_id": f"s{sequence}",
                    "location_id": draw(st.sampled_from(["", "B04", "7"])),
                    "frame_num": frame,
                    "datetime": draw(st.sampled_from(["", "2020-01-01 10:00:00", "2021-01-01 10:00:00"])),
                    "annotation_level": level,
                }
                rows += [row(dataset, f"{sequence}/{image}", label, **facts) for label in labels]
    return rows or [row()]


@settings(max_examples=10, deadline=None)
@given(rows=collections())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    catalog = take_in(tmp_path_factory.mktemp("lila"), rows)
    assert in_order(written(catalog)) == in_order(rows)


def test_what_becomes_what(tmp_path: Path) -> None:
    catalog = take_in(
        tmp_path,
        [
            row(image="1", label="DEER"),
            row(image="2", label="cárabo"),
            row("Snapshot", "1", "empty", annotation_level="sequence", frame_num="-1"),
        ],
    )
    assert query(
        catalog, "SELECT dataset, seq_id, file, frame_num FROM images JOIN sequences USING (sequence) ORDER BY ALL"
    ) == [
        ("Caltech", "s1", "lila/Caltech/1.jpg", 1),
        ("Caltech", "s1", "lila/Caltech/2.jpg", 2),
        ("Snapshot", "s1", "lila/Snapshot/1.jpg", None),
    ]
    assert query(catalog, "SELECT class FROM images ORDER BY file") == [(["deer"],), (["carabo"],), (None,)]
    assert query(
        catalog, "SELECT class, list_contains(hoisted, 'class') FROM sequences WHERE dataset = 'Snapshot'"
    ) == [(["empty"], False)]
    assert query(catalog, "SELECT class, properties ->> 'scientific_name' FROM classes ORDER BY class") == [
        ("carabo", "strix aluco"),
        ("deer", "cervidae"),
    ]


def test_unknown_sequences_are_made(tmp_path: Path) -> None:
    rows = [
        row(image="1", sequence_id="", frame_num="-1"),
        row(image="2", sequence_id="", location_id="", frame_num="-1"),
    ]
    catalog = take_in(tmp_path, rows)
    assert [one["sequence_id"] for one in written(catalog)] == ["B04/2020-01-01T10:00:00", ""]


def test_one_url_and_another_column(tmp_path: Path) -> None:
    rows = [
        {
            "image_id": "1",
            "url": "https://x.example/a/1.jpg",
            "original_label": "deer",
            "camera": "north",
            "frame_num": "2.0",
        }
    ]
    catalog = take_in(tmp_path, rows, dataset="mine")
    assert query(catalog, "SELECT properties ->> 'camera' FROM datasets") == [("north",)]
    [found] = written(catalog)
    assert {key: found[key] for key in ("dataset_name", "url", "image_id", "frame_num", "original_label")} == {
        "dataset_name": "mine", "url": "https://x.example/a/1.jpg", "image_id": "1", "frame_num": "2",
        "original_label": "deer",
    }  # fmt: skip


def test_one_data_set_alone(tmp_path: Path) -> None:
    catalog = take_in(tmp_path, [row(), row("Snapshot")])
    assert in_order(written(catalog, dataset="Snapshot")) == in_order([row("Snapshot")])


def without(column: str) -> list[Row]:
    return [{key: value for key, value in row().items() if key != column}]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (without("original_label"), "field 'original_label': the column is missing"),
        (without("dataset_name"), "field 'dataset_name': the column is missing"),
        ([row(), row(image="2", image_id="")], "row 2, field 'image_id': a value is required"),
        ([row(frame_num="first")], "row 1, field 'frame_num': expected a whole number from -1, found 'first'"),
        ([row(frame_num="-2")], "row 1, field 'frame_num': expected a whole number from -1"),
        ([row(), row(image="2", annotation_level="frame")], "row 2, field 'annotation_level': expected one of image"),
        ([row(url_gcp="", url_aws="")], "row 1, .*has no URL"),
        ([row(), row(label="empty", location_id="B05")], "row 2: rows of '1' contradict each other in .*B04.*B05"),
        ([row(), row(image="2", family="canidae")], "rows of 'deer' contradict each other"),
        ([row(), row(image="2", label="DEER", family="canidae")], "rows of 'deer' contradict each other"),
    ],
)
def test_bad_rows(tmp_path: Path, rows: list[Row], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        take_in(tmp_path, rows)
