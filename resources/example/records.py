"""The example's collection as rows of a GBIF download: what a usable row of either table looks like."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from resources.example.collection import FIRST_PORT, RANKS, Occurrence, Photo, address
from resources.example.programmes import CC0

Record: TypeAlias = dict[str, str]
"""A row of a table; an empty text is a null."""

MULTIMEDIA_COLUMNS = (
    "gbifID", "type", "format", "identifier", "references", "title", "description", "source", "audience", "created",
    "creator", "contributor", "publisher", "license", "rightsHolder", "basisOfRecord",
)  # fmt: skip
"""Those of GBIF's multimedia.txt, and the occurrence's `basisOfRecord`, which the gbif initializer asks for."""

OCCURRENCE_COLUMNS = (
    "gbifID", "basisOfRecord", "publisher", "datasetKey", "eventDate", "eventRemarks", "locality", "decimalLatitude",
    "decimalLongitude", *RANKS, "taxonRemarks", "taxonomicStatus", "issue",
)  # fmt: skip

OWN_COLUMNS = ("identifier", "source_id", "title", "creator", "license", "source")
"""Those of a table that somebody writes by hand."""
OWN_PHOTOS_EACH = 10
"""Photos of each server in that table."""

WITHOUT_TYPE_EVERY = 10
"""Every so many photos the type is missing: the format alone tells that it is an image."""
WITHOUT_TITLE_EVERY = 15
ROUNDED_COORDINATES_EVERY = 4


def multimedia_record(occurrence: Occurrence, photo: Photo, first_port: int = FIRST_PORT) -> Record:
    """The row of one photo."""
    programme, number = occurrence.programme, photo.number
    described = {
        "gbifID": str(occurrence.gbif_id),
        "type": "" if number % WITHOUT_TYPE_EVERY == 0 else "StillImage",
        "format": f"image/{photo.format}",
        "identifier": f"http://{address(photo.server, first_port)}{photo.path}",
        "references": f"https://occurrences.example/{occurrence.gbif_id}",
        "title": ""
        if number % WITHOUT_TITLE_EVERY == 0
        else f"{occurrence.taxon['species'] or 'Unknown'}, photo {number}",
        "source": programme.publisher,
        "created": photo.taken.isoformat() if photo.taken else occurrence.time.date().isoformat(),
        "creator": occurrence.camera if programme.camera else "A. Collector",
        "publisher": programme.publisher,
        "license": programme.license,
        "rightsHolder": "" if programme.license == CC0 else programme.publisher,
        "basisOfRecord": programme.basis_of_record,
    }
    return dict.fromkeys(MULTIMEDIA_COLUMNS, "") | described


def occurrence_record(occurrence: Occurrence) -> Record:
    """The row of one occurrence; places are made up, a different one for each camera and each museum piece."""
    programme, number = occurrence.programme, occurrence.gbif_id
    place = number % 4 if programme.camera else number % 97
    described = {
        "gbifID": str(number),
        "basisOfRecord": programme.basis_of_record,
        "publisher": programme.publisher,
        "datasetKey": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{programme.taxa}.{programme.publisher}")),
        "eventDate": occurrence.time.isoformat(),
        "eventRemarks": programme.event_remarks,
        "locality": occurrence.camera if programme.camera else f"Parish {place}",
        "decimalLatitude": f"{50 + place * 0.05:.2f}",
        "decimalLongitude": f"{5 + place * 0.05:.2f}",
        **{rank: occurrence.taxon[rank] for rank in RANKS},
        "taxonRemarks": programme.taxon_remarks,
        "taxonomicStatus": occurrence.taxon["taxonomicStatus"],
        "issue": "COORDINATE_ROUNDED" if number % ROUNDED_COORDINATES_EVERY == 0 else "",
    }
    return dict.fromkeys(OCCURRENCE_COLUMNS, "") | described


def own_records(records: Iterable[Record]) -> list[Record]:
    """Some photos of each server, in rows of a table that somebody writes by hand."""
    of_server: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        of_server[urlsplit(record["identifier"]).netloc].append(record | {"source_id": record["gbifID"]})
    chosen = (record for photos in of_server.values() for record in photos[:: _stride(photos)][:OWN_PHOTOS_EACH])
    return [{column: record[column] for column in OWN_COLUMNS} for record in chosen]


def _stride(photos: Sequence[Record]) -> int:
    """All over the photos; odd, as every second one of the broken server has a fault."""
    stride = (len(photos) - 1) // (OWN_PHOTOS_EACH - 1)
    return stride - 1 + stride % 2
