"""Where images were taken: the camera or site that they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from treeline.detections.tables import read_rows
from treeline.errors import InputError

UNKNOWN = ""
"""The location of an image of which none is known."""


def read_locations(table: Path) -> dict[str, str]:
    """Read a table of locations.

    Args:
        table: CSV with the columns `file` (as the results call the image) and `location`.

    Returns:
        The location by the file's name.

    Raises:
        InputError: It is no such table, or gives a file two locations.
    """
    locations: dict[str, str] = {}
    for number, row in read_rows(table, ("file", "location")):
        file, location = row["file"], row["location"]
        if locations.setdefault(file, location) != location:
            raise InputError(table, f"{file} is at {locations[file]!r} above, and here at {location!r}.", row=number)
    return locations


def location_of(file: str, locations: Mapping[str, str] | None) -> str:
    """The location of an image: the table's where there is a table, or else the folder of its name.

    Args:
        file: The image's name, with forward slashes.
        locations: What `read_locations` gives.

    Returns:
        The location; `UNKNOWN` for a file that is not in the table, or has no folder.
    """
    if locations is not None:
        return locations.get(file, UNKNOWN)
    return file.rpartition("/")[0]
