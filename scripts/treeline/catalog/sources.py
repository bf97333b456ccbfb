"""What is ingested, and how: a block of `catalog.sources` in the configuration, or the options of the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

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
        boxes_complete: An image without boxes was looked at and has none.
        columns: Which column of a plain table is what.
        labels: What a label of the source is called in the catalogue.
    """

    name: str
    format: str
    path: Path
    dataset: str | None = None
    is_strict: bool = True
    boxes_complete: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
