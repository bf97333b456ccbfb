"""Check what is staged against the rules of the catalogue, with a query a rule."""

from __future__ import annotations

import duckdb

from treeline.catalog.sources import Source


def check_staged(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Refuse a source that breaks a rule."""
