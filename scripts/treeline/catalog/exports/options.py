"""What an export is: a function of the catalogue, a target, and what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class ExportOptions:
    """What was asked for; a command offers what its format has a use for.

    Args:
        datasets: The data sets to write; none means all.
        is_unhoisted: Put each property on the level where its source had it, not on the highest where it is correct.
        with_secrets: Write the keys to the storage, too.
        time_zone: Of times that have no offset: a name such as Europe/Brussels, or an offset such as +01:00.
        locations: A table with the columns location, latitude and longitude.
        metadata: A JSON file with what the format's description of the data set shall say.
    """

    datasets: tuple[str, ...] = ()
    is_unhoisted: bool = False
    with_secrets: bool = False
    time_zone: str | None = None
    locations: Path | None = None
    metadata: Path | None = None


Export = Callable[[duckdb.DuckDBPyConnection, Path, ExportOptions], dict[str, int]]
"""Writes a file or a folder, whole or not at all, and returns how many it wrote of what, such as `{"images": 3}`.

Its bytes depend on the catalogue and the options alone.

Raises:
    CatalogError: There is nothing to write, or no data set of a name that was given.
    InputError: The format cannot hold what is there; names the image.
"""
