"""Several sources may describe one data set, each a part of it; where they contradict each other is told."""

from __future__ import annotations

import json

import duckdb

from treeline.catalog.database import read_sql
from treeline.catalog.places import SECRETS, quoted, short
from treeline.catalog.rules import FIXES
from treeline.catalog.sources import Source
from treeline.catalog.violations import Violation, Violations

RULE = "description_contradicts"


def check_descriptions(connection: duckdb.DuckDBPyConnection, source: Source, violations: Violations) -> None:
    """Look for what the staged source says of data sets and another source contradicts.

    An error in strict mode. In compat mode it is a warning, and what the older ingest says stays.

    Args:
        connection: With the view `other_ingests`.
        source: What is staged.
        violations: Where to put what is found.
    """
    severity = "error" if source.is_strict else "warning"
    connection.execute(read_sql("descriptions.sql"))
    for dataset, field, mine, other, theirs in connection.execute("FROM contradictions ORDER BY ALL").fetchall():
        path = f"dataset {quoted(dataset)}, field {quoted(field)}"
        told = f"{quoted(source.name)} says {_shown(field, mine)}, {quoted(other)} says {_shown(field, theirs)}"
        violations.add(Violation(RULE, path, told, FIXES[RULE], "", severity))
    connection.execute("DROP TABLE contradictions")


def _shown(field: str, value: str) -> str:
    return "(a key)" if field in SECRETS else short(json.loads(value))
