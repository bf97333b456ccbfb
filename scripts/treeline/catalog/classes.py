"""Class labels as MegaDB writes them: lower case ASCII, `empty` for nothing, `__label_unavailable` for no label."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from unidecode import unidecode

from treeline.catalog.sources import Source

EMPTY = "empty"
UNAVAILABLE = "__label_unavailable"

ALIASES = {"blank": EMPTY, "nothing": EMPTY, "unlabeled": UNAVAILABLE, "unlabelled": UNAVAILABLE}
"""What other collections call the two labels that MegaDB prescribes."""

_NOT_ALLOWED = re.compile(r"[^ a-z0-9_\-'.,]+")
LISTED = ("staged_images", "staged_sequences", "staged_videos")
SINGLE = ("staged_boxes", "staged_classes")


def normalise(label: str, labels: dict[str, str]) -> str:
    """Bring a label to MegaDB's form.

    Args:
        label: As the source has it.
        labels: What the user wants labels of the source to be called.

    Returns:
        Lower case ASCII of letters, digits and ` _-'.,`; `__label_unavailable` for a label of which nothing is left.
    """
    named = labels.get(label, label)
    plain = " ".join(_NOT_ALLOWED.sub(" ", unidecode(named).lower()).split()).strip(" -',")
    return ALIASES.get(plain, plain) or UNAVAILABLE


def normalise_classes(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Normalise all staged labels; MegaDB's own are left as they are, because its rules are for them."""
    if source.format == "megadb":
        return
    for table in LISTED:
        _rename(connection, table, pa.list_(pa.string()), lambda classes: _normalise_all(classes, source.labels))
    for table in SINGLE:
        _rename(connection, table, pa.string(), lambda label: normalise(label, source.labels))


def _normalise_all(classes: list[str], labels: dict[str, str]) -> list[str]:
    """Normalise a list; labels that become the same are there once."""
    return sorted({normalise(label, labels) for label in classes})


def _rename(connection: duckdb.DuckDBPyConnection, table: str, kind: pa.DataType, rename: Callable[[Any], Any]) -> None:
    """Rename the classes of a table; there are far fewer different ones than rows."""
    found = connection.execute(f"SELECT DISTINCT class FROM {table} WHERE class IS NOT NULL ORDER BY class").fetchall()
    renamed = {"old": [old for (old,) in found], "new": [rename(old) for (old,) in found]}
    if renamed["old"] == renamed["new"]:
        return
    connection.register("renamed_classes", pa.table(renamed, schema=pa.schema({"old": kind, "new": kind})))
    connection.execute(f"UPDATE {table} SET class = new FROM renamed_classes WHERE class = old")
    connection.unregister("renamed_classes")
