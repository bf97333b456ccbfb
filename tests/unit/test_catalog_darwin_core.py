"""Darwin Core: one occurrence a sequence and kind of animal, with all that GBIF asks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.camtrap_packages import write_package
from treeline.catalog import exports
from treeline.catalog.database import open_to_read
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source


def occurrences(catalog: Path, **options: str) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    target = catalog.with_name("occurrence.csv")
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        counts = exports.EXPORTS["darwin-core"](connection, target, ExportOptions(tuple(options.values())))
    with target.open(encoding="utf-8", newline="") as file:
        return counts, {row["occurrenceID"]: row for row in csv.DictReader(file)}


def test_of_a_camtrap_package(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    ingest(tmp_path / "catalog.duckdb", Source("p", "camtrap-dp", package), memory_mb=1024, threads=1)
    counts, rows = occurrences(tmp_path / "catalog.duckdb")
    assert set(rows) == {"beavers:night:castor fiber", "beavers:night:animal", "beavers:unseen:vulpes vulpes"}
    assert counts == {"occurrences": 3, "without_scientific_name": 1, "without_coordinates": 0, "without_date": 0}
    beaver = rows["beavers:night:castor fiber"]
    expected = {
        "basisOfRecord": "MachineObservation", "occurrenceStatus": "present", "datasetName": "beavers",
        "eventID": "night",
        "eventDate": "2020-03-29T01:59:59+01:00/2020-03-29T03:00:09+02:00", "scientificName": "Castor fiber",
        "vernacularName": "Eurasian beaver", "taxonRank": "species", "family": "Castoridae", "locationID": "l1",
        "decimalLatitude": "51.496", "decimalLongitude": "4.774", "geodeticDatum": "WGS84", "associatedMedia": "",
        "license": "CC-BY-4.0", "rightsHolder": "Valley Trust",
    }  # fmt: skip
    assert {key: beaver[key] for key in expected} == expected
    assert rows["beavers:night:animal"]["associatedMedia"] == ""  # its one file is not public
    assert rows["beavers:unseen:vulpes vulpes"]["eventDate"] == "2020-05-20T08:00:00Z"  # of which there is no file


def test_of_megadb(tmp_path: Path) -> None:
    sequences = [
        {
            "dataset": "caltech", "seq_id": "a", "class": ["deer", "person"], "rights_holder": "Caltech",
            "images": [
                {"file": "https://x.example/1.jpg", "frame_num": 1, "license": "CC0-1.0"},
                {"file": "https://x.example/2.jpg", "frame_num": 2, "license": "CC0-1.0",
                 "detections": [{"category": "animal", "class": "fox", "confidence": 0.9, "bbox": [0, 0, 1, 1]},
                                {"category": "animal", "class": "cow", "confidence": -0.9, "bbox": [0, 0, 1, 1]}]},
            ],
        },
        {"dataset": "caltech", "seq_id": "b", "class": ["empty"], "images": [{"file": "3.jpg"}]},
        {"dataset": "other", "seq_id": "a", "class": ["fox"], "images": [{"file": "3.jpg"}]},
    ]  # fmt: skip
    datasets = [
        {
            "dataset_name": "other", "storage_account": "s", "container": "c", "path_prefix": "", "comment": "",
            "container_sas_key": "?se=2021-01-01T07%3A59%3A00Z&sig=secret", "access": ["private"],
        }
    ]  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "sequences.json").write_text(json.dumps(sequences))
    (tmp_path / "in" / "datasets.json").write_text(json.dumps(datasets))
    ingest(tmp_path / "catalog.duckdb", Source("m", "megadb", tmp_path / "in"), memory_mb=1024, threads=1)
    counts, rows = occurrences(tmp_path / "catalog.duckdb")
    assert set(rows) == {"caltech:a:deer", "caltech:a:fox", "other:a:fox"}
    assert counts["without_date"] == counts["without_coordinates"] == 3
    deer = rows["caltech:a:deer"]
    assert deer["associatedMedia"] == "https://x.example/1.jpg | https://x.example/2.jpg"
    assert (deer["license"], deer["rightsHolder"]) == ("CC0-1.0", "Caltech")
    assert rows["caltech:a:fox"]["associatedMedia"] == "https://x.example/2.jpg"
    assert "secret" not in (tmp_path / "occurrence.csv").read_text()
    assert set(occurrences(tmp_path / "catalog.duckdb", dataset="other")[1]) == {"other:a:fox"}
