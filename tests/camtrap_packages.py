"""A Camtrap DP package with everything that the specification allows in its three tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treeline.catalog.camtrap_package import SCHEMAS, URL, offline

Row = Mapping[str, object]

METADATA: dict[str, Any] = {
    "profile": f"{URL}/camtrap-dp-profile.json",
    "name": "beavers",
    "id": "10.5281/zenodo.0",
    "created": "2023-02-06T11:23:03Z",
    "title": "Beavers of the valley",
    "contributors": [
        {"title": "Valley Trust", "role": "rightsHolder", "path": "https://valley.example"},
        {"title": "A. Warden", "role": "contact", "email": "warden@valley.example"},
    ],
    "licenses": [{"name": "CC0-1.0", "scope": "data"}, {"name": "CC-BY-4.0", "scope": "media"}],
    "project": {
        "title": "Beavers",
        "samplingDesign": "targeted",
        "captureMethod": ["activityDetection", "timeLapse"],
        "individualAnimals": True,
        "observationLevel": ["media", "event"],
    },
    "spatial": {"type": "Point", "coordinates": [4.7, 51.4]},
    "temporal": {"start": "2020-03-28", "end": "2020-06-01"},
    "taxonomic": [
        {
            "scientificName": "Castor fiber",
            "taxonRank": "species",
            "family": "Castoridae",
            "vernacularNames": {"eng": "Eurasian beaver", "nld": "bever"},
        },
        {"scientificName": "Vulpes vulpes"},
        {"scientificName": "Homo sapiens"},
    ],
}

DEPLOYMENTS: Sequence[Row] = (
    {
        "deploymentID": "d1", "locationID": "l1", "locationName": "dam", "latitude": 51.496, "longitude": 4.774,
        "coordinateUncertainty": 187, "deploymentStart": "2020-03-28T12:00:00+01:00",
        "deploymentEnd": "2020-04-30T12:00:00+02:00", "setupBy": "A. Warden", "cameraID": "320",
        "cameraModel": "Reconyx-HF2X", "cameraDelay": 0, "cameraHeight": 1.3, "cameraTilt": -15, "cameraHeading": 285,
        "detectionDistance": 3.2, "timestampIssues": "false", "baitUse": "true", "featureType": "waterSource",
        "habitat": "Marsh, \"wet\"", "deploymentGroups": "season:spring | grid:A1", "deploymentTags": "bait:none",
        "deploymentComments": "first, of two",
    },
    {
        "deploymentID": "d2", "latitude": -1.5, "longitude": 179.25, "deploymentStart": "2020-05-01T00:00:00Z",
        "deploymentEnd": "2020-06-01T00:00:00Z", "cameraDepth": 4.8,
    },
    {
        "deploymentID": "d3", "locationName": "no picture", "latitude": 0, "longitude": 0,
        "deploymentStart": "2020-05-01T00:00:00Z", "deploymentEnd": "2020-06-01T00:00:00Z",
    },
)  # fmt: skip


def _medium(name: str, deployment: str, time: str, **more: object) -> Row:
    return {
        "mediaID": name, "deploymentID": deployment, "captureMethod": "activityDetection", "timestamp": time,
        "filePath": f"media/{name}.jpg", "filePublic": "true", "fileName": f"{name}.JPG", "fileMediatype": "image/jpeg",
        **more,
    }  # fmt: skip


MEDIA: Sequence[Row] = (
    _medium("m2", "d1", "2020-03-29T03:00:01+02:00", favorite="true", mediaComments="blurred, a bit"),
    _medium("m1", "d1", "2020-03-29T01:59:59+01:00", exifData='{"EXIF":{"ISO":200}}'),  # two seconds before m2
    _medium(
        "m3", "d1", "2020-03-29T03:00:05+02:00", filePath="https://media.example/assets/m3/file", filePublic="false"
    ),
    _medium("m4", "d1", "2020-04-01T10:00:00+02:00"),  # named by no observation, within an event
    _medium("m5", "d1", "2020-04-02T10:00:00+02:00", captureMethod="timeLapse"),  # nothing is said of it
    _medium("m6", "d2", "2020-05-02T10:00:00Z"),
    _medium("v1", "d1", "2020-03-29T03:00:09+02:00", filePath="media/v1.mp4", fileMediatype="video/mp4"),
    _medium("v2", "d2", "2020-05-03T10:00:00Z", filePath="media/v2.mp4", fileMediatype="video/mp4", fileName=""),
)


def _observation(name: str, deployment: str, start: str, end: str, **more: object) -> Row:
    return {"observationID": name, "deploymentID": deployment, "eventStart": start, "eventEnd": end, **more}


NIGHT = ("d1", "2020-03-29T00:59:59Z", "2020-03-29T01:00:09Z")
BOX = {"bboxX": 0.1, "bboxY": 0.25, "bboxWidth": 0.30000000000000004, "bboxHeight": 1e-15}
OBSERVATIONS: Sequence[Row] = (
    _observation("e1", *NIGHT, eventID="night", observationLevel="event", observationType="animal",
                 scientificName="Castor fiber", count=2, lifeStage="adult", sex="female", behavior="feeding | running"),
    _observation("e2", *NIGHT, eventID="night", observationLevel="event", observationType="human"),
    _observation("e3", "d1", "2020-04-01T08:00:00Z", "2020-04-01T08:00:30Z", observationLevel="event",
                 observationType="blank", observationComments="wind"),
    _observation("e4", "d2", "2020-05-20T08:00:00Z", "2020-05-20T08:00:30Z", eventID="unseen", observationLevel="event",
                 observationType="animal", scientificName="Vulpes vulpes"),
    _observation("o1", *NIGHT, mediaID="m1", eventID="night", observationLevel="media", observationType="animal",
                 scientificName="Castor fiber", count=1, individualID="RD213", individualPositionRadius=6.81,
                 individualPositionAngle=-8.56, individualSpeed=1.75, **BOX, classificationMethod="machine",
                 classifiedBy="MegaDetector V5", classificationTimestamp="2020-08-22T10:25:19Z",
                 classificationProbability=0.95, observationTags="travelDirection:left"),
    _observation("o2", *NIGHT, mediaID="m1", eventID="night", observationLevel="media", observationType="human",
                 scientificName="Homo sapiens", **BOX, classificationMethod="human", classificationProbability=1,
                 cameraSetupType="setup"),
    _observation("o3", *NIGHT, mediaID="m1", eventID="night", observationLevel="media", observationType="animal",
                 scientificName="Castor fiber", **BOX, observationTags="seen|category:group"),
    _observation("o4", *NIGHT, mediaID="m1", eventID="night", observationLevel="media", observationType="unknown",
                 **BOX),
    _observation("o5", *NIGHT, mediaID="m2", eventID="night", observationLevel="media", observationType="vehicle",
                 **BOX),
    _observation("o6", *NIGHT, mediaID="m3", observationLevel="media", observationType="blank"),
    _observation("o7", *NIGHT, mediaID="m3", observationLevel="media", observationType="animal", bboxX=0.5, bboxY=0.5),
    _observation("o8", *NIGHT, mediaID="v1", eventID="night", observationLevel="media", observationType="animal",
                 scientificName="Castor fiber", **BOX),
    _observation("o9", "d2", "2020-05-02T10:00:00Z", "2020-05-02T10:00:00Z", mediaID="m6", observationLevel="media",
                 observationType="unclassified"),
)  # fmt: skip

TABLES = {"deployments": DEPLOYMENTS, "media": MEDIA, "observations": OBSERVATIONS}
KEYS = {"deployments": "deploymentID", "media": "mediaID", "observations": "observationID"}


def write_package(folder: Path, tables: Mapping[str, Sequence[Row]] = TABLES, **metadata: object) -> Path:
    """Write a package, of which some of the metadata may be given."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in KEYS:
        columns = columns_of(name)
        extra = [key for row in tables[name] for key in row if key not in columns]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*columns, *dict.fromkeys(extra)], restval="")
            writer.writeheader()
            writer.writerows(tables[name])
    resources = [
        {
            "name": name,
            "path": f"{name}.csv",
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": f"{URL}/{name}-table-schema.json",
        }
        for name in KEYS
    ]
    text = json.dumps({"resources": resources, **METADATA, **metadata})
    (folder / "datapackage.json").write_text(text, encoding="utf-8")
    return folder


def frictionless_problems(package: Path) -> list[str]:
    """What frictionless finds in all rows."""
    from frictionless import Package

    descriptor = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    report = Package.from_descriptor(offline(descriptor), basepath=str(package)).validate()
    return [str(problem) for problem in report.flatten(["type", "fieldName", "note"])]


def columns_of(table: str) -> list[str]:
    schema = json.loads((SCHEMAS / f"{table}-table-schema.json").read_text(encoding="utf-8"))
    return [field["name"] for field in schema["fields"]]


def read_rows(folder: Path, table: str) -> dict[str, dict[str, object]]:
    """A table's rows by key, numbers as numbers, without what is missing."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return {
            row[KEYS[table]]: {key: _value(text) for key, text in row.items() if text not in ("", "NA", "NaN", "nan")}
            for row in csv.DictReader(file)
        }


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
