"""Rows of the example that no URL batch may hold, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from resources.example.records import Record


@dataclass(frozen=True)
class Unusable:
    """A row of the multimedia table, and the reason that `urls/rejected.parquet` must give for it."""

    record: Record
    reason: str


LOCATIONS = {
    "": "no_identifier",
    "file:///etc/passwd": "unsupported_scheme",
    "ftp://127.0.0.1/images/0001.jpeg": "unsupported_scheme",
    "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=": "unsupported_scheme",
    "127.0.0.1/images/0001.jpeg": "unparsable_url",
    "http://[127.0.0.1/images/0001.jpeg": "unparsable_url",
    "http:///images/0001.jpeg": "unparsable_url",
}
"""Identifiers that cannot be asked for."""

CITATION = {"gbifID": "4000009999", "basisOfRecord": "MATERIAL_CITATION"}
"""An occurrence that is only cited in a paper: the gbif initializer leaves it out."""


def unusable_rows(usable: list[Record]) -> list[Unusable]:
    """Spoil copies of the usable rows, one way each."""
    spoiled = [Unusable({**usable[0], "identifier": url}, reason) for url, reason in LOCATIONS.items()]
    repeated = [Unusable(record, "duplicate_uuid") for record in usable[5:8]]
    filtered = [
        usable[1] | {"type": "Sound", "format": "audio/mpeg"},
        usable[2] | {"type": "MovingImage", "format": "video/mp4"},
        usable[3] | {"type": "", "format": "text/html"},
        usable[4] | CITATION,
        usable[5] | {"gbifID": ""},
    ]
    for record in filtered:
        record["identifier"] += "?filtered"  # so that it is nobody's duplicate
    return [*spoiled, *repeated, *(Unusable(record, "filtered_by_gbif") for record in filtered)]
