"""Which camera took an image: by the folders that it lies in, or by a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from treeline.errors import InputError

COLUMNS = ("file", "location")
UNKNOWN = ""
"""The location of an image of which none is known."""

ONE_WAY = "Give one of --locations, --levels-up and --one-location."


@dataclass(frozen=True)
class LocationRule:
    """How the location of an image is told: one of the three, or else its folder.

    Args:
        table: CSV, TSV or Parquet with the columns `file`, as in the results, and `location`.
        levels_up: Number of folders next to the image that are not part of the location: 1 where a camera makes
            folders of its own, such as 100RECNX.
        one_location: All images are of one camera.
    """

    table: Path | None = None
    levels_up: int = 0
    one_location: bool = False

    def facts(self) -> dict[str, object]:
        """What a results file says of the rule."""
        if self.table is not None:
            return {"locations": self.table.name}
        return {"locations": "one"} if self.one_location else {"locations": "folders", "levels_up": self.levels_up}


def locate(results: Path, files: Sequence[str], rule: LocationRule) -> list[str]:
    """Tell the location of each image.

    Args:
        results: The file that names the images; for the text of errors.
        files: Names of images in it.
        rule: How.

    Raises:
        InputError: A location is unknown, the table cannot be read, or the rule contradicts itself.
    """
    if (rule.table is not None) + (rule.levels_up > 0) + rule.one_location > 1:
        raise InputError(results, "its locations are to be told in several ways.", fix=ONE_WAY)
    if rule.table is not None:
        return _look_up(rule.table, read_locations(rule.table), files)
    if rule.one_location:
        return [""] * len(files)
    return [_folder_of(results, file, rule.levels_up) for file in files]


def read_locations(table: Path) -> dict[str, str]:
    """Read the location of each image of a table; its other columns do not matter.

    Raises:
        InputError: It cannot be read, lacks a column, or gives an image two locations.
    """
    from treeline.io.tables import read_table

    rows = read_table(table, dict.fromkeys(COLUMNS, "VARCHAR"))
    return _as_mapping(table, list(zip(*(rows[name].to_pylist() for name in COLUMNS), strict=True)))


def location_of(file: str, locations: Mapping[str, str] | None) -> str:
    """The location of an image: the table's where there is a table, or else the folder of its name.

    Args:
        file: The image's name, with forward slashes.
        locations: What `read_locations` gives.

    Returns:
        The location; `UNKNOWN` for a file that is not in the table, or has no folder.
    """
    return file.rpartition("/")[0] if locations is None else locations.get(file, UNKNOWN)


def _as_mapping(table: Path, rows: Sequence[tuple[str | None, str | None]]) -> dict[str, str]:
    locations: dict[str, str] = {}
    for file, location in rows:
        if file is not None and location is not None and locations.setdefault(file, location) != location:
            both = " and ".join(sorted((locations[file], location)))
            raise InputError(table, f"{file} is at two locations, {both}.", fix="Leave one of them.")
    return locations


def _look_up(table: Path, locations: Mapping[str, str], files: Sequence[str]) -> list[str]:
    missing = sorted(file for file in files if file not in locations)
    if missing:
        problem = f"{len(missing)} of {len(files)} images have no location; the first is {missing[0]}."
        raise InputError(table, problem, field="file", fix="Add them, by the names that they have in the results.")
    return [locations[file] for file in files]


def _folder_of(results: Path, file: str, levels_up: int) -> str:
    folders = PurePosixPath(file.replace("\\", "/")).parts[:-1]
    if len(folders) <= levels_up:
        problem = f"{file} lies in {len(folders)} folders, so that --levels-up {levels_up} leaves none for its camera."
        fix = "Give --locations, a table of file and location, or --one-location if all images are of one camera."
        raise InputError(results, problem, fix=fix)
    return "/".join(folders[: len(folders) - levels_up])
