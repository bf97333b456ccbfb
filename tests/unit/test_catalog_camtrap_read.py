"""Camtrap DP: what becomes what in the catalogue, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.camtrap_packages import DEPLOYMENTS, MEDIA, OBSERVATIONS, TABLES, Row, frictionless_problems, write_package
from treeline.catalog.database import open_to_read
from treeline.catalog.ingest import Ingested, ingest
from treeline.catalog.sources import Source
from treeline.errors import InputError


def take_in(catalog: Path, package: Path) -> Ingested:
    return ingest(catalog, Source("package", "camtrap-dp", package), memory_mb=1024, threads=1)


def rows(catalog: Path, query: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("camtrap")
    done = take_in(folder / "catalog.duckdb", write_package(folder / "package"))
    assert (done.images, done.boxes) == (6, 4)
    return folder / "catalog.duckdb"


def test_events_are_sequences(catalog: Path) -> None:
    found = rows(
        catalog,
        """
        SELECT seq_id, sequences.location, list(file ORDER BY frame_num)
        FROM sequences LEFT JOIN images USING (sequence) GROUP BY ALL ORDER BY seq_id
        """,
    )
    assert found == [
        ("-1.5,179.25/2020-05-02T10:00:00", "-1.5,179.25", ["media/m6.jpg"]),
        ("dummy_" + _md5(catalog, "media/v2.mp4"), None, [None]),
        ("e3", "l1", ["media/m4.jpg"]),  # by its time
        ("l1/2020-04-02T10:00:00", "l1", ["media/m5.jpg"]),
        ("night", "l1", ["media/m1.jpg", "media/m2.jpg", "https://media.example/assets/m3/file"]),
        ("unseen", "-1.5,179.25", [None]),
    ]


def _md5(catalog: Path, text: str) -> str:
    return str(rows(catalog, f"SELECT md5('{text}')")[0][0])


def test_observations_are_classes(catalog: Path) -> None:
    of_images = """
        SELECT parse_filename(file), coalesce(images.class, sequences.class)
        FROM images JOIN sequences USING (sequence)
    """
    found = {name: sorted(names) for name, names in rows(catalog, of_images)}
    assert found == {
        "m1.jpg": ["castor fiber", "person", "unknown"],
        "m2.jpg": ["vehicle"],
        "file": ["animal"],  # "blank" beside an animal is no class
        "m4.jpg": ["empty"],
        "m5.jpg": ["__label_unavailable"],
        "m6.jpg": ["__label_unavailable"],
    }
    assert sorted(rows(catalog, "SELECT class FROM sequences WHERE seq_id = 'night'")[0][0]) == [
        "castor fiber",
        "person",
    ]
    assert rows(catalog, "SELECT class FROM videos WHERE file = 'media/v1.mp4'") == [(["castor fiber"],)]
    assert rows(catalog, "SELECT properties ->> 'common_name' FROM classes WHERE class = 'castor fiber'") == [
        ("Eurasian beaver",)
    ]


def test_boxes(catalog: Path) -> None:
    found = rows(
        catalog,
        """
        SELECT category, class, x_min, y_min, width, height, confidence, properties ->> 'observationID'
        FROM boxes ORDER BY 8
        """,
    )
    box = (0.1, 0.25, 0.30000000000000004, 1e-15)
    assert found == [
        ("animal", "castor fiber", *box, 0.95, "o1"),
        ("person", None, *box, None, "o2"),
        ("group", "castor fiber", *box, None, "o3"),
        ("vehicle", None, *box, None, "o5"),
    ]
    assert rows(catalog, "SELECT count(*) FROM images WHERE annotated") == [(2,)]


def test_properties(catalog: Path) -> None:
    """Times stay as given; coordinates, licences and all other columns are kept."""
    assert rows(catalog, "SELECT datetime, time::VARCHAR FROM images WHERE file = 'media/m1.jpg'") == [
        ("2020-03-29T01:59:59+01:00", "2020-03-29 01:59:59")
    ]
    [(night, hoisted)] = rows(catalog, "SELECT properties, hoisted FROM sequences WHERE seq_id = 'night'")
    assert json.loads(night)["latitude"] == 51.496
    assert {"latitude", "longitude", "deploymentID"} <= set(hoisted)
    [(about,)] = rows(catalog, "SELECT properties FROM datasets WHERE dataset = 'beavers'")
    about = json.loads(about)
    assert (about["license"], about["rights_holder"]) == ("CC-BY-4.0", "Valley Trust")
    assert [one["deploymentID"] for one in about["deployments"]] == ["d1", "d2", "d3"]
    [(image,)] = rows(catalog, "SELECT properties FROM images WHERE file = 'media/m2.jpg'")
    assert json.loads(image)["favorite"] is True
    assert json.loads(image)["mediaComments"] == "blurred, a bit"


def test_other_columns_are_kept(tmp_path: Path) -> None:
    media = [{**row, "season": f"s{number}"} for number, row in enumerate(MEDIA)]
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write_package(tmp_path / "package", {**TABLES, "media": media}))
    assert rows(catalog, "SELECT properties ->> 'season' FROM images WHERE file = 'media/m2.jpg'") == [("s0",)]


BAD_VALUES = [
    ("deployments", DEPLOYMENTS, "latitude", 90.5, "must be 90 or less, found '90.5'"),
    ("deployments", DEPLOYMENTS, "latitude", "", "a value is required"),
    ("deployments", DEPLOYMENTS, "latitude", "north", "must be a number, found 'north'"),
    ("deployments", DEPLOYMENTS, "cameraDelay", 1.5, "must be a whole number"),
    ("deployments", DEPLOYMENTS, "baitUse", "perhaps", "must be true or false"),
    ("deployments", DEPLOYMENTS, "featureType", "swamp", "must be one of roadPaved"),
    ("deployments", DEPLOYMENTS, "deploymentStart", "2020-03-28T12:00:00", "must be a time with an offset"),
    ("deployments", DEPLOYMENTS, "deploymentStart", "2020-02-30T12:00:00Z", "must be a time with an offset"),
    ("deployments", DEPLOYMENTS, "deploymentID", "d2", "is in several rows"),
    ("media", MEDIA, "deploymentID", "d9", "is not in deployments, found 'd9'"),
    ("media", MEDIA, "filePath", "/media/m.jpg", "must match"),
    ("media", MEDIA, "filePath", "media/../m.jpg", "must match"),
    ("media", MEDIA, "fileMediatype", "text/plain", "must match"),
    ("media", MEDIA, "mediaID", "NA", "a value is required"),
    ("observations", OBSERVATIONS, "bboxWidth", 0, "must be 1e-15 or more"),
    ("observations", OBSERVATIONS, "observationType", "person", "must be one of animal, human"),
    ("observations", OBSERVATIONS, "mediaID", "m9", "is not in media"),
    ("observations", OBSERVATIONS, "count", 0, "must be 1 or more"),
]


@pytest.mark.parametrize(("table", "given", "field", "value", "problem"), BAD_VALUES)
def test_bad_value(tmp_path: Path, table: str, given: list[Row], field: str, value: object, problem: str) -> None:
    """Each is refused with its row and column, and frictionless refuses it too."""
    package = write_package(tmp_path / "package", {**TABLES, table: [{**given[0], field: value}, *given[1:]]})
    with pytest.raises(InputError) as refused:
        take_in(tmp_path / "catalog.duckdb", package)
    assert problem in str(refused.value)
    assert field in str(refused.value)
    assert f"{table}.csv, row" in str(refused.value)
    assert frictionless_problems(package)


def test_all_problems_in_one_error(tmp_path: Path) -> None:
    media = [{**row, "filePublic": "maybe", "captureMethod": "luck"} for row in MEDIA]
    with pytest.raises(InputError, match=r"luck(.|\n)*filePublic': must be true or false.*\(8 rows\), first in row 1"):
        take_in(tmp_path / "catalog.duckdb", write_package(tmp_path / "package", {**TABLES, "media": media}))


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"project": {"title": "x"}}, "'samplingDesign' is a required property"),
        ({"contributors": [{"title": "x", "role": "king"}]}, "'king' is not one of"),
        (
            {"profile": "https://raw.githubusercontent.com/tdwg/camtrap-dp/0.6/camtrap-dp-profile.json"},
            "does not match",
        ),
        ({"resources": []}, "resources"),
        ({"created": "yesterday"}, 'not valid "datetime"'),
    ],
)
def test_bad_metadata(tmp_path: Path, metadata: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        take_in(tmp_path / "catalog.duckdb", write_package(tmp_path / "package", **metadata))


def test_no_package(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    (package / "media.csv").unlink()
    with pytest.raises(InputError, match=r"media.csv: no such file"):
        take_in(tmp_path / "catalog.duckdb", package)
    shutil.copy(package / "deployments.csv", package / "datapackage.json")
    with pytest.raises(InputError, match="is no JSON"):
        take_in(tmp_path / "catalog.duckdb", package)
    (package / "datapackage.json").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        take_in(tmp_path / "catalog.duckdb", package)


def test_table_outside_is_refused(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    descriptor = json.loads((package / "datapackage.json").read_text())
    for path in ("https://example.com/media.csv", "../media.csv"):
        descriptor["resources"][1]["path"] = path
        (package / "datapackage.json").write_text(json.dumps(descriptor))
        with pytest.raises(InputError, match=r"not in the package's folder|not safe"):
            take_in(tmp_path / "catalog.duckdb", package)
