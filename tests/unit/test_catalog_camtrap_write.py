"""Camtrap DP: what is written is valid, and what a package brought goes back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.camtrap_packages import (
    DEPLOYMENTS,
    KEYS,
    METADATA,
    TABLES,
    Row,
    frictionless_problems,
    read_rows,
    write_package,
)
from treeline.catalog.database import open_to_read
from treeline.catalog.exports import camtrap_dp
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.errors import InputError, TreelineError


def take_in(catalog: Path, path: Path, format: str = "camtrap-dp", dataset: str | None = None) -> None:
    ingest(catalog, Source(path.name, format, path, dataset=dataset, is_strict=False), memory_mb=1024, threads=1)


def write(catalog: Path, target: Path, **options: str) -> dict[str, int]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        asked = ExportOptions(
            tuple(options[name] for name in ("dataset",) if name in options),
            time_zone=options.get("time_zone"),
            locations=Path(options["locations"]) if "locations" in options else None,
            metadata=Path(options["metadata"]) if "metadata" in options else None,
        )
        return camtrap_dp.write(connection, target, asked)


def assert_same(one: Path, other: Path) -> None:
    for table in KEYS:
        assert read_rows(one, table) == read_rows(other, table)
    assert json.loads((one / "datapackage.json").read_text()) == json.loads((other / "datapackage.json").read_text())


def test_round_trip(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    assert frictionless_problems(package) == []
    take_in(tmp_path / "catalog.duckdb", package)
    counts = write(tmp_path / "catalog.duckdb", tmp_path / "out")
    assert counts == {"deployments": 3, "media": 8, "observations": 13, "struck_out": 0}
    assert_same(package, tmp_path / "out")
    assert frictionless_problems(tmp_path / "out") == []


def test_same_catalogue_same_bytes(tmp_path: Path) -> None:
    take_in(tmp_path / "catalog.duckdb", write_package(tmp_path / "package"))
    for name in ("one", "two"):
        write(tmp_path / "catalog.duckdb", tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8).map(
    lambda text: "xy" + text.strip()  # a label has two characters at least, and ASCII may leave no more of it
)
SIDE = st.floats(1e-15, 1)
MAYBE_BOX = st.none() | st.fixed_dictionaries({"bboxX": SIDE, "bboxY": SIDE, "bboxWidth": SIDE, "bboxHeight": SIDE})
TYPES = st.sampled_from(["animal", "human", "vehicle", "blank", "unknown", "unclassified"])


@st.composite
def observation_rows(draw: st.DrawFn) -> list[Row]:
    """Observations of the media of the package, each with some of the columns."""
    rows = []
    for number in range(draw(st.integers(0, 6))):
        level = draw(st.sampled_from(["media", "event"]))
        box = draw(MAYBE_BOX) if level == "media" else None
        rows.append({
            "observationID": f"o{number}",
            "deploymentID": draw(st.sampled_from(["d1", "d2"])),
            "mediaID": draw(st.sampled_from(["m1", "m2", "m3", "v1"])) if level == "media" else "",
            "eventID": draw(st.sampled_from(["", "one", "two", "o1"])),
            "eventStart": "2020-03-29T00:59:59Z",
            "eventEnd": draw(st.sampled_from(["2020-03-29T00:59:59Z", "2020-06-01T00:00:00+02:00"])),
            "observationLevel": level,
            "observationType": draw(TYPES),
            "scientificName": draw(st.just("") | TEXT),
            "count": draw(st.sampled_from(["", 1, 7])),
            "classificationMethod": draw(st.sampled_from(["", "human", "machine"])),
            "classificationProbability": draw(st.sampled_from(["", 0, 0.5, 1])),
            "observationTags": draw(st.sampled_from(["", "a|category:group", "b"])),
            **(box or {}),
        })  # fmt: skip
    return rows


@settings(max_examples=10, deadline=None)
@given(observations=observation_rows())
def test_round_trip_of_any_observations(tmp_path_factory: pytest.TempPathFactory, observations: list[Row]) -> None:
    folder = tmp_path_factory.mktemp("any")
    package = write_package(folder / "package", {**TABLES, "observations": observations})
    take_in(folder / "catalog.duckdb", package)
    write(folder / "catalog.duckdb", folder / "out")
    for table in KEYS:
        assert read_rows(package, table) == read_rows(folder / "out", table)


SEQUENCES: list[dict[str, Any]] = [
    {
        "dataset": "caltech",
        "seq_id": "a",
        "location": 3,
        "images": [
            {
                "file": "a/1.jpg", "frame_num": 1, "class": ["deer", "person"], "datetime": "2020-03-29 01:30:00",
                "bbox": [{"category": "person", "bbox": [0.1, 0.2, 0.3, 0]}],
                "detections": [
                    {"category": "group", "class": "deer", "confidence": 0.5, "bbox": [0.1, 0.2, 0.3, 0.4]},
                    {"category": "animal", "confidence": -0.5, "bbox": [0.1, 0.2, 0.3, 0.4]},
                ],
            },
            {"file": "a/2.jpg", "frame_num": 2, "class": ["empty"], "datetime": "2020:03:29 03:00:00", "bbox": []},
        ],
    },
    {
        "dataset": "caltech",
        "seq_id": "b",
        "location": "north",
        "class": ["__label_unavailable"],
        "images": [{"file": "b/1.png", "datetime": "2020-07-01T10:00:00-0500"}],
    },
    {
        "dataset": "caltech",
        "seq_id": "c",
        "location": {"latitude": 1.5, "longitude": 2.5},
        "class": ["fox"],
        "images": [{"file": "c/1.jpg", "datetime": "2020-07-01 10:00:00"}],
    },
]  # fmt: skip


@pytest.fixture
def caltech(tmp_path: Path) -> Path:
    source = tmp_path / "caltech.json"
    source.write_text(json.dumps(SEQUENCES))
    take_in(tmp_path / "catalog.duckdb", source, "megadb")
    about = {"contributors": [{"title": "Caltech"}], "project": {**METADATA["project"], "title": "Caltech"}}
    del about["project"]["observationLevel"]
    (tmp_path / "about.json").write_text(json.dumps(about))
    (tmp_path / "places.csv").write_text("location,latitude,longitude\n3,34.1,-118.1\nnorth,34.2,-118.2\n")
    return tmp_path


def options(folder: Path, *left_out: str, **more: str) -> dict[str, str]:
    given = {
        "time_zone": "Europe/Brussels",
        "metadata": str(folder / "about.json"),
        "locations": str(folder / "places.csv"),
    }
    return {key: value for key, value in {**given, **more}.items() if key not in left_out}


def test_from_megadb(caltech: Path) -> None:
    counts = write(caltech / "catalog.duckdb", caltech / "out", **options(caltech))
    assert counts == {"deployments": 3, "media": 4, "observations": 5, "struck_out": 1}
    assert frictionless_problems(caltech / "out") == []
    times = {key: row["timestamp"] for key, row in read_rows(caltech / "out", "media").items()}
    assert times == {
        "a/1.jpg": "2020-03-29T01:30:00+01:00",  # before summer time begins
        "a/2.jpg": "2020-03-29T03:00:00+02:00",
        "b/1.png": "2020-07-01T10:00:00-0500",
        "c/1.jpg": "2020-07-01T10:00:00+02:00",
    }
    found = {
        (row.get("mediaID"), row["eventID"], row["observationType"], row.get("scientificName"), row.get("bboxHeight"))
        for row in read_rows(caltech / "out", "observations").values()
    }
    assert found == {
        ("a/1.jpg", "a", "human", None, 1e-15),
        ("a/1.jpg", "a", "animal", "deer", 0.4),
        ("a/2.jpg", "a", "blank", None, None),
        (None, "b", "unclassified", None, None),
        (None, "c", "animal", "fox", None),
    }
    take_in(caltech / "again.duckdb", caltech / "out")
    write(caltech / "again.duckdb", caltech / "again")
    assert_same(caltech / "out", caltech / "again")


@pytest.mark.parametrize(
    ("left_out", "more", "problem"),
    [
        ("time_zone", {}, "3 media: time without an offset; first 'a/1.jpg'. Give --time-zone"),
        ("locations", {}, "2 locations: no coordinates; first '3'. Give --locations"),
        ("metadata", {}, "contributors, project.title, project.samplingDesign"),
        ("", {"time_zone": "Mars"}, "no such time zone"),
        ("", {"dataset": "serengeti"}, "no data set serengeti. The catalogue has: caltech"),
    ],
)
def test_what_is_unknown_is_an_error(caltech: Path, left_out: str, more: dict[str, str], problem: str) -> None:
    with pytest.raises(TreelineError, match=problem.replace(".", r"\.")):
        write(caltech / "catalog.duckdb", caltech / "out", **options(caltech, left_out, **more))
    assert not (caltech / "out").exists()


@pytest.mark.parametrize("file", ["a..b/1.jpg", "~1.jpg", ".hidden/1.jpg"])
def test_path_that_is_not_allowed(caltech: Path, file: str) -> None:
    more = [{**SEQUENCES[2], "seq_id": "z", "images": [{**SEQUENCES[2]["images"][0], "file": file}]}]
    (caltech / "more.json").write_text(json.dumps(more))
    take_in(caltech / "catalog.duckdb", caltech / "more.json", "megadb")
    with pytest.raises(InputError, match="1 media: path begins with"):
        write(caltech / "catalog.duckdb", caltech / "out", **options(caltech))


def test_deployments_without_media_stay(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package", {"deployments": DEPLOYMENTS, "media": [], "observations": []})
    take_in(tmp_path / "catalog.duckdb", package)
    write(tmp_path / "catalog.duckdb", tmp_path / "out", dataset="beavers")
    assert_same(package, tmp_path / "out")
