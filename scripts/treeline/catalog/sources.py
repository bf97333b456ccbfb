"""What is ingested, and how: a block of `catalog.sources` in the configuration, or the options of the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from treeline.errors import InputError

Stage = Callable[[duckdb.DuckDBPyConnection, "Source"], None]
"""Reads a source into the staged tables (`staging.sql`).

Raises:
    InputError: The source is not of its format.
"""


@dataclass(frozen=True)
class Source:
    """One thing to ingest.

    Args:
        name: What an ingest replaces: the next one of this name.
        format: A key of `readers.READERS`.
        path: File or folder.
        dataset: The data set that it belongs to, where the format does not say.
        is_strict: Refuse what MegaDB's own rules let pass but cannot be right.
        access: Who may see the images, where the format does not say.
        boxes_complete: An image without boxes was looked at and has none.
        columns: Which column of a plain table is what.
        labels: What a label of the source is called in the catalogue.
        tables: Further files that the format knows, such as `locations`.
    """

    name: str
    format: str
    path: Path
    dataset: str | None = None
    is_strict: bool = True
    access: Sequence[str] = ()
    boxes_complete: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Path] = field(default_factory=dict)

    @property
    def required_dataset(self) -> str:
        """The data set, for a format that does not name it.

        Raises:
            InputError: None is given.
        """
        if not self.dataset:
            raise InputError(self.path, f"a {self.format} source names no data set.", fix="Give one: --dataset NAME.")
        return self.dataset

    @property
    def adds_to_images(self) -> bool:
        """Whether what it says of images that another source has brought is added to them."""
        return self.format == "megadetector"


def parse_sources(text: str) -> list[Source]:
    """Read sources from JSON, as the rule writes them: a list of objects whose keys are those of `Source`."""
    return [
        Source(
            **{
                **entry,
                "path": Path(entry["path"]),
                "tables": {name: Path(path) for name, path in entry.get("tables", {}).items()},
            }
        )
        for entry in json.loads(text)
    ]
