"""Where the samples of a dataset come from: each kind tells what it has, `rows.assemble` makes the tables."""

from __future__ import annotations

from pathlib import Path

from treeline.datasets.description import Description
from treeline.datasets.sources.rows import SourceRows


def read_source(description: Description, table: Path | None = None) -> SourceRows:
    """Read what a source says of its samples.

    Args:
        description: What the dataset is to be.
        table: The answer of the source's query, where it has one.

    Raises:
        InputError: The source is missing, lacks a column, or is not of its kind.
    """
    from treeline.datasets.sources import folder, rasters, training_set
    from treeline.datasets.sources import table as tables

    if description.source.kind == "folder":
        return folder.read(description)
    if description.source.kind == "rasters":
        return rasters.read(description)
    if description.source.kind == "training_set":
        return training_set.read(description)
    return tables.read(description, table)
