"""A Camtrap DP package of any size that tells nothing: media files, an observation of each, and some deployments."""

from __future__ import annotations

import csv
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.camtrap_packages import write_package

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
SPECIES = ("Castor fiber", "Vulpes vulpes", "Meles meles", "Capreolus capreolus")
FRAMES = 4
"""Of an event; the media of one are a second apart, and two events an hour."""


def write_large_package(folder: Path, media: int, deployments: int) -> Path:
    """Write a package with as many observations as media; each third has a box, each fifth is blank."""
    write_package(folder, taxonomic=[{"scientificName": name} for name in SPECIES])  # of which the metadata stay
    rows = {
        "deployments": (_deployment(number) for number in range(deployments)),
        "media": (_medium(number, deployments) for number in range(media)),
        "observations": (_observation(number, deployments) for number in range(media)),
    }
    for name, entries in rows.items():
        first = next(entries)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, first.keys())
            writer.writeheader()
            writer.writerow(first)
            writer.writerows(entries)
    return folder


def zip_package(folder: Path) -> Path:
    """Zip a package; gives the archive beside it."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return folder.with_suffix(".zip")


def _deployment(number: int) -> dict[str, object]:
    return {
        "deploymentID": f"d{number}",
        "locationID": f"l{number}",
        "latitude": number % 80,
        "longitude": number % 170,
        "deploymentStart": BEGIN.isoformat(),
        "deploymentEnd": (BEGIN + timedelta(days=1000)).isoformat(),
    }


def _medium(number: int, deployments: int) -> dict[str, object]:
    return {
        "mediaID": f"4ac1b4b5-77bd-4bb5-bb11-{number:012x}",
        "deploymentID": f"d{_event(number) % deployments}",
        "captureMethod": "activityDetection",
        "timestamp": _time(number, deployments).isoformat(),
        "filePath": f"https://media.example/assets/{number:012x}/file.jpg",
        "filePublic": "true",
        "fileName": f"IMG_{number:08d}.JPG",
        "fileMediatype": "image/jpeg",
    }


def _observation(number: int, deployments: int) -> dict[str, object]:
    is_blank, has_box = number % 5 == 0, number % 3 == 0
    begin = _time(number - number % FRAMES, deployments)
    box = (0.1, 0.25, 0.3, 0.4) if has_box and not is_blank else ("", "", "", "")
    return {
        "observationID": f"o{number}",
        "deploymentID": f"d{_event(number) % deployments}",
        "mediaID": f"4ac1b4b5-77bd-4bb5-bb11-{number:012x}",
        "eventID": f"event-{_event(number)}",
        "eventStart": begin.isoformat(),
        "eventEnd": (begin + timedelta(seconds=FRAMES)).isoformat(),
        "observationLevel": "media",
        "observationType": "blank" if is_blank else "animal",
        "scientificName": "" if is_blank else SPECIES[_event(number) % len(SPECIES)],
        "count": "" if is_blank else 1,
        **dict(zip(("bboxX", "bboxY", "bboxWidth", "bboxHeight"), box, strict=True)),
        "classificationMethod": "machine",
        "classifiedBy": "MegaDetector V5",
        "classificationTimestamp": BEGIN.isoformat(),
        "classificationProbability": 0.9,
    }


def _event(number: int) -> int:
    return number // FRAMES


def _time(number: int, deployments: int) -> datetime:
    return BEGIN + timedelta(hours=_event(number) // deployments, seconds=number % FRAMES)
